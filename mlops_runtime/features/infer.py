"""A sensible feature specification for data nobody has described yet."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa
import pyarrow.compute as pc

from mlops_runtime._native import ArrowTable, Moments, VocabularyCounter
from mlops_runtime.core.errors import EmptyInputError, problem
from mlops_runtime.data import Schema
from mlops_runtime.features.columns import InputColumns, Reading
from mlops_runtime.features.spec import CategoryFeature, Feature, FeatureSpec, ListFeature, NumericFeature

__all__ = ["InferredSpec", "infer_spec"]

_IDENTIFIER_SHARE = 0.9  # of the present values distinct: a name tag, not a category
_IDENTIFIER_MINIMUM = 20
_HIGH_CARDINALITY = 512
_RARE_BELOW = 5
_LIST_KEYS = 256


@dataclass(frozen=True, slots=True)
class InferredSpec:
    """A specification, and what was left out or limited, and why."""

    spec: FeatureSpec
    notes: tuple[str, ...]


def infer_spec(
    tables: pa.Table | Iterable[pa.Table], schema: Schema, *, target: str | None, exclude: Collection[str] = ()
) -> InferredSpec:
    """Choose a feature for every useful column of a conformed table, or of the batches of one, in one pass.

    Numbers and timestamps become numeric features, texts categories, lists multi-hot; integers beyond 2**53 are codes,
    so categories. Constant, all-missing and identifier-like columns (row numbers, texts that hardly repeat) are left
    out; texts of many values get a least count. Each such decision is a note. Raises EmptyInputError when no column is
    left.
    """
    profiles = [_PROFILES[c.kind](c.name) for c in schema.columns if c.name != target and c.name not in exclude]
    columns = InputColumns(schema, readings=())
    for table in [tables] if isinstance(tables, pa.Table) else tables:
        view = columns.arrow(table)
        for profile in profiles:
            profile.update(view.column(columns.position(Reading(profile.name, "value"))))
    chosen = [(profile.name, *profile.choose()) for profile in profiles]
    features = tuple(feature for _, feature, _ in chosen if feature is not None)
    notes = tuple(f"column `{name}` {note}" for name, _, note in chosen if note)
    if not features:
        raise EmptyInputError(
            problem(
                expected="at least one usable feature column",
                got="none: " + ("; ".join(notes) or "no column besides the target"),
                where="feature inference",
                next_step="add columns that vary, or describe features with --spec",
            )
        )
    return InferredSpec(FeatureSpec(features=features), notes)


class _Profile(Protocol):
    name: str

    def __init__(self, name: str) -> None: ...

    def update(self, values: pa.ChunkedArray) -> None:
        """Add the column's values of some rows."""

    def choose(self) -> tuple[Feature | None, str]:
        """Return a feature, and a note when it is limited or there is none."""


class _Numbers:
    def __init__(self, name: str) -> None:
        self.name = name
        self._moments = Moments()
        self._is_whole = True

    def update(self, values: pa.ChunkedArray) -> None:
        self._moments.update(_native(values), 0)
        self._is_whole &= pa.types.is_integer(values.type)

    def choose(self) -> tuple[Feature | None, str]:
        moments = self._moments
        if moments.count == 0:
            return None, "is left out: every value is missing"
        is_complete = not (moments.missing or moments.positive_infinite or moments.negative_infinite)
        if moments.minimum == moments.maximum and is_complete:
            return None, f"is left out: it is {moments.minimum:g} in every row"
        if self._is_whole and is_complete and _counts_up(moments):
            return None, "is left out: it numbers the rows"
        return NumericFeature(column=self.name), ""


def _counts_up(moments: Moments) -> bool:
    """Whether whole numbers have the count, range, sum and sum of squares of consecutive ones: exact sums say so."""
    rows, first = moments.count, moments.minimum
    if rows <= _IDENTIFIER_MINIMUM or moments.maximum - first != rows - 1:
        return False
    start = int(first)
    total = rows * start + rows * (rows - 1) // 2
    squares = rows * start**2 + start * rows * (rows - 1) + (rows - 1) * rows * (2 * rows - 1) // 6
    return moments.sums() == (total << 1074, squares << 2148)


class _Keys:
    def __init__(self, name: str) -> None:
        self.name = name
        self._counter = VocabularyCounter()

    def update(self, values: pa.ChunkedArray) -> None:
        self._counter.update(_native(values), 0)

    def choose(self) -> tuple[Feature | None, str]:
        distinct, present = _sizes(self._counter)
        if distinct == 0:
            return None, "is left out: every value is missing"
        if distinct == 1 and self._counter.missing == 0:
            return None, "is left out: it has one value"
        if distinct > max(_IDENTIFIER_MINIMUM, _IDENTIFIER_SHARE * present):
            return None, f"is left out as an identifier: {distinct:,} distinct values in {present:,} rows"
        if distinct <= _HIGH_CARDINALITY:
            return CategoryFeature(column=self.name), ""
        note = f"has {distinct:,} distinct values: those seen fewer than {_RARE_BELOW} times are one category, `rare`"
        return CategoryFeature(column=self.name, min_count=_RARE_BELOW), note


class _Lists:
    def __init__(self, name: str) -> None:
        self.name = name
        self._counter = VocabularyCounter()

    def update(self, values: pa.ChunkedArray) -> None:
        self._counter.update(_native(pc.list_flatten(values)), 0)

    def choose(self) -> tuple[Feature | None, str]:
        distinct, _ = _sizes(self._counter)
        if distinct == 0:
            return None, "is left out: its lists are empty"
        feature = ListFeature(column=self.name, max_size=_LIST_KEYS)
        if distinct <= _LIST_KEYS:
            return feature, ""
        return feature, f"has {distinct:,} distinct elements: the {_LIST_KEYS} most frequent get a column each"


_PROFILES: dict[str, type[_Profile]] = {
    "number": _Numbers,
    "timestamp": _Numbers,
    "string": _Keys,
    "integer": _Keys,
    "string_list": _Lists,
    "integer_list": _Lists,
}


def _native(values: pa.ChunkedArray) -> ArrowTable:
    return ArrowTable(pa.table({"values": values}))


def _sizes(counter: VocabularyCounter) -> tuple[int, int]:
    """How many distinct values, and how many values, were counted."""
    counts = counter.integer_entries()[1] if counter.kind == "int64" else counter.string_entries()[2]
    return len(counts), int(counts.sum())
