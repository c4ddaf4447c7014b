"""A sample of rows that no order and no split of the data changes."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mlops_runtime._native import ArrowTable, hash_values

__all__ = ["SAMPLE_ERROR", "SAMPLE_ROWS", "RowSample"]

SAMPLE_ROWS = 1 << 16
SAMPLE_ERROR = math.sqrt(math.log(2 / 0.01) / (2 * SAMPLE_ROWS))
"""Of a share in the sample, at 99 % (Hoeffding), and of every share below a value at once (DKW): 0.64 %."""

_SEED = 0x726F7773


class RowSample:
    """The 65,536 rows with the smallest keyed hash of their ordinal; all rows while there are no more.

    Memory: those rows, and up to as many again between two trims.
    """

    def __init__(self) -> None:
        self._keys: NDArray[np.uint64] = np.empty(0, np.uint64)
        self._parts: list[pa.Table] = []
        self._limit: int | None = None  # rows at or above it are in no sample

    def update(self, table: pa.Table, ordinals: NDArray[np.int64]) -> None:
        """Add rows; ordinals: int64[rows], each row's place in the whole data set, never given twice."""
        keys = hash_values(ArrowTable(pa.table({"ordinal": ordinals})), [0], _SEED)
        if self._limit is not None:
            chosen = np.flatnonzero(keys < self._limit)
            keys, table = keys[chosen], table.take(pa.array(chosen))
        self._add(keys, [_without_dictionaries(table)])

    def merge(self, other: RowSample) -> None:
        """Add what a sample of other rows has seen."""
        self._add(other._keys, other._parts)

    def _add(self, keys: NDArray[np.uint64], parts: list[pa.Table]) -> None:
        self._parts = [*self._parts, *parts]
        self._keys = np.concatenate([self._keys, keys])
        if len(self._keys) > 2 * SAMPLE_ROWS:
            self._trim()

    def _trim(self) -> None:
        if len(self._keys) <= SAMPLE_ROWS:
            return
        chosen = np.sort(np.argpartition(self._keys, SAMPLE_ROWS)[:SAMPLE_ROWS])
        rows = pa.concat_tables(self._parts).take(pa.array(chosen)).combine_chunks()
        self._keys, self._parts = self._keys[chosen], [rows]
        self._limit = int(self._keys.max())

    def rows(self) -> pa.Table | None:
        """Return the sampled rows in the order they came; None before the first batch."""
        self._trim()
        return pa.concat_tables(self._parts) if self._parts else None


def _without_dictionaries(table: pa.Table) -> pa.Table:
    fields = [pa.field(f.name, f.type.value_type if pa.types.is_dictionary(f.type) else f.type) for f in table.schema]
    return table.cast(pa.schema(fields))
