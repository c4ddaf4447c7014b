"""A random sample of rows that merges: the rows with the smallest keys, which a row's place in its stream decides."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["RowSample"]


@dataclass(frozen=True, slots=True, eq=False)
class RowSample:
    """keys: uint64[k] ascending; rows: int16[k, width], k <= capacity. The parts of a stream, in any order, give it.

    Source: Cohen and Kaplan, Summarizing data using bottom-k sketches (2007).
    """

    capacity: int
    keys: NDArray[np.uint64]
    rows: NDArray[np.int16]

    @classmethod
    def empty(cls, capacity: int, width: int) -> RowSample:
        """Return a sample that saw nothing."""
        return cls(capacity, np.zeros(0, np.uint64), np.zeros((0, width), np.int16))

    def offer(self, rows: NDArray[np.int16], keys: NDArray[np.uint64]) -> RowSample:
        """Return the sample of these rows, too. keys: uint64[n], as good as random."""
        chosen = keys <= (self.keys[-1] if len(self.keys) == self.capacity else np.uint64(2**64 - 1))
        return self._smallest(np.append(self.keys, keys[chosen]), np.concatenate([self.rows, rows[chosen]]))

    def merge(self, other: RowSample) -> RowSample:
        """Return the sample of both parts, of one seed; its capacity is the smaller one's."""
        capacity = min(self.capacity, other.capacity)
        keys, rows = np.append(self.keys, other.keys), np.concatenate([self.rows, other.rows])
        return RowSample.empty(capacity, rows.shape[1])._smallest(keys, rows)

    def _smallest(self, keys: NDArray[np.uint64], rows: NDArray[np.int16]) -> RowSample:
        order = np.argsort(keys, kind="stable")[: self.capacity]
        return RowSample(self.capacity, keys[order], rows[order])
