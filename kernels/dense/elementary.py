"""Oracle of log1p and expm1: the same operations as `csrc/kernels/elementary.hpp`, in the same order, in NumPy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["expm1", "log1p"]

_LN_2 = float.fromhex("0x1.62e42fefa39efp-1")
_LN_2_HIGH, _LN_2_LOW = float.fromhex("0x1.62e42fee00000p-1"), float.fromhex("0x1.a39ef35793c76p-33")
_PER_LN_2 = float.fromhex("0x1.71547652b82fep+0")
_LEAST_LOG1P = -1.0 + 2.0**-53
_HALF_STEP = np.uint64(0x0008000000000000)  # between the bit patterns of 0.75 and 1.0
_WHOLE = np.uint64(0x433 << 52)  # as float64: 2^52 + the low bits
_ROUND = 1.5 * 2.0**52
_LEAST_EXPM1, _MOST_EXPM1 = -64.0, float.fromhex("0x1.62e42fefa39efp+9")
_MANTISSA = np.uint64(52)

# Lowest power first.
_LOG1P = [
    float.fromhex(text)
    for text in (
        "0x1.0p-2",
        "-0x1.00000000062d2p-5",
        "0x1.55555559e03d9p-8",
        "-0x1.ffffffeaee397p-11",
        "0x1.99999319cdc4ep-13",
        "-0x1.555551a6f461dp-15",
        "0x1.2493cb70f9e65p-17",
        "-0x1.00035bf8b076ep-19",
        "0x1.c6d335a0688dap-22",
        "-0x1.9884c4e7418f3p-24",
        "0x1.768f046b6de9cp-26",
        "-0x1.658a6da8b5559p-28",
        "0x1.49e7f63f0ca08p-30",
        "-0x1.ca6cc67d53debp-33",
        "0x1.3ab97ac9eae9cp-36",
    )
]
_EXPM1 = [
    float.fromhex(text)
    for text in (
        "0x1.fffffffff7bbcp-2",
        "0x1.55555555672bdp-3",
        "0x1.555555732f1f2p-5",
        "0x1.111110e12a085p-7",
        "0x1.6c164fb0ca474p-10",
        "0x1.a01a7d547c0b1p-13",
        "0x1.a158741499a4fp-16",
        "0x1.71e949bfccb2ep-19",
    )
]


def log1p(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """log(1 + x), of anything below -1 + 2^-53 as if it were that.

    >>> log1p(np.array([0.0, 1.0]))
    array([0.        , 0.69314718])
    """
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        least = np.where(x < _LEAST_LOG1P, _LEAST_LOG1P, x)
        exponent = ((1.0 + least).view(np.uint64) + _HALF_STEP) >> _MANTISSA
        scale = ((np.uint64(2048) - exponent) << _MANTISSA).view(np.float64)
        g = least * scale + (scale - 4.0)
        total = _estrin(g)
        k = (exponent | _WHOLE).view(np.float64) - (2.0**52 + 1023.0)
        result = k * _LN_2 + total * g
    return np.where(x < np.inf, result, x)


def _estrin(g: NDArray[np.float64]) -> NDArray[np.float64]:
    c = _LOG1P
    g2 = g * g
    g4 = g2 * g2
    g8 = g4 * g4
    c0 = (c[0] + g * c[1]) + g2 * (c[2] + g * c[3])
    c4 = (c[4] + g * c[5]) + g2 * (c[6] + g * c[7])
    c8 = (c[8] + g * c[9]) + g2 * (c[10] + g * c[11])
    c12 = (c[12] + g * c[13]) + g2 * c[14]
    total: NDArray[np.float64] = (c0 + g4 * c4) + g8 * (c8 + g4 * c12)
    return total


def expm1(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """exp(x) - 1.

    >>> expm1(np.array([0.0, 1.0]))
    array([0.        , 1.71828183])
    """
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        above = np.where(x < _LEAST_EXPM1, _LEAST_EXPM1, x)
        inside = np.where(above > _MOST_EXPM1, _MOST_EXPM1, above)
        rounded = inside * _PER_LN_2 + _ROUND
        n = rounded - _ROUND
        r = (inside - n * _LN_2_HIGH) - n * _LN_2_LOW
        total = np.full_like(x, _EXPM1[-1])
        for coefficient in reversed(_EXPM1[:-1]):
            total = total * r + coefficient
        half = ((rounded.view(np.uint64) + np.uint64(1022)) << _MANTISSA).view(np.float64)
        result = ((r + r * r * total) * half + (half - 0.5)) * 2.0
    return np.where(x > _MOST_EXPM1, np.inf, result)
