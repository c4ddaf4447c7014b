"""What a fit collects: mergeable statistics, each kept once however many features need it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Self, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mlops_runtime import _native
from mlops_runtime._native import ArrowTable
from mlops_runtime.features.columns import InputColumns, Reading

__all__ = ["Collector", "Collectors", "View"]

_PIECE_ROWS = 1 << 16  # the kernels share out more rows than these among the threads themselves


@dataclass(frozen=True)
class View:
    """A conformed table as collectors read it, its columns laid out as `columns` says.

    ordinals: int64[rows], ascending, where each row stands in the whole data set.
    """

    columns: InputColumns
    table: pa.Table
    ordinals: NDArray[np.int64]

    @cached_property
    def native(self) -> ArrowTable:
        """The table for the kernels."""
        return ArrowTable(self.table)

    @cached_property
    def runs(self) -> list[tuple[ArrowTable, int]]:
        """Stretches of rows that follow each other in the data set, each with the ordinal of its first."""
        cuts = np.flatnonzero(np.diff(self.ordinals) != 1) + 1
        if not len(cuts):
            return [(self.native, int(self.ordinals[0]))] if len(self.ordinals) else []
        bounds = pairwise([0, *cuts.tolist(), len(self.ordinals)])
        return [(ArrowTable(self.table.slice(begin, end - begin)), int(self.ordinals[begin])) for begin, end in bounds]

    def pieces(self) -> Iterator[View]:
        """Cut the rows into pieces that the kernels read with one thread each."""
        for begin in range(0, self.table.num_rows, _PIECE_ROWS):
            rows = slice(begin, begin + _PIECE_ROWS)
            yield View(self.columns, self.table.slice(begin, _PIECE_ROWS), self.ordinals[rows])

    def column(self, reading: Reading) -> pa.ChunkedArray:
        """Return a column, read that way."""
        return self.table.column(self.columns.position(reading))


class Collector(ABC):
    """One statistic of some columns. States of parts of the rows merge to the state of all, in any order."""

    @property
    @abstractmethod
    def key(self) -> Hashable:
        """What it collects: two collectors with one key collect the same."""

    @property
    @abstractmethod
    def reads(self) -> tuple[Reading, ...]:
        """How it reads its columns."""

    @abstractmethod
    def update(self, view: View) -> None:
        """Add the rows of a table."""

    @abstractmethod
    def merge(self, other: Self) -> None:
        """Add what another collector with this key has seen."""

    @abstractmethod
    def to_bytes(self) -> bytes:
        """Return what was seen, for `restore`."""

    @abstractmethod
    def restore(self, data: bytes) -> None:
        """Take over what `to_bytes` wrote. Raises ValueError or pa.ArrowException for anything else."""


_C = TypeVar("_C", bound=Collector)


class Collectors:
    """The collectors of a fit, in the order in which features asked for them."""

    def __init__(self) -> None:
        self._by_key: dict[Hashable, Collector] = {}

    def share(self, collector: _C) -> _C:
        """Return the collector that is kept for this one's key: itself, when it is the first."""
        kept = self._by_key.setdefault((type(collector), collector.key), collector)
        assert isinstance(kept, type(collector))
        return kept

    def __iter__(self) -> Iterator[Collector]:
        return iter(self._by_key.values())

    @property
    def reads(self) -> tuple[Reading, ...]:
        """How all of them read their columns."""
        return tuple(dict.fromkeys(reading for collector in self for reading in collector.reads))

    def update(self, view: View) -> None:
        """Add the rows of a table to every collector.

        Each thread takes some of the collectors, piece by piece; of few collectors each has all threads for its rows.
        """
        threads = _native.thread_count()
        if threads == 1 or (view.table.num_rows > _PIECE_ROWS and len(self._by_key) < 2 * threads):
            for collector in self:
                collector.update(view)
            return
        with ThreadPoolExecutor(threads) as pool:
            for piece in view.pieces():
                for done in [pool.submit(collector.update, piece) for collector in self]:
                    done.result()

    def merge(self, other: Collectors) -> None:
        """Add what the collectors of another fit of the same features have seen."""
        for mine, theirs in zip(self, other, strict=True):
            mine.merge(theirs)
