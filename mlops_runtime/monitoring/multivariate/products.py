"""Matrix products in parts so small that BLAS does not share them between threads.

Waiting for a thread costs more than the product where other work has the cores: on a busy machine of two, OpenBLAS 0.3
took 55 to 64 ms for what one thread does in 0.2 (measured). What is counted in the background of a server must not.
"""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

__all__ = ["gram", "product"]

F64 = NDArray[np.float64]

_MOST = 1 << 18  # multiplications: up to which OpenBLAS uses one thread
_TILE = 64
_CHUNK_ROWS = 512


def product(rows: F64, matrix: F64) -> F64:
    """Return rows @ matrix: float64[n, p] by [p, q].

    >>> product(np.ones((3, 2)), np.ones((2, 1))).tolist()
    [[2.0], [2.0], [2.0]]
    """
    n, (p, q) = len(rows), matrix.shape
    height = max(1, _MOST // max(1, p * q))
    whole = n - n % height
    found = np.empty((n, q))
    np.matmul(rows[:whole].reshape(-1, height, p), matrix, out=found[:whole].reshape(-1, height, q))
    np.matmul(rows[whole:], matrix, out=found[whole:])
    return found


def gram(rows: F64, weight: F64) -> F64:
    """Return rows.T @ diag(weight) @ rows: float64[p, p] of [n, p] and [n].

    >>> gram(np.array([[1.0, 2.0]]), np.array([3.0])).tolist()
    [[3.0, 6.0], [6.0, 12.0]]
    """
    n, p = rows.shape
    width = min(p, _TILE)
    height = _MOST // width**2 // 2
    found = np.zeros((p, p))
    chunk = -(-_CHUNK_ROWS // height) * height
    for start in range(0, n, chunk):
        some = rows[start : start + chunk]
        _add_gram(found, some, some * weight[start : start + chunk, None], width, height)
    return found


def _add_gram(found: F64, rows: F64, weighted: F64, width: int, height: int) -> None:
    """Add rows.T @ weighted, which is symmetric, tile by tile."""
    n, p = rows.shape
    whole = n - n % height
    left, right = (side[:whole].reshape(-1, height, p) for side in (rows, weighted))
    for first, second in itertools.combinations_with_replacement(range(0, p, width), 2):
        one, other = slice(first, first + width), slice(second, second + width)
        tile = np.matmul(left[:, :, one].transpose(0, 2, 1), right[:, :, other]).sum(axis=0)
        tile += rows[whole:, one].T @ weighted[whole:, other]
        found[one, other] += tile
        if first < second:
            found[other, one] += tile.T
