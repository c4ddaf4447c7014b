"""What kind each column of a decoded table is, and what a reader should know about it."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from mlops_runtime.data.conform import is_text
from mlops_runtime.data.schema import Column, ColumnKind

__all__ = ["InferredColumns", "infer_columns"]

_EXACT_LIMIT = 2**53


@dataclass(frozen=True, slots=True)
class InferredColumns:
    """The columns a table can offer, in its order; `excluded` maps the others to the Arrow type nobody can use."""

    columns: tuple[Column, ...]
    excluded: dict[str, str]
    notes: tuple[str, ...]


def infer_columns(table: pa.Table) -> InferredColumns:
    """Give every column of a table its kind.

    Booleans, numbers and decimals are `number` (decimals become float64, with a note); 64-bit integers with a value
    beyond 2**53 are `integer`; dates and timestamps are `timestamp`. Lists, structs, maps, bytes, durations and times
    of day are excluded with a note: no kernel reads them, and flattening them is a decision for the user.
    """
    columns: list[Column] = []
    excluded: dict[str, str] = {}
    notes: list[str] = []
    for name, values in zip(table.column_names, table.columns, strict=True):
        kind = _kind_of(values)
        if kind is None:
            excluded[name] = str(values.type)
            notes.append(f"column `{name}` of type {values.type} is left out: cast or flatten it to use it")
            continue
        columns.append(Column(name, kind, nullable=kind != "integer" or values.null_count > 0))
        notes.extend(_notes_on(name, values))
    return InferredColumns(tuple(columns), excluded, tuple(notes))


def _kind_of(values: pa.ChunkedArray) -> ColumnKind | None:
    data_type = values.type
    if is_text(data_type):
        return "string"
    if pa.types.is_dictionary(data_type):
        data_type = data_type.value_type
    if pa.types.is_integer(data_type):
        return "integer" if _beyond_exact(values) else "number"
    if pa.types.is_boolean(data_type) or pa.types.is_floating(data_type) or pa.types.is_decimal(data_type):
        return "number"
    if pa.types.is_date(data_type) or pa.types.is_timestamp(data_type):
        return "timestamp"
    return "number" if pa.types.is_null(data_type) else None


def _beyond_exact(values: pa.ChunkedArray) -> bool:
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    if values.type.bit_width < 64:
        return False
    extremes = pc.min_max(values).as_py()
    return extremes["max"] is not None and max(-extremes["min"], extremes["max"]) > _EXACT_LIMIT


def _notes_on(name: str, values: pa.ChunkedArray) -> list[str]:
    if values.null_count == len(values):
        return [f"column `{name}` is missing in every row"]
    if pa.types.is_decimal(values.type):
        return [f"column `{name}` of type {values.type} is read as float64"]
    if pa.types.is_timestamp(values.type) and values.type.tz is None:
        return [f"column `{name}` has times without a zone: read as UTC"]
    return []
