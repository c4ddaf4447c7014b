"""From a conformed table to what the kernels read: numbers, whole-number codes and texts."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlops_runtime._native import ArrowTable
from mlops_runtime.core.errors import SchemaError, problem
from mlops_runtime.data import Schema
from mlops_runtime.data.schema import listed

__all__ = ["kernel_columns", "native_table"]

_NOT_A_CODE = int(np.iinfo(np.int64).min)  # no key: keys of number columns are at most 2**53 in magnitude


def native_table(table: pa.Table, schema: Schema, categories: Collection[str]) -> ArrowTable:
    """Return a zero-copy native view of the schema's columns, in the schema's order; see `kernel_columns`."""
    return ArrowTable(kernel_columns(table, schema, categories))


def kernel_columns(table: pa.Table, schema: Schema, categories: Collection[str]) -> pa.Table:
    """Return the schema's columns with times as microseconds since 1970 and float codes as int64.

    categories: columns that are read as codes. A code that is no whole number becomes one that is in no vocabulary,
    so it is encoded as unseen. Raises SchemaError when the table lacks a column.
    """
    present = set(table.column_names)
    missing = [name for name in schema.names if name not in present]
    if missing:
        raise SchemaError(
            problem(
                expected=f"columns {listed(schema.names)}",
                got=f"no {listed(missing)}",
                where="feature input",
                next_step="conform the table to the program's schema first",
            )
        )
    selected = table.select(list(schema.names))
    for position, column in enumerate(schema.columns):
        if column.kind == "timestamp":
            selected = selected.set_column(position, column.name, selected.column(position).cast(pa.int64()))
        elif column.kind == "number" and column.name in categories:
            selected = selected.set_column(position, column.name, _codes(selected.column(position)))
    return selected


def _codes(values: pa.ChunkedArray) -> pa.ChunkedArray:
    if not pa.types.is_floating(values.type):
        return values
    exact = values.cast(pa.float64())
    present = pc.if_else(pc.is_nan(exact), None, exact)
    is_code = pc.and_(pc.equal(pc.floor(present), present), pc.less_equal(pc.abs(present), 2.0**53))
    return pc.if_else(is_code, present, float(_NOT_A_CODE)).cast(pa.int64())
