"""What is left of an epoch as a native feed: its positions, where each field of a batch lies, its threads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mlops_runtime import _native
from mlops_runtime.data.loader.shares import Geometry
from mlops_runtime.data.rows import RowTable

__all__ = ["BufferLayout", "Feeding", "HostBatches", "Taken", "buffer_layout"]

_LINE_BYTES = 64  # of the cache; each array begins at one


@dataclass(frozen=True, slots=True)
class Taken:
    """A batch of a feed: its arrays by field, and the ordinals int64[rows] of its rows."""

    arrays: dict[str, Any]
    rows: NDArray[np.int64]


class Feeding(Protocol):
    """The batches of what is left of an epoch, in their order."""

    @property
    def is_here(self) -> bool:
        """Whether its threads are in this process: not so in a forked child."""
        ...

    def take(self) -> Taken:
        """Wait for the next batch; there must be one."""
        ...

    def close(self) -> None:
        """End its threads."""
        ...


@dataclass(frozen=True, slots=True)
class BufferLayout:
    """Where the arrays of a batch lie in its buffer: the ordinals at its start, each field at its place."""

    places: tuple[int, ...]
    bytes: int


def buffer_layout(table: RowTable, batch_rows: int) -> BufferLayout:
    """Lay out the ordinals and the fields of a batch, each from a cache line on."""
    sizes = [np.dtype(np.int64).itemsize, *(field.bytes for field in table.layout.fields)]
    places = np.cumsum([0, *(-(-batch_rows * size // _LINE_BYTES) * _LINE_BYTES for size in sizes)]).tolist()
    return BufferLayout(tuple(places[1:-1]), places[-1])


def native_feed(
    table: RowTable,
    order: _native.Order,
    geometry: Geometry,
    position: int,
    *,
    prefetch: int,
    buffers: Sequence[NDArray[np.uint8]] = (),
) -> _native.Feed:
    """Start to fill this shard's batches from `position` to the end of the epoch, `prefetch` of them ahead.

    buffers: what to fill, uint8[`buffer_layout(…).bytes`] each; none: the feed allocates what it needs.
    """
    layout = buffer_layout(table, geometry.batch_rows)
    full, steps = geometry.full_steps(position), geometry.steps(position)
    tail = geometry.share(position + full * geometry.step_rows) if steps > full else None
    return _native.Feed(
        table.native,
        order,
        [
            (table.layout.offset(field.name), field.dtype, field.width, place)
            for field, place in zip(table.layout.fields, layout.places, strict=True)
        ],
        layout.bytes,
        start=position + geometry.shard * geometry.batch_rows,
        stride=geometry.step_rows,
        batch_rows=geometry.batch_rows,
        full=full,
        tail=None if tail is None else (tail.start, tail.rows),
        ahead=prefetch,
        threads=_native.thread_count(),
        buffers=list(buffers),
    )


class HostBatches:
    """Batches in memory, each array as `convert` makes it of a NumPy array."""

    def __init__(self, feed: _native.Feed, names: Sequence[str], convert: Callable[[NDArray[Any]], Any] | None) -> None:
        self._feed = feed
        self._names = names
        self._convert = convert

    @property
    def is_here(self) -> bool:
        """Whether its threads are in this process."""
        return self._feed.is_here

    def take(self) -> Taken:
        """Wait for the next batch."""
        rows, arrays = self._feed.take()
        if self._convert is not None:
            arrays = [self._convert(array) for array in arrays]
        return Taken(dict(zip(self._names, arrays, strict=True)), rows)

    def close(self) -> None:
        """End the threads."""
        self._feed.close()
