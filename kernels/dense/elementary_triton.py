"""log1p and expm1 in float64 for Triton kernels: the operations of `csrc/kernels/elementary.hpp`, bit for bit.

They hold only where no multiplication is fused with an addition: launch with `enable_fp_fusion=False`.
"""

from __future__ import annotations

import triton
import triton.language as tl

__all__ = ["expm1", "log1p"]

_LN_2 = tl.constexpr(float.fromhex("0x1.62e42fefa39efp-1"))
_LN_2_HIGH = tl.constexpr(float.fromhex("0x1.62e42fee00000p-1"))  # times a whole number below 2^11: exact
_LN_2_LOW = tl.constexpr(float.fromhex("0x1.a39ef35793c76p-33"))
_PER_LN_2 = tl.constexpr(float.fromhex("0x1.71547652b82fep+0"))
_LEAST_LOG1P = tl.constexpr(-1.0 + 2.0**-53)
_HALF_STEP = tl.constexpr(0x00095F619980C433)  # between the bit patterns of sqrt(1/2) and 1.0
_WHOLE = tl.constexpr(0x433 << 52)  # as float64: 2^52 + the low bits
_ROUND = tl.constexpr(1.5 * 2.0**52)
_LEAST_EXPM1 = tl.constexpr(-64.0)
_MOST_EXPM1 = tl.constexpr(float.fromhex("0x1.62e42fefa39efp+9"))

# Coefficients, highest power first; tuples of constants are not usable in the interpreter.
_L_0 = tl.constexpr(float.fromhex("0x1.e2f6648b51b98p-3"))
_L_1 = tl.constexpr(float.fromhex("0x1.2438d78eb3aeep-2"))
_L_2 = tl.constexpr(float.fromhex("0x1.999a7a8b08454p-2"))
_L_3 = tl.constexpr(float.fromhex("0x1.555554fd9ca51p-1"))
_L_4 = tl.constexpr(float.fromhex("0x1.0p+1"))
_E_0 = tl.constexpr(float.fromhex("0x1.71e949bfccb2ep-19"))
_E_1 = tl.constexpr(float.fromhex("0x1.a158741499a4fp-16"))
_E_2 = tl.constexpr(float.fromhex("0x1.a01a7d547c0b1p-13"))
_E_3 = tl.constexpr(float.fromhex("0x1.6c164fb0ca474p-10"))
_E_4 = tl.constexpr(float.fromhex("0x1.111110e12a085p-7"))
_E_5 = tl.constexpr(float.fromhex("0x1.555555732f1f2p-5"))
_E_6 = tl.constexpr(float.fromhex("0x1.55555555672bdp-3"))
_E_7 = tl.constexpr(float.fromhex("0x1.fffffffff7bbcp-2"))


@triton.jit
def log1p(x):
    """log(1 + x), of anything below -1 + 2^-53 as if it were that."""
    bound = tl.full(x.shape, _LEAST_LOG1P, tl.float64)  # in `where`, Triton 3.6 takes a constant for a float32
    least = tl.where(x < bound, bound, x)
    exponent = ((1.0 + least).to(tl.int64, bitcast=True) + _HALF_STEP) >> 52
    scale = ((2048 - exponent) << 52).to(tl.float64, bitcast=True)
    g = least * scale + (scale - 4.0)
    s = g / (g + 8.0)
    z = s * s
    total = z * _L_0 + _L_1
    total = total * z + _L_2
    total = total * z + _L_3
    total = total * z + _L_4
    k = (exponent | _WHOLE).to(tl.float64, bitcast=True) - (4503599627370496.0 + 1023.0)
    return tl.where(x < float("inf"), k * _LN_2 + total * s, x)


@triton.jit
def expm1(x):
    """exp(x) - 1."""
    above = tl.where(x < _LEAST_EXPM1, _LEAST_EXPM1, x)
    bound = tl.full(x.shape, _MOST_EXPM1, tl.float64)
    inside = tl.where(above > bound, bound, above)
    rounded = inside * _PER_LN_2 + _ROUND
    n = rounded - _ROUND
    r = (inside - n * _LN_2_HIGH) - n * _LN_2_LOW
    total = r * _E_0 + _E_1
    total = total * r + _E_2
    total = total * r + _E_3
    total = total * r + _E_4
    total = total * r + _E_5
    total = total * r + _E_6
    total = total * r + _E_7
    half = ((rounded.to(tl.int64, bitcast=True) + 1022) << 52).to(tl.float64, bitcast=True)
    result = ((r + r * r * total) * half + (half - 0.5)) * 2.0
    return tl.where(x > bound, float("inf"), result)
