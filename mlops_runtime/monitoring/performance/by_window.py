"""Rows told apart by the window of their time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from mlops_runtime.monitoring.points import Span
from mlops_runtime.monitoring.windows.times import EARLIEST_US

__all__ = ["by_window"]

_SECOND_US = 1_000_000


def by_window(times_us: NDArray[np.int64], window_s: int) -> Iterator[tuple[Span, NDArray[np.intp]]]:
    """Yield each window that has rows, in order, and which these are; windows begin at multiples of their length.

    times_us: int64[rows] since 1970, as `row_times` reads them; rows without a time are in no window.
    """
    start_s = times_us // (window_s * _SECOND_US) * window_s
    order = np.argsort(start_s, kind="stable")
    order = order[np.searchsorted(times_us[order], EARLIEST_US, side="right") :]
    begins, first = np.unique(start_s[order], return_index=True)
    for begin, rows in zip(begins.tolist(), np.split(order, first[1:]), strict=False):
        yield Span.of_seconds(begin, begin + window_s), rows
