"""Which rows a reader asks for: conditions that all must hold, tried on statistics before values.

A missing value meets no condition, `!=` and `not in` included.
"""

from __future__ import annotations

import datetime as dt
import functools
import math
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mlops_runtime.core.digest import canonical_json, sha256_bytes
from mlops_runtime.core.errors import ConfigError, problem
from mlops_runtime.data.conform import is_text
from mlops_runtime.data.schema import Column, Schema

__all__ = ["Condition", "Filters", "digest_of_filters", "matching_rows", "may_match", "read_filters"]

Filters = Sequence[tuple[str, str, Any]]

_OPERATORS = ("==", "!=", "<", "<=", ">", ">=", "in", "not in")
_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_ARROW: dict[str, Callable[[Any, Any], Any]] = {
    "==": pc.equal,
    "<": pc.less,
    "<=": pc.less_equal,
    ">": pc.greater,
    ">=": pc.greater_equal,
}
_OPPOSITE = {"!=": "==", "not in": "in"}


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition. operator: `==`, `<`, `<=`, `>`, `>=` or `in`; negated: its opposite.

    values: one, or those of `in`, as the column's kind compares them: numbers, texts, or times in UTC.
    """

    column: Column
    operator: str
    values: tuple[Any, ...]
    negated: bool


def read_filters(filters: Filters, schema: Schema) -> tuple[Condition, ...]:
    """Check (column, operator, value) triples against the kinds of the columns. Raises ConfigError, SchemaError."""
    return tuple(_read(*triple, schema) for triple in filters)


def digest_of_filters(conditions: Sequence[Condition]) -> str:
    """Return the SHA-256 of conditions, as they are written: other ones may let the same rows through."""
    plain = [[each.column.name, each.operator, each.negated, *map(str, each.values)] for each in conditions]
    return sha256_bytes(canonical_json(plain))


def _read(name: str, sign: str, value: Any, schema: Schema) -> Condition:
    column = schema.column(name)
    if sign not in _OPERATORS:
        raise _refusal(name, f"one of {', '.join(_OPERATORS)}", repr(sign))
    many = sign in ("in", "not in")
    if many and isinstance(value, str | bytes):
        raise _refusal(name, "a collection of values", repr(value))
    values = tuple(_value(one, column) for one in (value if many else (value,)))
    return Condition(column, _OPPOSITE.get(sign, sign), values, sign in _OPPOSITE)


def _value(value: Any, column: Column) -> Any:
    if column.kind == "number" and isinstance(value, bool | int | float) and not math.isnan(value):
        return int(value) if isinstance(value, bool) else value
    if column.kind == "integer" and isinstance(value, int) and not isinstance(value, bool):
        return value
    if column.kind == "string" and isinstance(value, str):
        return value
    if column.kind == "timestamp" and isinstance(value, str | dt.date):
        try:
            return _utc(dt.datetime.fromisoformat(value) if isinstance(value, str) else value)
        except ValueError:
            pass
    raise _refusal(column.name, f"a value that a column of kind {column.kind} can be compared with", repr(value)[:80])


def _utc(moment: dt.date) -> dt.datetime:
    whole = moment if isinstance(moment, dt.datetime) else dt.datetime.combine(moment, dt.time())
    return whole.astimezone(dt.UTC) if whole.tzinfo else whole.replace(tzinfo=dt.UTC)


def _refusal(name: str, expected: str, got: str) -> ConfigError:
    return ConfigError(problem(expected=expected, got=got, where=f"filter on `{name}`", next_step="correct the filter"))


def matching_rows(table: pa.Table, conditions: Sequence[Condition]) -> NDArray[np.bool_]:
    """Return bool[rows]: where a conformed table meets every condition."""
    keep = np.ones(table.num_rows, np.bool_)
    for condition in conditions:
        column = table.column(condition.column.name)
        parts = [_meets(chunk, condition) for chunk in column.chunks]
        keep &= np.concatenate(parts) if parts else True
    return keep


def _meets(values: pa.Array, condition: Condition) -> NDArray[np.bool_]:
    if pa.types.is_dictionary(values.type):
        met = pa.array(_meets(values.dictionary, condition)).take(values.indices)
        return _as_bools(met)
    present = values.is_valid()
    if pa.types.is_boolean(values.type):
        values = values.cast(pa.int8())
    if pa.types.is_floating(values.type):
        present = pc.and_(present, pc.invert(pc.fill_null(pc.is_nan(values), True)))
    sign = "==" if condition.operator == "in" else condition.operator
    met = [_as_bools(_ARROW[sign](values, _scalar(value, values.type))) for value in condition.values]
    any_met = functools.reduce(np.logical_or, met, np.zeros(len(values), np.bool_))
    return _as_bools(present) & (any_met ^ condition.negated)


def _scalar(value: Any, data_type: pa.DataType) -> pa.Scalar:
    if isinstance(value, int) and not -(2**63) <= value < 2**63 and data_type != pa.uint64():
        return pa.scalar(float(value))
    return pa.scalar(value, data_type) if is_text(data_type) or data_type == pa.uint64() else pa.scalar(value)


def _as_bools(values: pa.Array) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = pc.fill_null(values, False).to_numpy(zero_copy_only=False)
    return found


def may_match(condition: Condition, bounds: tuple[Any, Any] | None, data_type: pa.DataType, *, trim: bool) -> bool:
    """Whether a row can meet the condition where raw values of this Arrow type lie within `bounds` (None: anywhere).

    trim: whether conforming removes spaces around texts.
    """
    limits = _limits(condition, bounds, data_type, trim=trim) if bounds else None
    if limits is None:
        return True
    low, high = limits
    if condition.negated:
        return not (low == high and low in condition.values)
    if condition.operator in ("==", "in"):
        return any(_between(value, low, high, trim=trim) for value in condition.values)
    (value,) = condition.values
    return bool(_COMPARE[condition.operator](low if condition.operator[0] == "<" else high, value))


def _between(value: Any, low: Any, high: Any, *, trim: bool) -> bool:
    """A raw text that is `value` once its end is trimmed may come after it: `a ` is `a`."""
    if isinstance(value, str) and trim and low.startswith(value):
        return True
    return bool(low <= value <= high)


def _limits(
    condition: Condition, bounds: tuple[Any, Any], data_type: pa.DataType, *, trim: bool
) -> tuple[Any, Any] | None:
    """Return bounds of the conformed values, as the condition compares them; None when the raw ones tell nothing."""
    kind, types = condition.column.kind, pa.types
    if kind in ("number", "integer") and (types.is_integer(data_type) or types.is_boolean(data_type)):
        return int(bounds[0]), int(bounds[1])
    if (kind == "number" and types.is_floating(data_type)) or (kind == "timestamp" and _is_time(data_type)):
        return bounds
    if kind != "string" or not is_text(data_type):
        return None
    if trim and not (
        condition.operator in ("==", "in") and not condition.negated and all(map(_begins_plainly, bounds))
    ):
        return None
    return bounds


def _is_time(data_type: pa.DataType) -> bool:
    return bool(pa.types.is_date(data_type) or pa.types.is_timestamp(data_type))


def _begins_plainly(text: str) -> bool:
    """Whether a text begins with printable ASCII that is no space: then no text between two such has leading space."""
    return "!" <= text[:1] <= "~"
