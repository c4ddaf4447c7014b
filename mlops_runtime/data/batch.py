"""A stretch of a data set's rows, in order, with their ordinals."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

__all__ = ["BadRow", "Batch"]


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that cannot be decoded. line: where it begins in the file, from 1. ordinal: its place in the data set."""

    file: str
    line: int
    text: str
    reason: str
    ordinal: int


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of one file.

    table: conformed. first_row: the ordinal of the first row in the data set, which counts every row of every file,
    read or not. ordinals: int64[rows], ascending, of all rows when some between them are left out (a filter, a bad
    row); None when they are first_row, first_row + 1 and so on.
    """

    table: pa.Table
    first_row: int
    file: str
    ordinals: NDArray[np.int64] | None = None

    def row_numbers(self) -> NDArray[np.int64]:
        """Return int64[rows]: the ordinal of each row."""
        if self.ordinals is not None:
            return self.ordinals
        return np.arange(self.first_row, self.first_row + self.table.num_rows, dtype=np.int64)

    def filter(self, keep: NDArray[np.bool_]) -> Batch:
        """Return the rows where `keep` (bool[rows]) is true, with their ordinals.

        >>> batch = Batch(pa.table({"a": [5, 6, 7]}), 100, "a.csv").filter(np.array([True, False, True]))
        >>> batch.table["a"].to_pylist(), batch.row_numbers().tolist()
        ([5, 7], [100, 102])
        """
        if keep.all():
            return self
        kept = self.row_numbers()[keep]
        first = int(kept[0]) if len(kept) else self.first_row
        gaps = len(kept) > 0 and int(kept[-1]) - first + 1 > len(kept)
        return Batch(self.table.filter(pa.array(keep)), first, self.file, kept if gaps else None)

    def runs(self) -> Iterator[Batch]:
        """Split into batches without a gap between their ordinals, for consumers that take a first ordinal only."""
        if self.ordinals is None:
            yield self
            return
        cuts = np.flatnonzero(np.diff(self.ordinals) != 1) + 1
        bounds = [0, *cuts.tolist(), len(self.ordinals)]
        for start, stop in itertools.pairwise(bounds):
            yield Batch(self.table.slice(start, stop - start), int(self.ordinals[start]), self.file)
