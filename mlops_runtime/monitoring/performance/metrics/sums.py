"""Sums and quotients that all metrics share."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["ratio", "weighted_sum"]


def ratio(part: float, whole: float) -> float:
    """Return part / whole, NaN when there is nothing to divide by."""
    return float(part / whole) if whole else float("nan")


def weighted_sum(values: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    """Return the sum of values times weights. Not a BLAS dot product: its bits depend on how many threads it takes."""
    return float(np.sum(values * weights))
