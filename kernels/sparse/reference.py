"""Oracle of the ids that expressions give; those of keys are in `vocabulary.reference` and `hash.reference`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["ids_of_values"]


def ids_of_values(values: NDArray[np.float64], size: int) -> NDArray[np.int64]:
    """Return 0 where a value is NaN, else 1 + the value, at least 1 and at most size - 1.

    values: float64[n], whole numbers or NaN. Source: see `csrc/kernels/sparse.hpp`.

    >>> ids_of_values(np.array([np.nan, 0.0, 7.0, -1.0]), 5)
    array([0, 1, 4, 1])
    """
    is_missing = np.isnan(values)
    present = np.where(is_missing, 0.0, values)  # to add to a signalling NaN raises a flag
    return np.where(is_missing, 0, np.clip(present + 1, 1, size - 1)).astype(np.int64)
