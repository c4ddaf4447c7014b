"""The rows of a data set, worked on by several threads where its files can be read in parts."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from mlops_runtime import _native
from mlops_runtime.core.errors import ConfigError
from mlops_runtime.data import Batch, Source
from mlops_runtime.data.part import Part

__all__ = ["in_order", "mapped"]

_ROWS = 1 << 20

_Item = TypeVar("_Item")
_Made = TypeVar("_Made")


def mapped(
    source: Source, work: Callable[[Batch], _Made], *, wanted: Callable[[int, int], bool] = lambda *_: True
) -> Iterator[_Made]:
    """Yield work(batch) for the batches of a data set, in order.

    Row groups of Parquet are decoded and worked on by as many threads as are set, each whole, but for those of which
    wanted(first, stop), of their ordinals, is false. Other files are read from the beginning, while a thread decodes
    ahead.
    """
    parts = _parts(source)
    if parts is None:
        yield from map(work, source.batches(_ROWS))
        return

    def of_part(part: Part) -> list[_Made]:
        return [work(batch) for batch in source.part_batches(part, _ROWS) if batch.table.num_rows]

    for made in in_order((part for part in parts if wanted(part.first_row, part.first_row + part.rows)), of_part):
        yield from made


def _parts(source: Source) -> tuple[Part, ...] | None:
    try:
        return source.parts()
    except ConfigError:  # a file of another format
        return None


def in_order(items: Iterable[_Item], work: Callable[[_Item], _Made]) -> Iterator[_Made]:
    """Yield work(item) in order, made by as many threads as are set, which are at most as many items ahead.

    >>> list(in_order([3, 1, 2], lambda number: number * 10))
    [30, 10, 20]
    """
    threads = _native.thread_count()
    if threads == 1:
        yield from map(work, items)
        return
    running: deque[Future[_Made]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            for item in items:
                running.append(pool.submit(work, item))
                if len(running) > threads:
                    yield running.popleft().result()
            while running:
                yield running.popleft().result()
        finally:
            for future in running:
                future.cancel()
