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

from mlops_runtime.monitoring.performance.columns import class_index_of, column_of, numbers_of, texts_of, unusable
from mlops_runtime.monitoring.performance.join.spec import JoinSpec
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
    scores = [numbers_of(column_of(table, name), name) for name in spec.scores]
    groups = [texts_of(column_of(table, name), name) for name in spec.groups]
    readable = [_acceptable(score, probability=spec.scoring.task != "regression") for score in scores]
    return _rows(table, spec, [*scores, *groups], readable)


def label_rows(data: object, spec: JoinSpec) -> Rows:
    """Read (id, time, value), the value a class's index or a number. Raises SchemaError as `prediction_rows` does."""
    table = as_table(data)
    column = column_of(table, spec.value)
    if spec.scoring.task == "regression":
        value = numbers_of(column, spec.value)
    else:
        value = class_index_of(column, spec.scoring, spec.value)
    return _rows(table, spec, [value], [_acceptable(value, probability=False)])


def _rows(table: pa.Table, spec: JoinSpec, values: list[pa.ChunkedArray], readable: list[pa.ChunkedArray]) -> Rows:
    columns = [
        texts_of(column_of(table, spec.id), spec.id),
        _microseconds(column_of(table, spec.time), spec.time),
        *values,
    ]
    keep = pc.and_(columns[0].is_valid(), columns[1].is_valid())
    for each in readable:
        keep = pc.and_(keep, each)
    return Rows(tuple(column.filter(keep) for column in columns), table.num_rows)


def _microseconds(column: pa.ChunkedArray, name: str) -> pa.ChunkedArray:
    """Microseconds since 1970 of times (without zone: UTC) or of seconds since 1970."""
    if pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
        seconds = pc.multiply(column.cast(pa.float64()), 1e6)
        return pc.if_else(pc.is_finite(seconds), pc.round(seconds), None).cast(pa.int64())
    if pa.types.is_date(column.type):
        column = column.cast(pa.timestamp("us"))
    if pa.types.is_timestamp(column.type):
        return column.cast(_UTC, safe=False).cast(pa.int64())
    raise unusable(name, "times, or seconds since 1970", str(column.type))


def _acceptable(values: pa.ChunkedArray, *, probability: bool) -> pa.ChunkedArray:
    fine = pc.is_finite(values)
    if probability:
        fine = pc.and_(fine, pc.and_(pc.greater_equal(values, 0.0), pc.less_equal(values, 1.0)))
    return pc.fill_null(fine, False)
