"""A random sample of the rows of a stream, of bounded size: the rows with the smallest keys."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mlops_runtime.kernels.permutation.reference import keyed_words

__all__ = ["RowReservoir"]

_SLACK = 2


class RowReservoir:
    """Keeps at most `most` rows, each row of the stream with the same chance; the same stream gives the same rows.

    Source: Cohen and Kaplan, Summarizing data using bottom-k sketches (2007).
    """

    def __init__(self, most: int, *, seed: int = 0) -> None:
        self._most, self._seed, self._seen = most, seed, 0
        self._keys: list[NDArray[np.uint64]] = []
        self._tables: list[pa.Table] = []

    def add(self, table: pa.Table) -> None:
        """Add the next rows of the stream."""
        keys = keyed_words(self._seed, 0, self._seen, table.num_rows)
        self._seen += table.num_rows
        self._keys.append(keys)
        self._tables.append(table)
        if sum(map(len, self._keys)) > _SLACK * self._most:
            self._prune()

    def rows(self) -> pa.Table | None:
        """Return the sample in a random order; None when no table was added."""
        if not self._tables:
            return None
        self._prune()
        return self._tables[0]

    def _prune(self) -> None:
        keys = np.concatenate(self._keys)
        order = np.argsort(keys, kind="stable")[: self._most]
        self._keys, self._tables = [keys[order]], [pa.concat_tables(self._tables).take(pa.array(order))]
