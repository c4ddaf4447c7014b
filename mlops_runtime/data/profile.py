"""What is in a data set: one profile per column, computed by the native kernels."""

from __future__ import annotations

import datetime as dt
import itertools
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlops_runtime._native import ArrowTable, Histogram, Moments, VocabularyCounter
from mlops_runtime.data.schema import Column, ColumnKind, Schema

__all__ = ["ColumnProfile", "profile"]

_BINS = 16
_TOP = 3
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)

Value = float | str | None


@dataclass(frozen=True, slots=True)
class ColumnProfile:
    """One column in figures. minimum, mean, maximum: of the finite values; ISO texts for timestamps, None for texts.

    missing: null, NaN or null token. top: the most frequent values and their counts, texts and codes only; of a list
    column, distinct and top are those of its elements. histogram:
    counts over 16 equal slices from minimum to maximum, empty when they are equal or there are none.
    """

    name: str
    kind: ColumnKind
    rows: int
    missing: int
    infinite: int
    distinct: int
    minimum: Value
    mean: Value
    maximum: Value
    top: tuple[tuple[str, int], ...]
    histogram: tuple[int, ...]

    @property
    def missing_share(self) -> float:
        """Missing values over rows."""
        return self.missing / self.rows if self.rows else 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return the profile as plain JSON values."""
        return asdict(self) | {"missing_share": self.missing_share}


def profile(table: pa.Table, schema: Schema) -> tuple[ColumnProfile, ...]:
    """Profile every column of a conformed table."""
    return tuple(_profile_column(table.column(column.name), column) for column in schema.columns)


def _profile_column(values: pa.ChunkedArray, column: Column) -> ColumnProfile:
    if column.kind in ("number", "timestamp"):
        return _profile_numbers(values, column)
    if column.kind in ("string", "integer"):
        return _profile_codes(values, column)
    elements = _profile_codes(pc.list_flatten(values), column)
    return replace(elements, rows=len(values), missing=values.null_count)


def _profile_codes(values: pa.ChunkedArray, column: Column) -> ColumnProfile:
    counter = VocabularyCounter()
    counter.update(ArrowTable(pa.table({column.name: values})), 0)
    if counter.kind == "int64":
        keys, counts = counter.integer_entries()
        top = [str(key) for key in keys[:_TOP]]
    else:
        text, offsets, counts = counter.string_entries()
        top = [bytes(text[a:b]).decode() for a, b in itertools.pairwise(offsets[: _TOP + 1])]
    return ColumnProfile(
        name=column.name,
        kind=column.kind,
        rows=len(values),
        missing=counter.missing,
        infinite=0,
        distinct=len(counts),
        minimum=None,
        mean=None,
        maximum=None,
        top=tuple((key, int(count)) for key, count in zip(top, counts, strict=False)),
        histogram=(),
    )


def _profile_numbers(values: pa.ChunkedArray, column: Column) -> ColumnProfile:
    numbers = values.cast(pa.int64()) if column.kind == "timestamp" else values
    native = ArrowTable(pa.table({column.name: numbers}))
    moments = Moments()
    moments.update(native, 0)
    present = moments.count > 0
    mean = float(Fraction(moments.sums()[0], 2**1074) / moments.count) if present else 0.0
    show = _iso if column.kind == "timestamp" else float
    return ColumnProfile(
        name=column.name,
        kind=column.kind,
        rows=len(values),
        missing=moments.missing,
        infinite=moments.positive_infinite + moments.negative_infinite,
        distinct=_distinct(numbers),
        minimum=show(moments.minimum) if present else None,
        mean=show(mean) if present else None,
        maximum=show(moments.maximum) if present else None,
        top=(),
        histogram=_histogram(native, moments),
    )


def _distinct(numbers: pa.ChunkedArray) -> int:
    if pa.types.is_floating(numbers.type):
        numbers = pc.if_else(pc.is_nan(numbers), None, numbers)
    return int(pc.count_distinct(numbers).as_py())


def _histogram(native: ArrowTable, moments: Moments) -> tuple[int, ...]:
    if not moments.count or moments.minimum == moments.maximum:
        return ()
    share = np.arange(1, _BINS) / _BINS
    edges = np.unique(moments.minimum * (1 - share) + moments.maximum * share)
    histogram = Histogram(edges)
    histogram.update(native, 0)
    return tuple(int(count) for count in histogram.counts)


def _iso(microseconds: float) -> str:
    return (_EPOCH + dt.timedelta(microseconds=round(microseconds))).isoformat()
