"""Columns of scored rows, read whatever their type: texts, numbers, classes."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from mlops_runtime.core.errors import SchemaError, problem
from mlops_runtime.monitoring.performance.scoring import Scoring

__all__ = ["class_index_of", "column_of", "numbers_of", "texts_of", "unusable"]


def column_of(table: pa.Table, name: str) -> pa.ChunkedArray:
    """Return a column, decoded when it is a dictionary. Raises SchemaError when it is not there."""
    if name not in table.column_names:
        got = f"columns {', '.join(table.column_names)}"
        raise SchemaError(problem(expected=f"column `{name}`", got=got, where="scored rows", next_step="name another"))
    column = table.column(name)
    return column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column


def texts_of(column: pa.ChunkedArray, name: str) -> pa.ChunkedArray:
    """Return texts; a whole number is the same text whatever its type, so that 7 of one side meets 7.0 of the other."""
    if pa.types.is_floating(column.type):
        column = _whole(column)
    return _cast(column, pa.string(), name, "texts or whole numbers")


def numbers_of(column: pa.ChunkedArray, name: str) -> pa.ChunkedArray:
    """Return float64. Raises SchemaError for a column that does not hold numbers."""
    return _cast(column, pa.float64(), name, "numbers")


def class_index_of(column: pa.ChunkedArray, scoring: Scoring, name: str) -> pa.ChunkedArray:
    """Return the index of each class by its name, null for other values; True is 1, and 1.0 is 1."""
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.int8())
    return pc.index_in(texts_of(column, name), value_set=pa.array(scoring.classes)).cast(pa.float64())


def unusable(name: str, expected: str, got: str) -> SchemaError:
    """Return the error for a column of another kind."""
    return SchemaError(problem(expected=expected, got=got, where=f"column `{name}`", next_step="convert it"))


def _whole(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Whole numbers of floats; null for all others and beyond 2^53, where floats skip some."""
    exact = pc.and_(pc.equal(column, pc.round(column)), pc.less_equal(pc.abs(column), 2.0**53))
    return pc.if_else(exact, column, None).cast(pa.int64())


def _cast(column: pa.ChunkedArray, kind: pa.DataType, name: str, expected: str) -> pa.ChunkedArray:
    try:
        return column.cast(kind)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise unusable(name, expected, str(error)) from error
