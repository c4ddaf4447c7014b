"""Windows of a stream in memory: while one is used, the next is decoded into other memory."""

from __future__ import annotations

import functools
import itertools
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlops_runtime import _native
from mlops_runtime.data.loader.stream_data import StreamData
from mlops_runtime.data.loader.stream_plan import Window
from mlops_runtime.data.rows import RowLayout

__all__ = ["THREADS", "LoadedWindow", "WindowMemory", "WindowReader", "end"]

THREADS = "mlrt-stream"  # what the names of a stream's threads begin with


@dataclass(frozen=True, slots=True)
class LoadedWindow:
    """A window's rows, not yet mixed, and their ordinals int64[rows]."""

    window: Window
    layout: RowLayout
    rows: _native.Rows
    ordinals: NDArray[np.int64]

    def gather(self, start: int, arrays: Mapping[str, NDArray[Any]], ordinals: NDArray[np.int64]) -> None:
        """Fill arrays, and the ordinals of their rows, with what is at the positions from `start` on."""
        chosen = self.window.order.rows(start - self.window.positions.start, len(ordinals))
        np.take(self.ordinals, chosen, out=ordinals, mode="clip")  # they are in range, and "raise" makes a copy
        offsets = [self.layout.offset(name) for name in arrays]
        _native.gather(self.rows, chosen, offsets, list(arrays.values()))


class WindowMemory:
    """Memory for rows and ordinals of one window of at most `rows`, taken when it is first asked for."""

    def __init__(self, layout: RowLayout, rows: int) -> None:
        self._layout, self._rows = layout, rows

    @functools.cached_property
    def rows(self) -> _native.Rows:
        """Rows of the layout."""
        return _native.Rows.allocate(self._rows, self._layout.row_bytes)

    @functools.cached_property
    def ordinals(self) -> NDArray[np.int64]:
        """int64[rows]."""
        return np.empty(self._rows, np.int64)


class WindowReader:
    """Decodes windows with `threads` threads, a row group each, into memories in turn, which no other may use."""

    def __init__(self, data: StreamData, memories: Sequence[WindowMemory], threads: int) -> None:
        self._data = data
        self._memories = memories
        self._pool = ThreadPoolExecutor(threads, f"{THREADS}-decode")
        self._stopped = threading.Event()

    def read(self, windows: Iterable[Window]) -> Iterator[LoadedWindow]:
        """Yield the windows; each is good until the next is asked for. DataError for damaged or changed files."""
        coming: tuple[LoadedWindow, list[Future[None]]] | None = None
        for window, memory in zip(windows, itertools.cycle(self._memories), strict=False):
            behind, coming = coming, self._start(window, memory)
            if behind is not None:
                yield _complete(*behind)
        if coming is not None:
            yield _complete(*coming)

    def stop(self) -> None:
        """End the threads, after what they decode at the moment; `read` raises CancelledError from then on."""
        self._stopped.set()
        end(self._pool)

    def _start(self, window: Window, memory: WindowMemory) -> tuple[LoadedWindow, list[Future[None]]]:
        loaded = LoadedWindow(window, self._data.layout, memory.rows, memory.ordinals)
        sizes = [self._data.sizes[group] for group in window.groups]
        starts = itertools.accumulate(sizes[:-1], initial=0)
        written = [
            self._pool.submit(self._data.write, group, loaded.rows, loaded.ordinals, start, self._goes_on)
            for group, start in zip(window.groups, starts, strict=True)
        ]
        return loaded, written

    def _goes_on(self) -> bool:
        return not self._stopped.is_set()


def end(pool: ThreadPoolExecutor) -> None:
    """Drop what a pool still has to do, and wait for its threads, unless this is one, which collects garbage."""
    pool.shutdown(wait=not threading.current_thread().name.startswith(THREADS), cancel_futures=True)


def _complete(loaded: LoadedWindow, written: Iterable[Future[None]]) -> LoadedWindow:
    for each in written:
        each.result()
    return loaded
