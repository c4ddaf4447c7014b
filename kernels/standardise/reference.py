"""Oracle of the standardise kernel: the same operations, in the same order, in NumPy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["indicate", "standardise"]

_LARGEST = float(np.finfo(np.float32).max)


def standardise(values: NDArray[np.float64], *, fill: float, center: float, scale: float) -> NDArray[np.float32]:
    """Return float32((x - center) * scale), x replaced by `fill` where missing or infinite.

    values: float64[n], NaN is missing. Returns float32[n], clamped to the range of float32.
    Source: see `csrc/kernels/standardise.hpp`.

    >>> standardise(np.array([1.0, np.nan]), fill=3.0, center=1.0, scale=0.5)
    array([0., 1.], dtype=float32)
    """
    filled = np.where(np.isfinite(values), values, fill)
    with np.errstate(over="ignore", invalid="ignore"):
        scaled = (filled - center) * scale
    above = np.where(scaled > -_LARGEST, scaled, -_LARGEST)
    return np.where(above < _LARGEST, above, _LARGEST).astype(np.float32)


def indicate(values: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return 1 where a value is missing (NaN), else 0; an infinity is present.

    >>> indicate(np.array([1.0, np.nan, np.inf]))
    array([0., 1., 0.], dtype=float32)
    """
    return np.isnan(values).astype(np.float32)
