"""What a data set asks of one of its files, whatever its format."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mlops_runtime.data.batch import BadRow
from mlops_runtime.data.infer import ColumnFacts
from mlops_runtime.data.stored_file import StoredFile

__all__ = ["OpenFile", "Piece", "joined"]


@dataclass(frozen=True, slots=True)
class Piece:
    """Decoded rows, as they are in the file. first_row: from 0. numbers: int64[rows] when rows between are left out.

    bad: rows up to the piece's last that could not be decoded.
    """

    table: pa.Table
    first_row: int
    numbers: NDArray[np.int64] | None = None
    bad: tuple[BadRow, ...] = ()


class OpenFile(Protocol):
    """A file whose columns are known. Whatever is read of it is in the file's own order of columns."""

    @property
    def stored(self) -> StoredFile:
        """Where it lies."""

    @property
    def names(self) -> tuple[str, ...]:
        """Its columns."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader should know: of columns, those whose facts were asked for."""

    def facts(self, names: Collection[str]) -> dict[str, ColumnFacts]:
        """Return the facts of these columns, those that the file lacks left out."""

    def read(self, names: Collection[str]) -> pa.Table:
        """Decode these columns whole."""

    def pieces(self, names: Collection[str], rows: int, *, raw: bool = False) -> Iterator[Piece]:
        """Decode these columns, at most `rows` rows at a time; raw: with nothing read into texts."""

    @property
    def known_rows(self) -> int | None:
        """What `count` returns, where that takes no pass over the file."""

    def count(self) -> int:
        """Return the number of rows, bad ones included."""


def joined(tables: Sequence[pa.Table]) -> pa.Table:
    """Return tables of one schema, one at least, below one another; tables without columns have rows, too."""
    if tables[0].num_columns:
        return pa.concat_tables(tables)
    return pa.table({"": pa.nulls(sum(table.num_rows for table in tables))}).select([])
