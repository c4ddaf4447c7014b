"""Collectors of keys: exact counts of a column's values or of the elements of its lists."""

from __future__ import annotations

from collections.abc import Hashable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlops_runtime import _native
from mlops_runtime.data import Schema
from mlops_runtime.features.columns import Reading
from mlops_runtime.features.fitting.collector import Collector, View
from mlops_runtime.features.vocabulary import FittedVocabulary

__all__ = ["KeyCounts", "MissingKeys"]


class KeyCounts(Collector):
    """How often each key of a column occurs. how: "code" for its values, "list" for the elements of its lists."""

    def __init__(self, reading: Reading, schema: Schema) -> None:
        self._reading = reading
        self._holds_integers = schema.column(reading.column).kind not in ("string", "string_list")
        self._counter = _native.VocabularyCounter()

    @property
    def key(self) -> Hashable:
        """The column, and how it is read."""
        return self._reading

    @property
    def reads(self) -> tuple[Reading, ...]:
        """The column."""
        return (self._reading,)

    @property
    def missing(self) -> int:
        """How many rows (elements of lists) have no key."""
        return self._counter.missing

    def vocabulary(self, *, min_count: int = 1, max_size: int = 1 << 24) -> FittedVocabulary:
        """Return the keys: those seen `min_count` times, at most the `max_size` most frequent, get an own id."""
        if self._counter.kind == "empty" and self._holds_integers:
            return FittedVocabulary(pa.array([], pa.int64()), np.empty(0, np.int64), 0)
        return FittedVocabulary.freeze(self._counter, min_count=min_count, max_size=max_size)

    def update(self, view: View) -> None:
        """Add the rows of a table."""
        if self._reading.how == "list":
            elements = pc.list_flatten(view.column(self._reading))
            self._counter.update(_native.ArrowTable(pa.table({"element": elements})), 0)
        else:
            self._counter.update(view.native, view.columns.position(self._reading))

    def merge(self, other: KeyCounts) -> None:
        """Add what another collector of this column has seen."""
        self._counter.merge(other._counter)

    def to_bytes(self) -> bytes:
        """Return the counts."""
        return self._counter.to_bytes()

    def restore(self, data: bytes) -> None:
        """Take over counts. Raises ValueError when they are none."""
        self._counter = _native.VocabularyCounter.from_bytes(data)


class MissingKeys(Collector):
    """In how many rows all of some columns are missing."""

    def __init__(self, columns: tuple[str, ...]) -> None:
        self._columns = columns
        self.count = 0

    @property
    def key(self) -> Hashable:
        """The columns."""
        return self._columns

    @property
    def reads(self) -> tuple[Reading, ...]:
        """The columns."""
        return tuple(Reading(column, "code") for column in self._columns)

    def update(self, view: View) -> None:
        """Add the rows of a table: those that the hash encoder gives the id 0."""
        positions = [view.columns.position(reading) for reading in self.reads]
        ids = _native.SparsePlan([_native.HashIds(positions, 1, 0)]).run(view.native)
        self.count += int((ids == 0).sum())

    def merge(self, other: MissingKeys) -> None:
        """Add what another collector of these columns has seen."""
        self.count += other.count

    def to_bytes(self) -> bytes:
        """Return the count."""
        return self.count.to_bytes(8, "little")

    def restore(self, data: bytes) -> None:
        """Take over a count. Raises ValueError when it is none."""
        if len(data) != 8:
            raise ValueError(f"expected a count of 8 bytes, got {len(data)}")
        self.count = int.from_bytes(data, "little")
