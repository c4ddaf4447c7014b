"""Fitting and counting categories by the native kernels: exact counts first, then the most frequent and the others.

A reference's categories are counted exactly, whatever their number; the MAX_CATEGORIES most frequent are kept, ties in
byte order. Rows of any other category are `other` there and in live data: what is new cannot be told from them then.
"""

from __future__ import annotations

from typing import cast

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mlops_runtime import _native
from mlops_runtime.monitoring.state.categorical import CategoricalSummary, Holds
from mlops_runtime.monitoring.state.unseen import UnseenCategory

__all__ = ["MAX_CATEGORIES", "CategoricalFit", "categorical_summary", "native_categories"]

MAX_CATEGORIES = 65_536


class CategoricalFit:
    """Exact counts of a reference's column. holds: what it is declared to hold; is_unsigned: uint64, seen as int64."""

    def __init__(self, holds: Holds, *, is_unsigned: bool = False) -> None:
        self._counter, self._holds, self._rows = _native.VocabularyCounter(), holds, 0
        self._is_unsigned = is_unsigned

    def update(self, view: _native.ArrowTable, column: int, _first_row: int) -> None:
        """Count a batch."""
        self._counter.update(view, column)
        self._rows += view.num_rows

    def summary(self) -> CategoricalSummary:
        """Return the counts of the categories that are kept, the most frequent first."""
        values, counts = _entries(self._counter)
        values = values.view(pa.uint64()) if self._is_unsigned and len(values) else values
        return CategoricalSummary(
            rows=self._rows,
            missing=self._counter.missing,
            categories=tuple(str(value) for value in values[:MAX_CATEGORIES].to_pylist()),
            counts=counts[:MAX_CATEGORIES].copy(),
            other=int(counts[MAX_CATEGORIES:].sum()),
            new=0,
            truncated=len(counts) > MAX_CATEGORIES,
            singletons=int((counts == 1).sum()),
            doubletons=int((counts == 2).sum()),
            holds=self._holds,
        )


def _entries(counter: _native.VocabularyCounter) -> tuple[pa.Array, NDArray[np.int64]]:
    """Return a counter's (values, counts), most frequent first, without copying text."""
    if counter.kind == "int64":
        keys, counts = counter.integer_entries()
        return pa.array(keys), counts
    if counter.kind == "empty":
        return pa.array([], pa.large_utf8()), np.zeros(0, np.int64)
    data, offsets, counts = counter.string_entries()
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(data)]
    return cast("pa.Array", pa.Array.from_buffers(pa.large_utf8(), len(counts), buffers)), counts


def native_categories(reference: CategoricalSummary) -> _native.Categories:
    """Return what finds a live value among the reference's categories; made once, shared by all states."""
    if reference.holds == "string":
        keys = pa.array(reference.categories, pa.large_utf8())
    else:
        numbers = [int(category) for category in reference.categories]
        keys = pa.array(numbers, pa.uint64() if max(numbers, default=0) >= 2**63 else pa.int64())
    return _native.Categories(_native.ArrowTable(pa.table({"key": keys})))


def categorical_summary(live: _native.CategoryCounts, reference: CategoricalSummary) -> CategoricalSummary:
    """Return what was counted over the categories of `reference`."""
    counts, missing, unseen = live.counts, live.missing, live.unseen
    return CategoricalSummary(
        rows=int(counts.sum()) + missing + unseen,
        missing=missing,
        categories=reference.categories,
        counts=counts,
        other=unseen if reference.truncated else 0,
        new=0 if reference.truncated else unseen,
        truncated=reference.truncated,
        singletons=reference.singletons,
        doubletons=reference.doubletons,
        unseen=tuple(
            UnseenCategory(key, rows, text.decode(errors="replace")) for key, rows, text in live.unseen_sample()
        ),
        holds=reference.holds,
    )
