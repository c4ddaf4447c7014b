"""The batches of a data set, counted on a progress bar as they go by."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from mlops_runtime.data import Batch, Source

__all__ = ["watched"]


def watched(
    source: Source, report: Callable[[str, float], None], stage: str, *, start: float = 0.0, end: float = 1.0
) -> Iterator[Batch]:
    """Yield the batches of `source`, reporting `stage` between the fractions `start` and `end` of the whole.

    The rows of files that no pass has counted yet are unknown: the bar then stands still, and the count goes on.
    """
    rows = 0
    report(stage, start)
    for batch in source.batches():
        yield batch
        rows += batch.table.num_rows
        total = source.known_rows
        passed = int(batch.row_numbers()[-1]) + 1
        report(f"{stage}, {rows:,} rows", start + (end - start) * passed / total if total else start)
