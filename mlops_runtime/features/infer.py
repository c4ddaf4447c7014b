"""A sensible feature specification for a table nobody has described yet."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import pyarrow as pa

from mlops_runtime._native import ArrowTable, Moments, VocabularyCounter
from mlops_runtime.core.errors import EmptyInputError, problem
from mlops_runtime.data import Column, Schema
from mlops_runtime.features.columns import InputColumns
from mlops_runtime.features.spec import CategoryFeature, Feature, FeatureSpec, NumericFeature

__all__ = ["InferredSpec", "infer_spec"]

_IDENTIFIER_SHARE = 0.9  # of the present values distinct: a name tag, not a category
_IDENTIFIER_MINIMUM = 20
_HIGH_CARDINALITY = 512
_RARE_BELOW = 5


@dataclass(frozen=True, slots=True)
class InferredSpec:
    """A specification, and what was left out or limited, and why."""

    spec: FeatureSpec
    notes: tuple[str, ...]


def infer_spec(table: pa.Table, schema: Schema, *, target: str | None, exclude: Collection[str] = ()) -> InferredSpec:
    """Choose a feature for every useful column of a conformed table.

    Numbers and timestamps become numeric features, texts categories; integers beyond 2**53 are codes, so categories.
    Constant, all-missing and identifier-like columns (row numbers, texts that hardly repeat) are left out; texts of
    many values get a least count. Each such decision is a note. Raises EmptyInputError when no column is left.
    """
    candidates = [c for c in schema.columns if c.name != target and c.name not in exclude]
    columns = InputColumns(Schema(tuple(candidates)), readings=()).native(table)
    features: list[Feature] = []
    notes: list[str] = []
    for position, column in enumerate(candidates):
        choose = _numeric if column.kind in ("number", "timestamp") else _category
        feature, note = choose(columns, position, column)
        if feature is not None:
            features.append(feature)
        if note:
            notes.append(f"column `{column.name}` {note}")
    if not features:
        raise EmptyInputError(
            problem(
                expected="at least one usable feature column",
                got="none: " + ("; ".join(notes) or "no column besides the target"),
                where="feature inference",
                next_step="add columns that vary, or describe features with --spec",
            )
        )
    return InferredSpec(FeatureSpec(features=tuple(features)), tuple(notes))


def _numeric(columns: ArrowTable, position: int, column: Column) -> tuple[Feature | None, str]:
    moments = Moments()
    moments.update(columns, position)
    if moments.count == 0:
        return None, "is left out: every value is missing"
    if moments.minimum == moments.maximum and moments.count == columns.num_rows:
        return None, f"is left out: it is {moments.minimum:g} in every row"
    if _counts_rows(columns, position, moments):
        return None, "is left out: it numbers the rows"
    return NumericFeature(column=column.name), ""


def _counts_rows(columns: ArrowTable, position: int, moments: Moments) -> bool:
    """Whether a whole-number column holds every value of its range once."""
    rows = columns.num_rows
    spans_rows = moments.count == rows > _IDENTIFIER_MINIMUM and moments.maximum - moments.minimum == rows - 1
    if not spans_rows or "int" not in columns.type_of(position):
        return False
    counter = VocabularyCounter()
    counter.update(columns, position)
    return len(counter.integer_entries()[0]) == rows


def _category(columns: ArrowTable, position: int, column: Column) -> tuple[Feature | None, str]:
    counter = VocabularyCounter()
    counter.update(columns, position)
    counts = counter.integer_entries()[1] if counter.kind == "int64" else counter.string_entries()[2]
    distinct, present = len(counts), int(counts.sum())
    if distinct == 0:
        return None, "is left out: every value is missing"
    if distinct == 1 and counter.missing == 0:
        return None, "is left out: it has one value"
    if distinct > max(_IDENTIFIER_MINIMUM, _IDENTIFIER_SHARE * present):
        return None, f"is left out as an identifier: {distinct:,} distinct values in {present:,} rows"
    if distinct <= _HIGH_CARDINALITY:
        return CategoryFeature(column=column.name), ""
    note = f"has {distinct:,} distinct values: those seen fewer than {_RARE_BELOW} times are one category, `rare`"
    return CategoryFeature(column=column.name, min_count=_RARE_BELOW), note
