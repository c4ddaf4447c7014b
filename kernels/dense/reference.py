"""Oracle of expressions: the steps in NumPy, the same operations in the same order as `csrc/kernels/steps.hpp`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from mlops_runtime.kernels.dense.calendar import date_part
from mlops_runtime.kernels.dense.elementary import expm1, log1p

__all__ = ["apply_step", "combine", "evaluate", "to_float32"]

F64 = NDArray[np.float64]

_LARGEST = float(np.finfo(np.float32).max)
_OPERATIONS: dict[str, Callable[[F64, F64], F64]] = {
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "divide": np.divide,
}


def combine(operation: str, left: F64, right: F64) -> F64:
    """Return `left` and `right` added, subtracted, multiplied or divided, NaN where either is.

    >>> combine("divide", np.array([1.0, 1.0]), np.array([0.0, np.nan]))
    array([inf, nan])
    """
    with np.errstate(all="ignore"):
        return _OPERATIONS[operation](left, right)


def evaluate(x: F64, steps: Sequence[tuple[str, F64]]) -> F64:
    """Apply the steps of an expression to the values of its source, float64[n].

    >>> evaluate(np.array([1.0, np.nan]), [("impute", np.array([3.0])), ("affine", np.array([1.0, 0.5]))])
    array([0., 1.])
    """
    for name, parameters in steps:
        x = apply_step(name, parameters, x)
    return x


def to_float32(x: F64) -> NDArray[np.float32]:
    """Round to float32, clamped to its range; a NaN stays one.

    >>> to_float32(np.array([1e300, -np.inf]))
    array([ 3.4028235e+38, -3.4028235e+38], dtype=float32)
    """
    with np.errstate(invalid="ignore"):  # to round a signalling NaN raises the flag
        rounded = _clip(np.array([-_LARGEST, _LARGEST]), x).astype(np.float32)
    return np.where(np.isnan(rounded), np.float32(np.nan), rounded)


def apply_step(name: str, parameters: F64, x: F64) -> F64:
    """Apply one step to float64[n]; `_native.pyi` says what each computes."""
    with np.errstate(all="ignore"):
        if name.startswith("date_"):
            return date_part(name.removeprefix("date_"), x)
        return _STEPS[name](parameters, x)


def _impute(p: F64, x: F64) -> F64:
    return np.where(np.isfinite(x), x, p[0])


def _clip(p: F64, x: F64) -> F64:
    above = np.where(x < p[0], p[0], x)
    return np.where(above > p[1], p[1], above)


def _signed_log1p(_: F64, x: F64) -> F64:
    return np.copysign(log1p(np.abs(x)), x)


def _sqrt(_: F64, x: F64) -> F64:
    return np.where(np.isnan(x), x, np.sqrt(np.where(x > 0.0, x, 0.0)))


def _yeo_johnson(p: F64, x: F64) -> F64:
    log = log1p(np.abs(x))
    a = np.where(x >= 0.0, p[0], 2.0 - p[0])
    return np.copysign(np.where(a == 0.0, log, expm1(a * log) / a), x)


def _interpolate(p: F64, x: F64) -> F64:
    knots, values = np.split(p, 2)
    if knots.size == 1:
        return np.where(np.isnan(x), x, values[0])
    slopes = np.diff(values) / np.diff(knots)
    inside = _clip(knots[[0, -1]], x)
    i = np.minimum(_last_up_to(knots, inside), knots.size - 2)
    return values[i] + (inside - knots[i]) * slopes[i]


def _last_up_to(sorted_values: F64, x: F64) -> NDArray[np.intp]:
    """The last of the values that is <= x; the first where none is, or x is NaN."""
    return np.where(np.isnan(x), 0, np.maximum(np.searchsorted(sorted_values, x, "right") - 1, 0))


def _bucket(p: F64, x: F64) -> F64:
    return np.where(np.isnan(x), x, np.searchsorted(p, x, "right"))


def _table(p: F64, x: F64) -> F64:
    inside = np.where((x >= 0.0) & (x < p.size), x, 0.0)
    place = inside.astype(np.int64)
    return np.where(place == x, p[place], np.nan)


def _local_time(p: F64, x: F64) -> F64:
    times, offsets = np.split(p, 2)
    return x + offsets[_last_up_to(times, x)]


_STEPS: dict[str, Callable[[F64, F64], F64]] = {
    "impute": _impute,
    "clip": _clip,
    "log1p": lambda _, x: log1p(x),
    "signed_log1p": _signed_log1p,
    "sqrt": _sqrt,
    "yeo_johnson": _yeo_johnson,
    "affine": lambda p, x: (x - p[0]) * p[1],
    "interpolate": _interpolate,
    "bucket": _bucket,
    "table": _table,
    "equals": lambda p, x: (x == p[0]).astype(np.float64),
    "is_missing": lambda _, x: np.isnan(x).astype(np.float64),
    "local_time": _local_time,
}
