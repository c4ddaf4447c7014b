"""Confinement: what is measured at one thread gets one processor, so that no library helps itself to more."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["processors"]


@contextmanager
def processors(count: int) -> Iterator[None]:
    """Keep every thread of this process, and the processes it starts, on so many processors."""
    allowed = os.sched_getaffinity(0)
    _confine(set(sorted(allowed)[:count]))
    try:
        yield
    finally:
        _confine(allowed)


def _confine(allowed: set[int]) -> None:
    for task in Path("/proc/self/task").iterdir():
        with suppress(ProcessLookupError):  # it has ended meanwhile
            os.sched_setaffinity(int(task.name), allowed)
