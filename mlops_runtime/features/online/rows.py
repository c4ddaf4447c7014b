"""What a read gives: one row per key asked for, in that order, as arrays or as a table."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mlops_runtime.data import conform
from mlops_runtime.features.online.view import OnlineView
from mlops_runtime.features.tables import MISSING_TIME

__all__ = ["OnlineRows"]


@dataclass(frozen=True, slots=True, eq=False)
class OnlineRows:
    """The newest rows of n keys, at one moment.

    found: bool[n], whether the key has a row that still holds. event: int64[n], since when the values of its row hold,
    or held, in microseconds since 1970; the least int64, numpy's NaT, where it has no row. numbers: float64[n, F],
    row-major, the features of kind number in the view's order, NaN where missing. text_bytes: the UTF-8 of every other
    feature of every row, one feature after another; text_offsets: int64[T, n+1], where in it a feature's texts begin
    and end; nothing between means missing.

    >>> from mlops_runtime.data import Column, Schema
    >>> features = Schema((Column("city", "string"), Column("age", "number")))
    >>> view = OnlineView("people", Schema((Column("id", "integer"),)), features)
    >>> times, ages = np.array([5, -(2**63)]), np.array([[31.0], [np.nan]])
    >>> offsets, letters = np.array([[0, 5, 5]]), np.frombuffer(b"Dubai", np.uint8)
    >>> OnlineRows(view, np.array([True, False]), times, ages, offsets, letters).table().to_pydict()
    {'city': ['Dubai', None], 'age': [31.0, None]}
    """

    view: OnlineView
    found: NDArray[np.bool_]
    event: NDArray[np.int64]
    numbers: NDArray[np.float64]
    text_offsets: NDArray[np.int64]
    text_bytes: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.found)

    @property
    def expired(self) -> NDArray[np.bool_]:
        """Which keys have a row that is not found: its values hold no more, or were not known yet; bool[n]."""
        expired: NDArray[np.bool_] = ~self.found & (self.event != MISSING_TIME)
        return expired

    @property
    def texts(self) -> dict[str, pa.Array]:
        """The features that are not numbers, as texts: large_string[n] each, null where missing."""
        letters = pa.py_buffer(self.text_bytes)
        names = enumerate(self.view.texts)
        return {name: _texts(len(self), self.text_offsets[position], letters) for position, name in names}

    def table(self) -> pa.Table:
        """Return the view's features as columns, conformed; null where missing."""
        numbers = {
            name: pa.array(self.numbers[:, position], from_pandas=True)
            for position, name in enumerate(self.view.numbers)
        }
        where = f"online view `{self.view.name}`"
        return conform(pa.table(numbers | self.texts), self.view.features, where=where)


def _texts(rows: int, offsets: NDArray[np.int64], letters: pa.Buffer) -> pa.Array:
    texts = pa.LargeStringArray.from_buffers(rows, pa.py_buffer(np.ascontiguousarray(offsets)), letters)
    return pc.if_else(pc.equal(pc.binary_length(texts), 0), pa.scalar(None, pa.large_utf8()), texts)
