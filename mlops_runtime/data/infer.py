"""What kind each column of a decoded table is, and what a reader should know about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from mlops_runtime.data.conform import is_text
from mlops_runtime.data.lists import is_list
from mlops_runtime.data.schema import Column, ColumnKind

__all__ = [
    "EXACT_LIMIT",
    "ColumnFacts",
    "InferredColumns",
    "decoded_type",
    "facts_of",
    "infer",
    "is_exact",
]

EXACT_LIMIT = 2**53


@dataclass(frozen=True, slots=True)
class ColumnFacts:
    """What the kind of a column follows from; a file's footer may know it without the values.

    type: as decoded, dictionaries of non-texts and views undone. missing: how many of the `rows` are null; None when
    nobody counted. exact: whether a float64 holds every whole number in it.
    """

    type: pa.DataType
    rows: int
    missing: int | None
    exact: bool = True


@dataclass(frozen=True, slots=True)
class InferredColumns:
    """The columns a table can offer, in its order; `excluded` maps the others to the Arrow type nobody can use."""

    columns: tuple[Column, ...]
    excluded: dict[str, str]
    notes: tuple[str, ...]


def facts_of(values: pa.ChunkedArray) -> ColumnFacts:
    """Return the facts of decoded values."""
    plain = decoded_type(values.type)
    exact = not pa.types.is_integer(plain) or is_exact(values)
    return ColumnFacts(plain, len(values), values.null_count, exact)


def infer(facts: Mapping[str, ColumnFacts]) -> InferredColumns:
    """Give every column its kind.

    Booleans, numbers and decimals are `number` (decimals become float64, with a note); 64-bit integers with a value
    beyond 2**53 are `integer`; dates and timestamps are `timestamp`; lists of texts or of integers are lists. Other
    lists, structs, maps, bytes, durations and times of day are excluded with a note: no kernel reads them, and
    flattening them is a decision for the user.
    """
    columns: list[Column] = []
    excluded: dict[str, str] = {}
    notes: list[str] = []
    for name, found in facts.items():
        kind = _kind_of(found)
        if kind is None:
            excluded[name] = str(found.type)
            notes.append(f"column `{name}` of type {found.type} is left out: cast or flatten it to use it")
            continue
        columns.append(Column(name, kind, nullable=kind != "integer" or found.missing != 0))
        notes.extend(_notes_on(name, found))
    return InferredColumns(tuple(columns), excluded, tuple(notes))


def decoded_type(data_type: pa.DataType) -> pa.DataType:
    """Return the Arrow type that values of this one are handled as: no dictionaries of non-texts, no string views."""
    if pa.types.is_dictionary(data_type) and not is_text(data_type):
        return data_type.value_type
    return pa.utf8() if pa.types.is_string_view(data_type) else data_type


def is_exact(values: pa.ChunkedArray) -> bool:
    """Whether a float64 holds every one of these integers."""
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    if values.type.bit_width < 64:
        return True
    extremes = pc.min_max(values).as_py()
    return extremes["max"] is None or max(-extremes["min"], extremes["max"]) <= EXACT_LIMIT


def _kind_of(facts: ColumnFacts) -> ColumnKind | None:
    data_type = facts.type
    if is_text(data_type):
        return "string"
    if pa.types.is_integer(data_type):
        return "number" if facts.exact else "integer"
    if is_list(data_type):
        return _list_kind(data_type.value_type)
    if pa.types.is_boolean(data_type) or pa.types.is_floating(data_type) or pa.types.is_decimal(data_type):
        return "number"
    if pa.types.is_date(data_type) or pa.types.is_timestamp(data_type):
        return "timestamp"
    return "number" if pa.types.is_null(data_type) else None


def _list_kind(element: pa.DataType) -> ColumnKind | None:
    if is_text(element):
        return "string_list"
    return "integer_list" if pa.types.is_integer(element) else None


def _notes_on(name: str, facts: ColumnFacts) -> list[str]:
    if facts.missing == facts.rows:
        return [f"column `{name}` is missing in every row"]
    if pa.types.is_decimal(facts.type):
        return [f"column `{name}` of type {facts.type} is read as float64"]
    if pa.types.is_timestamp(facts.type) and facts.type.tz is None:
        return [f"column `{name}` has times without a zone: read as UTC"]
    return []
