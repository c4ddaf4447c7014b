"""Live counting of a string column by the native kernels, over the categories of the reference."""

from __future__ import annotations

from typing import cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mlops_runtime import _native
from mlops_runtime.monitoring.state.summary import (
    MAX_EXAMPLES,
    CategoricalSummary,
    first_examples,
)

__all__ = ["CategoricalState", "entries"]

_FOLD_ROWS = 65_536


class CategoricalState:
    """Counts of a string column over the reference's categories.

    Exact counts gather in a native counter and are folded onto the reference's categories now and then, so that
    memory stays bounded by those and not by what arrives.
    """

    def __init__(self, reference: CategoricalSummary) -> None:
        self._reference = reference
        self._categories = pa.array(reference.categories, pa.large_utf8())
        self._counts = np.zeros(len(reference.categories), np.int64)
        self._rows = self._missing = self._unmatched = self._pending_rows = 0
        self._examples: tuple[str, ...] = ()
        self._pending = _native.VocabularyCounter()

    def update(self, table: _native.ArrowTable, column: int) -> None:
        """Count a batch."""
        self._pending.update(table, column)
        self._rows += table.num_rows
        self._pending_rows += table.num_rows
        if self._pending_rows >= _FOLD_ROWS:
            self._fold()

    def merge(self, other: CategoricalState) -> None:
        """Add another state's counts; both count over the same reference."""
        self._fold()
        other._fold()
        self._counts += other._counts
        self._rows += other._rows
        self._missing += other._missing
        self._unmatched += other._unmatched
        self._examples = first_examples((*self._examples, *other._examples))

    def summary(self) -> CategoricalSummary:
        """Return the counts so far."""
        self._fold()
        reference, truncated = self._reference, self._reference.truncated
        return CategoricalSummary(
            rows=self._rows,
            missing=self._missing,
            categories=reference.categories,
            counts=self._counts.copy(),
            other=self._unmatched if truncated else 0,
            new=0 if truncated else self._unmatched,
            new_examples=() if truncated else self._examples,
            truncated=truncated,
            singletons=reference.singletons,
            doubletons=reference.doubletons,
        )

    def _fold(self) -> None:
        """Move the pending exact counts onto the categories, the rest onto `unmatched`."""
        values, counts = entries(self._pending)
        slots = pc.index_in(values, value_set=self._categories)
        known = slots.is_valid().to_numpy(zero_copy_only=False)
        np.add.at(self._counts, slots.drop_null().to_numpy(), counts[known])
        self._unmatched += int(counts[~known].sum())
        self._missing += self._pending.missing
        if not known.all():
            unseen = values.filter(pa.array(~known))
            first = unseen.take(pc.sort_indices(unseen)[:MAX_EXAMPLES])
            self._examples = first_examples((*self._examples, *first.to_pylist()))
        self._pending = _native.VocabularyCounter()
        self._pending_rows = 0


def entries(counter: _native.VocabularyCounter) -> tuple[pa.LargeStringArray, NDArray[np.int64]]:
    """Return a string counter's (values, counts), most frequent first, without copying the text."""
    if counter.kind == "empty":
        return pa.array([], pa.large_utf8()), np.zeros(0, np.int64)
    data, offsets, counts = counter.string_entries()
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(data)]
    return cast("pa.LargeStringArray", pa.Array.from_buffers(pa.large_utf8(), len(counts), buffers)), counts
