"""Tables to rows for the store: ids as text, times in microseconds, scores and labels as numbers; the rest is counted.

A row is unreadable when its id or time is missing, a score is not finite or no probability where one is asked for, or a
label is none of the classes or not finite.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from mlops_runtime.core.errors import SchemaError, problem
from mlops_runtime.monitoring.performance.join.spec import JoinSpec
from mlops_runtime.monitoring.performance.scoring import Scoring
from mlops_runtime.monitoring.state.table import as_table

__all__ = ["Rows", "label_rows", "prediction_rows"]

_UTC = pa.timestamp("us", "UTC")


@dataclass(frozen=True, slots=True)
class Rows:
    """The readable rows of a table, column by column, and how many there were to read."""

    columns: tuple[pa.ChunkedArray, ...]
    received: int

    @property
    def unreadable(self) -> int:
        """How many rows could not be read."""
        return self.received - len(self.columns[0])

    def tuples(self) -> Iterator[tuple[Any, ...]]:
        """Yield each row as plain values."""
        return zip(*(column.to_pylist() for column in self.columns), strict=True)


def prediction_rows(data: object, spec: JoinSpec) -> Rows:
    """Read (id, time, scores…, groups…). Raises SchemaError for a column that is missing or of no use."""
    table = as_table(data)
    scores = [_number(_column(table, name), name) for name in spec.scores]
    groups = [_text(_column(table, name), name) for name in spec.groups]
    readable = [_acceptable(score, probability=spec.scoring.task != "regression") for score in scores]
    return _rows(table, spec, [*scores, *groups], readable)


def label_rows(data: object, spec: JoinSpec) -> Rows:
    """Read (id, time, value), the value a class's index or a number. Raises SchemaError as `prediction_rows` does."""
    table = as_table(data)
    column = _column(table, spec.value)
    if spec.scoring.task == "regression":
        value = _number(column, spec.value)
    else:
        value = _class_index(column, spec.scoring, spec.value)
    return _rows(table, spec, [value], [_acceptable(value, probability=False)])


def _rows(table: pa.Table, spec: JoinSpec, values: list[pa.ChunkedArray], readable: list[pa.ChunkedArray]) -> Rows:
    columns = [_text(_column(table, spec.id), spec.id), _microseconds(_column(table, spec.time), spec.time), *values]
    keep = pc.and_(columns[0].is_valid(), columns[1].is_valid())
    for each in readable:
        keep = pc.and_(keep, each)
    return Rows(tuple(column.filter(keep) for column in columns), table.num_rows)


def _column(table: pa.Table, name: str) -> pa.ChunkedArray:
    if name not in table.column_names:
        got = f"columns {', '.join(table.column_names)}"
        raise SchemaError(problem(expected=f"column `{name}`", got=got, where="LabelJoin", next_step="name another"))
    column = table.column(name)
    return column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column


def _text(column: pa.ChunkedArray, name: str) -> pa.ChunkedArray:
    """Texts; a whole number is the same text whatever its type, so that 7 of one side meets 7.0 of the other."""
    if pa.types.is_floating(column.type):
        column = _whole(column)
    return _cast(column, pa.string(), name, "texts or whole numbers")


def _number(column: pa.ChunkedArray, name: str) -> pa.ChunkedArray:
    return _cast(column, pa.float64(), name, "numbers")


def _microseconds(column: pa.ChunkedArray, name: str) -> pa.ChunkedArray:
    """Microseconds since 1970 of times (without zone: UTC) or of seconds since 1970."""
    if pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
        seconds = pc.multiply(column.cast(pa.float64()), 1e6)
        return pc.if_else(pc.is_finite(seconds), pc.round(seconds), None).cast(pa.int64())
    if pa.types.is_date(column.type):
        column = column.cast(pa.timestamp("us"))
    if pa.types.is_timestamp(column.type):
        return column.cast(_UTC, safe=False).cast(pa.int64())
    raise _unusable(name, "times, or seconds since 1970", str(column.type))


def _class_index(column: pa.ChunkedArray, scoring: Scoring, name: str) -> pa.ChunkedArray:
    """Index of each class by its name; True is 1, and 1.0 is 1."""
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.int8())
    return pc.index_in(_text(column, name), value_set=pa.array(scoring.classes)).cast(pa.float64())


def _whole(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Whole numbers of floats; null for all others and beyond 2^53, where floats skip some."""
    exact = pc.and_(pc.equal(column, pc.round(column)), pc.less_equal(pc.abs(column), 2.0**53))
    return pc.if_else(exact, column, None).cast(pa.int64())


def _acceptable(values: pa.ChunkedArray, *, probability: bool) -> pa.ChunkedArray:
    fine = pc.is_finite(values)
    if probability:
        fine = pc.and_(fine, pc.and_(pc.greater_equal(values, 0.0), pc.less_equal(values, 1.0)))
    return pc.fill_null(fine, False)


def _cast(column: pa.ChunkedArray, kind: pa.DataType, name: str, expected: str) -> pa.ChunkedArray:
    try:
        return column.cast(kind)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise _unusable(name, expected, str(error)) from error


def _unusable(name: str, expected: str, got: str) -> SchemaError:
    return SchemaError(problem(expected=expected, got=got, where=f"column `{name}`", next_step="convert it"))
