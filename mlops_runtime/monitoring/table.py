"""From an Arrow table to what the kernels count: two kinds of columns, numbers and strings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import pyarrow as pa

from mlops_runtime import _native
from mlops_runtime.core.errors import SchemaError, problem

__all__ = ["Kind", "as_table", "kind_of", "native_columns"]

Kind = Literal["numeric", "categorical"]


def as_table(data: object) -> pa.Table:
    """Return any object with `__arrow_c_stream__` (pyarrow, polars, pandas, duckdb …) as a table, without a copy."""
    if isinstance(data, pa.Table):
        return data
    if not hasattr(data, "__arrow_c_stream__"):
        got = type(data).__name__
        raise SchemaError(
            problem(expected="an Arrow-able table", got=got, where="monitoring", next_step="pass pyarrow.table(...)")
        )
    return pa.table(data)


def kind_of(kind: pa.DataType) -> Kind | None:
    """Return how a column of this Arrow type is monitored; None for types that are not (lists, structs, binary)."""
    if isinstance(kind, pa.DictionaryType):
        kind = kind.value_type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return "categorical"
    numbers = (pa.types.is_boolean, pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal, pa.types.is_null)
    times = (pa.types.is_timestamp, pa.types.is_date, pa.types.is_time, pa.types.is_duration)
    return "numeric" if any(holds(kind) for holds in (*numbers, *times)) else None


def native_columns(table: pa.Table, kinds: Mapping[str, Kind]) -> _native.ArrowTable:
    """Return a native view of the named columns, in that order, each as its kind.

    Times become their integer count of units, decimals float64, all-null columns their kind; others are not copied.
    """
    columns = [_countable(table.column(name), kind) for name, kind in kinds.items()]
    return _native.ArrowTable(pa.table(columns, names=list(kinds)))


def _countable(column: pa.ChunkedArray, kind: Kind) -> pa.ChunkedArray:
    arrow = column.type
    if pa.types.is_null(arrow):
        return column.cast(pa.float64() if kind == "numeric" else pa.large_utf8())
    if pa.types.is_decimal(arrow):
        return column.cast(pa.float64())
    if pa.types.is_temporal(arrow):
        return column.cast(pa.int32() if arrow.bit_width == 32 else pa.int64())
    if isinstance(arrow, pa.DictionaryType) and kind == "numeric":
        return _countable(column.cast(arrow.value_type), kind)
    return column
