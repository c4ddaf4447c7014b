"""What is left of a stream's epoch: batches gathered from one window after another, ahead of whoever takes them."""

from __future__ import annotations

import os
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlops_runtime.data.loader.feeding import Taken
from mlops_runtime.data.loader.shares import Geometry
from mlops_runtime.data.loader.stream_plan import StreamPlan
from mlops_runtime.data.loader.stream_windows import THREADS, LoadedWindow, WindowReader, end
from mlops_runtime.data.rows import RowLayout

__all__ = ["StreamFeed"]

Convert = Callable[[NDArray[Any]], Any]
Spans = list[tuple[int, int]]


class StreamFeed:
    """The batches of one shard from `position` to the end of an epoch, `prefetch` of them made ahead by a thread.

    convert: what an array is handed out as; None for itself.
    """

    def __init__(
        self,
        reader: WindowReader,
        layout: RowLayout,
        plan: StreamPlan,
        geometry: Geometry,
        position: int,
        *,
        prefetch: int,
        convert: Convert | None,
    ) -> None:
        self._batches = _batches(reader, layout, plan, geometry, position)
        self._convert = convert
        self._pool = ThreadPoolExecutor(1, f"{THREADS}-gather")
        self._ahead: deque[Future[Taken]] = deque()
        self._process = os.getpid()
        self._end = weakref.finalize(self, _end, reader, self._pool, self._process)
        self._unmade = geometry.steps(position)
        for _ in range(prefetch):
            self._make_another()

    @property
    def is_here(self) -> bool:
        """Whether its threads are in this process."""
        return os.getpid() == self._process

    def take(self) -> Taken:
        """Wait for the next batch; there must be one."""
        taken = self._ahead.popleft().result()
        self._make_another()
        if self._convert is None:
            return taken
        return Taken({name: self._convert(array) for name, array in taken.arrays.items()}, taken.rows)

    def close(self) -> None:
        """End the threads, after the row groups that they decode at the moment."""
        self._end()

    def _make_another(self) -> None:
        if self._unmade:
            self._unmade -= 1
            self._ahead.append(self._pool.submit(next, self._batches))


def _end(reader: WindowReader, pool: ThreadPoolExecutor, process: int) -> None:
    """End the threads, unless this is a forked child, which has none of them."""
    if os.getpid() == process:
        reader.stop()
        end(pool)


def _batches(
    reader: WindowReader, layout: RowLayout, plan: StreamPlan, geometry: Geometry, position: int
) -> Iterator[Taken]:
    loaded = reader.read(plan.window(number) for number in _windows(plan, _spans(geometry, position)))
    current: LoadedWindow | None = None
    for spans in _spans(geometry, position):
        rows = sum(stop - start for start, stop in spans)
        arrays = {field.name: np.empty((rows, field.width), field.dtype) for field in layout.fields}
        ordinals, done = np.empty(rows, np.int64), 0
        for start, stop in spans:
            end = done + stop - start
            while done < end:
                position = stop - (end - done)
                if current is None or position not in current.window.positions:
                    current = next(loaded)
                part = slice(done, min(end, done + current.window.positions.stop - position))
                current.gather(position, {name: array[part] for name, array in arrays.items()}, ordinals[part])
                done = part.stop
        yield Taken(arrays, ordinals)


def _spans(geometry: Geometry, position: int) -> Iterator[Spans]:
    """Yield, for each batch left, the stretches of positions that it is made of: more than one where it starts over."""
    for _ in range(geometry.steps(position)):
        share, spans = geometry.share(position), []
        start, left = share.start % geometry.samples, share.rows
        while left:
            stop = min(start + left, geometry.samples)
            spans.append((start, stop))
            start, left = 0, left - (stop - start)
        yield spans
        position = geometry.after(position)


def _windows(plan: StreamPlan, batches: Iterator[Spans]) -> Iterator[int]:
    """Yield the numbers of the windows that they need, in turn."""
    last = -1
    for start, stop in (span for spans in batches for span in spans):
        for number in range(plan.number_at(start), plan.number_at(stop - 1) + 1):
            if number != last:
                yield number
            last = number
