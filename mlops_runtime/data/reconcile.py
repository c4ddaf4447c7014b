"""One schema from many files: what differs between them, settled by rule and reported, or refused.

Column by column: files may order columns differently; a column may be missing in some (null there); numbers of
different types become the narrowest that holds all, times the finest; text and number, say, are irreconcilable.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import pyarrow as pa

from mlops_runtime.core.errors import SchemaError, problem
from mlops_runtime.data.conform import TIMESTAMP, is_text
from mlops_runtime.data.infer import ColumnFacts
from mlops_runtime.data.lists import is_list
from mlops_runtime.data.schema import Column, Schema, listed

__all__ = ["Drift", "FileColumns", "arrow_type", "reconcile"]

Drift = Literal["reconcile", "refuse"]

_TEXT = pa.dictionary(pa.int32(), pa.utf8())


@dataclass(frozen=True, slots=True)
class FileColumns:
    """The columns of one file that matter, in its order, and its rows (0 where nobody counted)."""

    name: str
    facts: Mapping[str, ColumnFacts]
    rows: int


def reconcile(
    files: Sequence[FileColumns], rules: Schema, drift: Drift
) -> tuple[dict[str, ColumnFacts], tuple[str, ...]]:
    """Return each column's facts over all files, in order of first appearance, and notes on what differed.

    A column in `rules` is read as it says whatever the files hold; of others the files must agree on the family:
    numbers, texts, times, lists of texts or of integers. Raises SchemaError, naming two files, when they do not, when
    integers that no float64 holds meet fractions, and for any difference with drift "refuse".
    """
    ruled = frozenset(rules.names)
    names = list(dict.fromkeys(name for file in files for name in file.facts))
    notes = [*_order_notes(files)]
    merged = {}
    for name in names:
        merged[name], found = _merge(name, files, declared=name in ruled)
        notes.extend(found)
    if notes and drift == "refuse":
        raise SchemaError(
            problem(
                expected="the same columns in every file",
                got=notes[0],
                where=files[0].name,
                next_step='write the files alike, or pass drift="reconcile"',
            )
        )
    return merged, tuple(notes)


def arrow_type(column: Column, found: pa.DataType) -> pa.DataType:
    """Return the type that conformed values of a column have in every batch, whichever file they come from."""
    if column.kind == "number":
        plain = pa.types.is_integer(found) or pa.types.is_floating(found) or pa.types.is_boolean(found)
        return found if plain else pa.float64()
    if column.kind == "integer":
        return found if pa.types.is_uint64(found) else pa.int64()
    if column.kind == "string":
        return found if is_text(found) else _TEXT
    if column.kind == "timestamp":
        return TIMESTAMP
    return pa.list_(pa.utf8() if column.kind == "string_list" else pa.int64())


def _order_notes(files: Sequence[FileColumns]) -> list[str]:
    first = list(files[0].facts)
    for file in files[1:]:
        common = [name for name in first if name in file.facts]
        if [name for name in file.facts if name in files[0].facts] != common:
            return [f"`{file.name}` has the columns in another order than `{files[0].name}`"]
    return []


def _merge(name: str, files: Sequence[FileColumns], *, declared: bool) -> tuple[ColumnFacts, list[str]]:
    present = [(file, file.facts[name]) for file in files if name in file.facts]
    absent = [file for file in files if name not in file.facts]
    notes = []
    if absent:
        shown = listed((file.name for file in absent), limit=3)
        notes.append(f"column `{name}` is not in {shown}: missing there")
    typed = [(file, facts) for file, facts in present if not pa.types.is_null(facts.type)] or present[:1]
    first, joined = typed[0][0], typed[0][1].type
    for file, facts in typed[1:]:
        wider = _join(joined, facts.type)
        if wider is None and not declared:
            raise _irreconcilable(name, first, joined, file, facts.type)
        joined = wider or _TEXT
    exact = all(facts.exact for _, facts in present)
    if not exact and pa.types.is_floating(joined) and not declared:
        file, facts = next((file, facts) for file, facts in typed if not facts.exact)
        other, its = next((other, its) for other, its in typed if its.type != facts.type)
        raise _irreconcilable(name, file, facts.type, other, its.type)
    other_type = next(((file, facts.type) for file, facts in typed if facts.type != typed[0][1].type), None)
    if other_type is not None and not (is_text(joined) and is_text(other_type[1])):
        file, its = other_type
        notes.append(f"column `{name}` is {typed[0][1].type} in `{first.name}` and {its} in `{file.name}`: {joined}")
    return _totals(joined, [facts for _, facts in present], absent, exact=exact), notes


def _totals(
    joined: pa.DataType, present: Sequence[ColumnFacts], absent: Sequence[FileColumns], *, exact: bool
) -> ColumnFacts:
    known = [facts.missing for facts in present if facts.missing is not None]
    missing = None if len(known) < len(present) else sum(known) + sum(max(file.rows, 1) for file in absent)
    rows = sum(facts.rows for facts in present) + sum(max(file.rows, 1) for file in absent)
    return ColumnFacts(joined, rows, missing, exact)


def _join(one: pa.DataType, other: pa.DataType) -> pa.DataType | None:
    """Return the narrowest type that holds the values of both; None when there is none."""
    types = pa.types
    if one == other:
        return one
    if is_text(one) and is_text(other):
        return _TEXT
    if _is_time(one) and _is_time(other):
        return TIMESTAMP
    if is_list(one) and is_list(other):
        element = _join(one.value_type, other.value_type)
        return None if element is None else pa.list_(element)
    if not (_is_number(one) and _is_number(other)):
        return None
    if types.is_integer(one) and types.is_integer(other):
        signs = {types.is_signed_integer(one), types.is_signed_integer(other)}
        if len(signs) == 1:
            return max(one, other, key=lambda kind: kind.bit_width)
        return pa.float64() if pa.uint64() in (one, other) else pa.int64()
    whole = all(types.is_integer(kind) or types.is_boolean(kind) for kind in (one, other))
    return pa.int64() if whole and pa.uint64() not in (one, other) else pa.float64()


def _is_number(data_type: pa.DataType) -> bool:
    types = pa.types
    known = (types.is_integer, types.is_floating, types.is_boolean, types.is_decimal)
    return any(holds(data_type) for holds in known)


def _is_time(data_type: pa.DataType) -> bool:
    return bool(pa.types.is_date(data_type) or pa.types.is_timestamp(data_type))


def _irreconcilable(
    name: str, first: FileColumns, first_type: pa.DataType, second: FileColumns, second_type: pa.DataType
) -> SchemaError:
    return SchemaError(
        problem(
            expected=f"column `{name}` of one family in every file",
            got=f"{first_type} in `{first.name}` and {second_type} in `{second.name}`",
            where="data set",
            next_step="convert one of them, or say in a schema what the column is",
        )
    )
