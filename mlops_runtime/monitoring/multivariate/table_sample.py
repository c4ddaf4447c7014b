"""Random rows of a stream of tables, kept as they are: what a reference is fitted on without holding the stream."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mlops_runtime.kernels.permutation.reference import keyed_words
from mlops_runtime.monitoring.multivariate.encoding import plain_texts

__all__ = ["MOST_ROWS", "TableSample"]

MOST_ROWS = 16_384


class TableSample:
    """The rows with the smallest keys, which a row's place in the stream decides: the same however batches are cut.

    capacity: rows to keep; half as many more are held at most.
    Source: Cohen and Kaplan, Summarizing data using bottom-k sketches (2007).

    >>> sample = TableSample(2, seed=0)
    >>> for start in (0, 50):
    ...     sample.offer(pa.table({"x": range(start, start + 50)}))
    >>> sample.table()["x"].to_pylist()
    [51, 5]
    """

    def __init__(self, capacity: int = MOST_ROWS, *, seed: int = 0) -> None:
        self._capacity, self._seed = capacity, seed
        self._seen, self._held = 0, 0
        self._limit = np.uint64(2**64 - 1)
        self._parts: list[tuple[NDArray[np.uint64], pa.Table]] = []

    def offer(self, table: pa.Table) -> None:
        """Take what belongs to the sample so far from the next rows of the stream, all of one schema."""
        keys = keyed_words(self._seed, 0, self._seen, table.num_rows)
        self._seen += table.num_rows
        chosen = np.flatnonzero(keys <= self._limit)
        if len(chosen) == 0 and self._parts:
            return
        self._parts.append((keys[chosen], plain_texts(table.take(chosen) if len(chosen) < len(keys) else table)))
        self._held += len(chosen)
        if 2 * self._held >= 3 * self._capacity:
            self._shrink()

    def table(self) -> pa.Table:
        """Return the sample in an order that is random, too; no row and no column before the first `offer`."""
        if not self._parts:
            return pa.table({})
        self._shrink()
        return self._parts[0][1]

    def _shrink(self) -> None:
        keys = np.concatenate([keys for keys, _ in self._parts])
        order = np.argsort(keys, kind="stable")[: self._capacity]
        whole = pa.concat_tables(table for _, table in self._parts)
        columns = [column.combine_chunks().take(pa.array(order)) for column in whole.columns]  # a copy of one at a time
        rows = pa.Table.from_arrays(columns, schema=whole.schema)
        self._parts, self._held = [(keys[order], rows)], len(order)
        if self._held == self._capacity:
            self._limit = keys[order[-1]]
