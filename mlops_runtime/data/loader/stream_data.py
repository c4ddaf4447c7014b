"""The row groups of a source as rows of one width: how many each has, and how they are written into memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mlops_runtime import _native
from mlops_runtime.core.errors import DataError, problem
from mlops_runtime.data.loader.orders import ALL_ROWS
from mlops_runtime.data.part import Part
from mlops_runtime.data.rows import RowLayout
from mlops_runtime.data.source import Source

__all__ = ["MakeArrays", "StreamData"]

MakeArrays = Callable[[pa.Table], Mapping[str, NDArray[Any]]]

_DECODED_ROWS = 1 << 18  # at a time: a dictionary is looked up once for them


class StreamData:
    """Row groups with rows, in the source's order.

    make: from conformed rows to an array [rows, width] for each field of the layout; called by many threads.
    sizes: how many rows each row group has after filters, which cost a pass over their columns: a footer does not say.
    split: which rows those are, for an `OrderIdentity`.
    """

    def __init__(self, source: Source, layout: RowLayout, make: MakeArrays) -> None:
        self._source = source
        self._make = make
        self._names = [field.name for field in layout.fields]
        self._offsets = [layout.offset(name) for name in self._names]
        self.layout = layout
        kept = [(part, rows) for part, rows in _kept_rows(source) if rows]
        self._parts = [part for part, _ in kept]
        self.sizes = tuple(rows for _, rows in kept)
        self.split = source.filter_digest or ALL_ROWS

    @property
    def row_bytes(self) -> int:
        """What a row takes in memory, its ordinal included."""
        return self.layout.row_bytes + np.dtype(np.int64).itemsize

    def write(
        self, group: int, rows: _native.Rows, ordinals: NDArray[np.int64], start: int, goes_on: Callable[[], bool]
    ) -> None:
        """Decode a row group and write its rows, and their ordinals, from `start` on, as long as `goes_on()`.

        Raises DataError when it is damaged or has changed.
        """
        done, stop = start, start + self.sizes[group]
        for batch in self._source.part_batches(self._parts[group], _DECODED_ROWS):
            count = batch.table.num_rows
            if not goes_on():
                return
            if count > stop - done:
                raise self._changed(group, f"more than {stop - start:,}")
            if count:
                arrays = self._make(batch.table)
                rows.write(done, self._offsets, [arrays[name] for name in self._names])
                ordinals[done : done + count] = batch.row_numbers()
            done += count
        if done != stop:
            raise self._changed(group, f"{done - start:,}")

    def _changed(self, group: int, got: str) -> DataError:
        part = self._parts[group]
        return DataError(
            problem(
                expected=f"{self.sizes[group]:,} rows that meet the filters",
                got=got,
                where=f"{self._source.files[part.file]}, row group {part.group}",
                next_step="open the data set again when nobody writes it",
            )
        )


def _kept_rows(source: Source) -> list[tuple[Part, int]]:
    """Return the parts, and how many of their rows meet the filters."""
    parts = source.parts()
    if source.filter_digest is None:
        return [(part, part.rows) for part in parts]
    narrow = source.select(source.schema.names[:1])
    return [(part, sum(batch.table.num_rows for batch in narrow.part_batches(part))) for part in parts]
