"""The batches of a data set, counted on a progress bar as they go by."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from mlops_runtime.data import BadRow, Batch, Source

__all__ = ["counted", "watched"]

_Item = TypeVar("_Item", Batch, Batch | BadRow)


def watched(
    source: Source, report: Callable[[str, float], None], stage: str, *, start: float = 0.0, end: float = 1.0
) -> Iterator[Batch]:
    """Yield the batches of `source`, reporting `stage` between the fractions `start` and `end` of the whole.

    The rows of files that no pass has counted yet are unknown: the bar then stands still, and the count goes on.
    """
    return counted(source.batches(), source, report, stage, start=start, end=end)


def counted(
    stream: Iterable[_Item],
    source: Source,
    report: Callable[[str, float], None],
    stage: str,
    *,
    start: float = 0.0,
    end: float = 1.0,
) -> Iterator[_Item]:
    """Yield what comes from `source`, reporting as `watched` does."""
    rows = 0
    report(stage, start)
    for item in stream:
        yield item
        if isinstance(item, BadRow):
            rows += 1
            continue
        rows += item.table.num_rows
        total = source.known_rows
        passed = int(item.row_numbers()[-1]) + 1
        report(f"{stage}, {rows:,} rows", start + (end - start) * passed / total if total else start)
