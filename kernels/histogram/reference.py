"""Oracle of the histogram kernel: `numpy.searchsorted`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["histogram"]


def histogram(values: NDArray[np.float64], edges: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return how many finite values have exactly i edges below them, for i = 0 … k.

    values: float64[n]; NaN and infinities are left out. edges: float64[k], strictly increasing. Returns int64[k + 1].
    Source: see `csrc/kernels/histogram.hpp`.

    >>> histogram(np.array([0.0, 1.0, 1.5, np.nan]), np.array([0.0, 1.0]))
    array([1, 1, 1])
    """
    finite = values[np.isfinite(values)]
    return np.bincount(np.searchsorted(edges, finite, side="left"), minlength=len(edges) + 1).astype(np.int64)
