"""Which fold a row belongs to: a function of its ordinal alone, so that parts agree wherever they are fitted."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["row_folds"]

_SEED = np.uint64(0x6F75742D6F662D66)  # another sequence than the one that samples quantiles


def row_folds(ordinals: NDArray[np.int64], folds: int) -> NDArray[np.int64]:
    """Return the fold, 0 to folds - 1, of the rows with these ordinals.

    A keyed hash of the row's ordinal: the finaliser of splitmix64 (Steele, Lea and Flood 2014), then the high half of
    its product with `folds`.

    >>> row_folds(np.arange(8), 3).tolist()
    [1, 0, 2, 2, 1, 2, 2, 0]
    """
    z = ordinals.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + _SEED
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    return (((z >> np.uint64(32)) * np.uint64(folds)) >> np.uint64(32)).astype(np.int64)
