"""Oracle of log1p and expm1: the same operations as `csrc/kernels/elementary.hpp`, in the same order, in NumPy.

Error relative to the true value at most 2^-37.5 (log1p) and 2^-43 (expm1), that is 2^15.5 and 2^10 ulp of float64;
rounded to float32, subnormal results aside, at most 0.5001 ulp (measured by test_elementary against long double).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["expm1", "log1p"]

_LN_2 = float.fromhex("0x1.62e42fefa39efp-1")
_LN_2_HIGH, _LN_2_LOW = float.fromhex("0x1.62e42fee00000p-1"), float.fromhex("0x1.a39ef35793c76p-33")
_PER_LN_2 = float.fromhex("0x1.71547652b82fep+0")
_LEAST_LOG1P = -1.0 + 2.0**-53
_HALF_STEP = np.uint64(0x0009_5F61_9980_C433)  # between the bit patterns of sqrt(1/2) and 1.0
_WHOLE = np.uint64(0x433 << 52)  # as float64: 2^52 + the low bits
_ROUND = 1.5 * 2.0**52
_LEAST_EXPM1, _MOST_EXPM1 = -64.0, float.fromhex("0x1.62e42fefa39efp+9")
_MANTISSA = np.uint64(52)

# Lowest power first.
_LOG1P = [
    float.fromhex(text)
    for text in (
        "0x1.0p+1",
        "0x1.555554fd9ca51p-1",
        "0x1.999a7a8b08454p-2",
        "0x1.2438d78eb3aeep-2",
        "0x1.e2f6648b51b98p-3",
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
    """log(1 + x), of anything below -1 + 2^-53 as if it were that; within 2^-37.5 of the true value.

    >>> log1p(np.array([0.0, 1.0]))
    array([0.        , 0.69314718])
    """
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        least = np.where(x < _LEAST_LOG1P, _LEAST_LOG1P, x)
        exponent = ((1.0 + least).view(np.uint64) + _HALF_STEP) >> _MANTISSA
        scale = ((np.uint64(2048) - exponent) << _MANTISSA).view(np.float64)
        g = least * scale + (scale - 4.0)
        s = g / (g + 8.0)
        k = (exponent | _WHOLE).view(np.float64) - (2.0**52 + 1023.0)
        result = k * _LN_2 + s * _horner(_LOG1P, s * s)
    return np.where(x < np.inf, result, x)


def expm1(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """exp(x) - 1, within 2^-43 of the true value; -1 below -64.

    >>> expm1(np.array([0.0, 1.0]))
    array([0.        , 1.71828183])
    """
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        above = np.where(x < _LEAST_EXPM1, _LEAST_EXPM1, x)
        inside = np.where(above > _MOST_EXPM1, _MOST_EXPM1, above)
        rounded = inside * _PER_LN_2 + _ROUND
        n = rounded - _ROUND
        r = (inside - n * _LN_2_HIGH) - n * _LN_2_LOW
        half = ((rounded.view(np.uint64) + np.uint64(1022)) << _MANTISSA).view(np.float64)
        result = ((r + r * r * _horner(_EXPM1, r)) * half + (half - 0.5)) * 2.0
    return np.where(x > _MOST_EXPM1, np.inf, result)


def _horner(coefficients: list[float], x: NDArray[np.float64]) -> NDArray[np.float64]:
    total = np.full_like(x, coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        total = total * x + coefficient
    return total
