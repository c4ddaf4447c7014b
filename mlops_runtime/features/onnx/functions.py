"""log1p and expm1 as ONNX nodes: the operations of `csrc/kernels/elementary.hpp` in their order, so the same bits.

ONNX cannot look at the bits of a number. The exponent therefore comes from a rounded logarithm, put right by comparing
with the exact bounds, and powers of two from a table; all else is plain arithmetic.
"""

from __future__ import annotations

import numpy as np

from mlops_runtime.features.onnx.graph import DOUBLE, INT64
from mlops_runtime.features.onnx.tensor import Tensor, where

__all__ = ["expm1", "log1p"]

_LEAST_LOG1P = -1.0 + 2.0**-53
_LN2 = float.fromhex("0x1.62e42fefa39efp-1")
_LEAST_POWER, _MOST_POWER = -53, 1024  # of two, in 1 + x
_SQRT_HALF = float.fromhex("0x1.6a09e667f3bcdp-1")
_LOG1P = [
    *("0x1.e2f6648b51b98p-3", "0x1.2438d78eb3aeep-2", "0x1.999a7a8b08454p-2"),
    *("0x1.555554fd9ca51p-1", "0x1.0p+1"),
]
_EXPM1 = [
    *("0x1.71e949bfccb2ep-19", "0x1.a158741499a4fp-16", "0x1.a01a7d547c0b1p-13", "0x1.6c164fb0ca474p-10"),
    *("0x1.111110e12a085p-7", "0x1.555555732f1f2p-5", "0x1.55555555672bdp-3", "0x1.fffffffff7bbcp-2"),
]
_LN2_HIGH, _LN2_LOW = float.fromhex("0x1.62e42fee00000p-1"), float.fromhex("0x1.a39ef35793c76p-33")
_PER_LN2 = float.fromhex("0x1.71547652b82fep+0")
_ROUND = 1.5 * 2.0**52
_LEAST_EXPM1, _MOST_EXPM1 = -64.0, float.fromhex("0x1.62e42fefa39efp+9")
_LEAST_N, _MOST_N = -93, 1024


def log1p(x: Tensor) -> Tensor:
    """Return log(1 + x), float64; everything below -1 + 2**-53 counts as that number."""
    least = where(x < _LEAST_LOG1P, _LEAST_LOG1P, x)
    power = _power_of(least + 1.0)
    scale = x.constant(np.ldexp(4.0, -np.arange(_LEAST_POWER, _MOST_POWER + 1))).gather(power)
    g = least * scale + (scale - 4.0)
    s = g / (g + 8.0)
    result = (power + _LEAST_POWER).cast(DOUBLE) * _LN2 + _by_horner(_LOG1P, s * s) * s
    return where(x >= np.inf, x, result)


def _power_of(y: Tensor) -> Tensor:
    """Return k - `_LEAST_POWER`, int64, for sqrt(1/2) * 2**k <= y < sqrt(2) * 2**k; the largest for inf and NaN."""
    bounds = y.constant([*np.ldexp(_SQRT_HALF, np.arange(_LEAST_POWER, _MOST_POWER + 1)).tolist(), np.nan])
    guess = y.apply("Log") * (1.0 / _LN2) + (0.5 - _LEAST_POWER)
    near = where(guess < float(_MOST_POWER - _LEAST_POWER), guess, y.constant(float(_MOST_POWER - _LEAST_POWER)))
    power = near.cast(INT64).apply("Max", 0)
    is_above, is_below = y >= bounds.gather(power + 1), y < bounds.gather(power)
    return power + is_above.cast(INT64) - is_below.cast(INT64)


def expm1(x: Tensor) -> Tensor:
    """Return exp(x) - 1, float64."""
    above = where(x < _LEAST_EXPM1, _LEAST_EXPM1, x)
    inside = where(above > _MOST_EXPM1, _MOST_EXPM1, above)
    n = (inside * _PER_LN2 + _ROUND) - _ROUND
    r = (inside - n * _LN2_HIGH) - n * _LN2_LOW
    position = where(n.is_nan(), 0.0, n - float(_LEAST_N)).cast(INT64)
    half = x.constant(np.ldexp(0.5, np.arange(_LEAST_N, _MOST_N + 1))).gather(position)
    result = ((r + r * r * _by_horner(_EXPM1, r)) * half + (half - 0.5)) * 2.0
    return where(x > _MOST_EXPM1, np.inf, result)


def _by_horner(coefficients: list[str], x: Tensor) -> Tensor:
    """Return the polynomial with these coefficients, the highest first, by Horner's rule."""
    first, second, *rest = (float.fromhex(coefficient) for coefficient in coefficients)
    total = x * first + second
    for coefficient in rest:
        total = total * x + coefficient
    return total
