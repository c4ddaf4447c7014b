"""What every online store does, wherever it keeps its rows.

A store keeps, for each key, the row with the greatest (event time, known time); of equal ones the later written. So
rows may come in any order and any batches, late or twice: the store ends the same, and a write that was cut short is
mended by running it again.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mlops_runtime.features.online.rows import OnlineRows
from mlops_runtime.features.online.view import OnlineView

__all__ = ["FileState", "Key", "Keys", "Moment", "OnlineStore", "WriteReport", "Writing"]

Key: TypeAlias = str | int | tuple[str | int | None, ...] | None
Keys: TypeAlias = Sequence[Key] | Mapping[str, Any] | pa.Table
Moment: TypeAlias = dt.datetime | int | NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class WriteReport:
    """What became of the rows of a write.

    rows: all of them. keys: keys that got another row. incomplete: rows without a key or a time, which belong nowhere;
    the others were not newer than what was there, or than others of the same write.
    """

    rows: int
    keys: int
    incomplete: int


@dataclass(frozen=True, slots=True)
class FileState:
    """How much of a file a store has: the rows that were available at `until`, in microseconds since 1970.

    withheld_from: when the first of the others becomes available; None when there are none.
    """

    until: int
    withheld_from: int | None


class Writing(Protocol):
    """A write that is going on."""

    def add(self, rows: pa.Table, event: NDArray[np.int64], known: NDArray[np.int64]) -> None:
        """Take rows with the view's keys and features among their columns, which are conformed here.

        event, known: int64[rows], microseconds since 1970; the least int64 where a row has none.
        Raises SchemaError for columns that are missing or cannot be read as the view says.
        """

    def record(self, file: str, state: FileState) -> None:
        """Remember, together with the rows, that those of `file` (a digest) were added."""

    @property
    def report(self) -> WriteReport:
        """What became of the rows; complete when the block of `writing` has ended."""


class OnlineStore(Protocol):
    """The newest rows of a view, by key."""

    @property
    def view(self) -> OnlineView:
        """What the store holds."""

    @property
    def files(self) -> Mapping[str, FileState]:
        """The files that writes have recorded."""

    def writing(self) -> AbstractContextManager[Writing]:
        """Begin a write; it is done when the block ends without an error."""

    def read(self, keys: Keys, *, at: Moment | None = None) -> OnlineRows:
        """Return the rows of keys, in their order.

        keys: a sequence of texts or whole numbers as they are, of tuples of these where the view has several keys (None
        is never found); or columns by name, which are conformed. at: a moment, or int64[n] of them in microseconds
        since 1970: a row whose values do not hold any more, or were not known yet, is not found. By default now, and
        whatever the store has is known.
        """

    def forget(self, keys: Keys) -> int:
        """Remove the rows of keys, for good; return how many there were.

        They come back when a file that holds them is materialised for the first time, so remove them there, too.
        """
