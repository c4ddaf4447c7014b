r"""Oracle of the permutation kernel: a Feistel network over two digits and cycle walking, in NumPy.

Test vectors, the first rows (keys in hexadecimal):

    size   key_low           key_high          rows
    10     0                 0                 3 0 5 6 9 1 8 4 7 2
    1000   1                 0                 217 552 679 570 613 937 401 503
    10**6  0123456789abcdef  fedcba9876543210  127983 657764 855299 304160 283428 715688 530031 366897
    2**40  ffffffffffffffff  ffffffffffffffff  295037319174 310716190223 659531098186 447385823711

>>> permutation_rows(10, 0, 0, 0, 10)
array([3, 0, 5, 6, 9, 1, 8, 4, 7, 2])

Formulas: `csrc/kernels/permutation.hpp`. Source: Black, Rogaway: Ciphers with arbitrary finite domains (2002).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

__all__ = ["keyed_words", "permutation_positions", "permutation_rows", "permutation_rows_at"]

U64 = NDArray[np.uint64]

_STEP = 0x9E3779B97F4A7C15
_FIRST, _SECOND = np.uint64(0x9E3779B1), np.uint64(0x85EBCA77)
_LOW, _HALF = np.uint64(0xFFFFFFFF), np.uint64(32)
_MANY_ROWS = 1 << 16


def permutation_rows(size: int, key_low: int, key_high: int, start: int, count: int) -> NDArray[np.int64]:
    """Return int64[count]: the rows at positions [start, start + count) of the permutation of [0, size)."""
    return permutation_rows_at(size, key_low, key_high, np.arange(start, start + count, dtype=np.int64))


def permutation_rows_at(size: int, key_low: int, key_high: int, positions: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return int64[k]: the rows at any positions of [0, size)."""
    return _walk(positions, size, key_low, key_high, forward=True)


def permutation_positions(size: int, key_low: int, key_high: int, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return int64[k]: at which positions the rows come.

    >>> permutation_positions(1000, 7, 0, permutation_rows(1000, 7, 0, 40, 3))
    array([40, 41, 42])
    """
    return _walk(rows, size, key_low, key_high, forward=False)


def keyed_words(key_low: int, key_high: int, start: int, count: int) -> U64:
    """Return uint64[count]: the words [start, start + count) that a key of 128 bits stands for."""
    with np.errstate(over="ignore"):
        counters = np.arange(start + 1, start + count + 1, dtype=np.uint64) * np.uint64(_STEP)
        return _mix(_mix(np.uint64(key_low) + counters) ^ np.uint64(key_high))


def _walk(numbers: NDArray[np.int64], size: int, key_low: int, key_high: int, *, forward: bool) -> NDArray[np.int64]:
    """Apply the network, and again to each result that is no number of [0, size)."""
    right = math.isqrt(size - 1) + 1 if size > 0 else 1
    left = -(-size // right)
    left += left % 2
    keys = keyed_words(key_low, key_high, 0, 24 if size < _MANY_ROWS else 8)
    result = np.asarray(numbers).astype(np.uint64)
    outside = np.ones(result.shape, bool)
    while outside.any():
        result[outside] = _network(result[outside], np.uint64(left), np.uint64(right), keys, forward=forward)
        outside = result >= np.uint64(size)
    return result.astype(np.int64)


def _network(x: U64, left: np.uint64, right: np.uint64, keys: U64, *, forward: bool) -> U64:
    high, low = x // right, x % right
    for i in range(len(keys)) if forward else reversed(range(len(keys))):
        if i % 2 == 0:
            shift = _shift(low, keys[i], left)
            high = (high + (shift if forward else left - shift)) % left
        else:
            shift = _shift(high, keys[i], right)
            low = (low + (shift if forward else right - shift)) % right
    return high * right + low


def _shift(x: U64, key: np.uint64, modulus: np.uint64) -> U64:
    """Return a number of [0, modulus) that follows from x and the key."""
    first = _fold((x ^ (key & _LOW)) * _FIRST)
    return _fold((first ^ (key >> _HALF)) * _SECOND) * modulus >> _HALF


def _fold(x: U64) -> U64:
    return (x & _LOW) ^ (x >> _HALF)


def _mix(x: U64) -> U64:
    """Return SplitMix64's last steps."""
    x = (x ^ x >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ x >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
    return x ^ x >> np.uint64(31)
