"""Oracle of the quantiles kernel: every key, sorted."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["sample"]


def sample(values: NDArray[np.float64], *, capacity: int, seed: int = 0, first_row: int = 0) -> NDArray[np.float64]:
    """Return, in ascending order, the finite values whose rows have the `capacity` smallest keys.

    values: float64[n]; row i has the ordinal first_row + i and the key mix(ordinal + mix(seed)).
    Source: bottom-k sampling; see `csrc/kernels/quantiles.hpp`.

    >>> sample(np.array([3.0, np.nan, 1.0]), capacity=8)
    array([1., 3.])
    """
    ordinals = np.arange(first_row, first_row + len(values), dtype=np.uint64)
    keys = _mix(ordinals + _mix(np.array([seed], np.uint64)))
    finite = np.isfinite(values)
    chosen = np.argsort(keys[finite])[:capacity]
    ascending: NDArray[np.float64] = np.sort(values[finite][chosen] + 0.0)
    return ascending


def _mix(z: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The finaliser of splitmix64; arithmetic of uint64 arrays wraps around."""
    z = z + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))
