"""Oracle of the orders beside the permutation: weighted draws and strata kept in proportion.

Sources: inverse of the distribution function; Baruah, Cohen, Plaxton, Varvel: Proportionate progress (1996).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mlops_runtime.kernels.permutation.reference import keyed_words, permutation_rows_at

__all__ = ["stratified_rows", "stratum_places", "weighted_rows"]


def weighted_rows(
    weights: NDArray[np.float64], key_low: int, key_high: int, start: int, count: int
) -> NDArray[np.int64]:
    """Return int64[count]: the draws [start, start + count), rows in proportion to weights.

    weights: float64[rows], finite, none below 0, not all 0.

    >>> weighted_rows(np.array([0.0, 1.0, 0.0]), 5, 0, 0, 4)
    array([1, 1, 1, 1])
    """
    cumulative = np.cumsum(weights)
    uniform = (keyed_words(key_low, key_high, start, count) >> np.uint64(11)).astype(np.float64) * 2.0**-53
    target = np.minimum(uniform * cumulative[-1], np.nextafter(cumulative[-1], 0.0))
    rows: NDArray[np.int64] = np.searchsorted(cumulative, target, side="right").astype(np.int64)
    return rows


def stratum_places(members: list[int]) -> list[int]:
    """Return the stratum that each place of the epoch takes, for strata of so many members.

    >>> stratum_places([4, 2, 1])
    [0, 0, 1, 0, 1, 0, 2]
    """
    total, done, places = sum(members), [0] * len(members), []
    for place in range(1, total + 1):
        may_come = [
            ((done[s] + 1) * total + m - 1) // m * len(members) + s
            for s, m in enumerate(members)
            if done[s] < m and done[s] * total // m + 1 <= place
        ]
        stratum = min(may_come) % len(members)
        done[stratum] += 1
        places.append(stratum)
    return places


def stratified_rows(strata: NDArray[np.int64], key_low: int, key_high: int) -> NDArray[np.int64]:
    """Return int64[n]: the whole epoch. strata: int64[n], numbers of [0, n)."""
    members = np.bincount(strata).tolist() if len(strata) else []
    places = np.array(stratum_places(members), np.int64)
    result = np.empty(len(strata), np.int64)
    for stratum, count in enumerate(members):
        own = np.flatnonzero(strata == stratum)
        key = (key_low + stratum) % 2**64
        result[places == stratum] = own[permutation_rows_at(count, key, key_high, np.arange(count))]
    return result
