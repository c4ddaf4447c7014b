"""The steps of an expression as ONNX nodes, float64[N, 1] in and out, by the kernels' operations in their order.

Rounding is IEEE and a node is one operation, so the numbers are the kernels', bit for bit. One trap: ONNX Runtime's
Where makes 0.0 of a -0.0 that it takes from its first value (and rewrites Where(Not(…))), so a value that may be -0.0
stands second, behind a condition without Not; a fill or bound of -0.0 counts as 0.0. Positions in sorted edges are
found by an unrolled binary search, so that long lists cost no memory.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from mlops_runtime.features.expression import DATE_PARTS, Step
from mlops_runtime.features.onnx.calendar import date_part
from mlops_runtime.features.onnx.functions import expm1, log1p
from mlops_runtime.features.onnx.graph import DOUBLE, INT64
from mlops_runtime.features.onnx.tensor import Tensor, where

__all__ = ["PREDICATES", "add_step"]

_F64 = NDArray[np.float64]


def add_step(x: Tensor, step: Step) -> Tensor:
    """Return the step's result, float64 of x's shape."""
    if step.name in PREDICATES:
        return PREDICATES[step.name](x, step.parameters).cast(DOUBLE)
    if step.name.removeprefix("date_") in DATE_PARTS:
        return date_part(x, step.name.removeprefix("date_"))
    return _STEPS[step.name](x, step.parameters)


def _impute(x: Tensor, parameters: _F64) -> Tensor:
    return where(x.is_nan() | abs(x).equals(np.inf), parameters[0], x)


def _clip(x: Tensor, parameters: _F64) -> Tensor:
    low, high = parameters
    above = where(x < low, low, x)
    return where(above > high, high, above)


def _log1p(x: Tensor, _: _F64) -> Tensor:
    return log1p(x)


def _signed_log1p(x: Tensor, _: _F64) -> Tensor:
    return _with_sign(log1p(abs(x)), x)


def _sqrt(x: Tensor, _: _F64) -> Tensor:
    return where(x <= 0.0, 0.0, x.apply("Sqrt"))


def _yeo_johnson(x: Tensor, parameters: _F64) -> Tensor:
    logarithm, exponent = log1p(abs(x)), float(parameters[0])
    upper, lower = (_power(logarithm, a) for a in (exponent, 2.0 - exponent))
    return _with_sign(abs(where(x >= 0.0, upper, lower)), x)


def _power(logarithm: Tensor, exponent: float) -> Tensor:
    return expm1(logarithm * exponent) / exponent if exponent else logarithm


def _with_sign(magnitude: Tensor, x: Tensor) -> Tensor:
    """Return the magnitude with x's sign, that of a zero too."""
    is_negative = (x < 0.0) | (x.constant(1.0) / x < 0.0)
    return magnitude * where(is_negative, -1.0, x.constant(1.0))


def _affine(x: Tensor, parameters: _F64) -> Tensor:
    center, scale = map(float, parameters)
    return (x - center) * scale


def _interpolate(x: Tensor, parameters: _F64) -> Tensor:
    knots, values = np.split(parameters, 2)
    if len(knots) == 1:
        return where(x.is_nan(), np.nan, x.constant(values[0]))
    inside = _clip(x, knots[[0, -1]])
    i = _count_up_to(inside, knots[1:-1])
    start, base, slope = (
        x.constant(table).gather(i) for table in (knots[:-1], values[:-1], np.diff(values) / np.diff(knots))
    )
    return base + (inside - start) * slope


def _bucket(x: Tensor, parameters: _F64) -> Tensor:
    return where(x.is_nan(), np.nan, _count_up_to(x, parameters).cast(DOUBLE))


def _table(x: Tensor, parameters: _F64) -> Tensor:
    size = len(parameters)
    is_position = x.floor().equals(x) & (x >= 0.0) & (x < float(size))
    position = where(is_position, x, x.constant(float(size))).cast(INT64)
    return x.constant(np.append(parameters, np.nan)).gather(position)


def _local_time(x: Tensor, parameters: _F64) -> Tensor:
    times, offsets = np.split(parameters, 2)
    return x + x.constant(offsets).gather(_count_up_to(x, times[1:]))


def _count_up_to(x: Tensor, edges: _F64) -> Tensor:
    """Return how many of the increasing edges are <= x, int64 of x's shape; none where x is NaN."""
    bits = len(edges).bit_length()
    padded = np.append(edges, np.full((1 << bits) - 1 - len(edges), np.inf))
    position = (x < -np.inf).cast(INT64)  # nothing is: zeros
    for bit in reversed(range(bits)):
        further = position + (1 << bit)
        position = where(x.constant(padded).gather(further - 1) <= x, further, position)
    return position.apply("Min", len(edges))


def _equals(x: Tensor, parameters: _F64) -> Tensor:
    return x.equals(parameters[0])


def _is_missing(x: Tensor, _: _F64) -> Tensor:
    return x.is_nan()


PREDICATES: Mapping[str, Callable[[Tensor, _F64], Tensor]] = MappingProxyType(
    {"equals": _equals, "is_missing": _is_missing}
)
_STEPS: Mapping[str, Callable[[Tensor, _F64], Tensor]] = MappingProxyType(
    {
        "impute": _impute,
        "clip": _clip,
        "log1p": _log1p,
        "signed_log1p": _signed_log1p,
        "sqrt": _sqrt,
        "yeo_johnson": _yeo_johnson,
        "affine": _affine,
        "interpolate": _interpolate,
        "bucket": _bucket,
        "table": _table,
        "local_time": _local_time,
    }
)
