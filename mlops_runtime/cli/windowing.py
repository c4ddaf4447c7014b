"""How a command tells rows apart: by time and by segments."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field

from mlops_runtime.monitoring import Baseline
from mlops_runtime.monitoring.multivariate import RowEncoder
from mlops_runtime.monitoring.windows import Tumbling, WindowedMonitor

__all__ = ["Cut", "left_out"]

_NEVER_LATE = dt.timedelta(days=36_500)
_ALL_ROWS = 1 << 48


@dataclass(frozen=True, slots=True)
class Cut:
    """By the time in a column, in windows of a length, and by the values of other columns.

    time: None for one window of all rows. lateness: how long after its end a window is kept open; None for as long as
    rows come, whatever their order. labels: what every window's key has besides.
    """

    time: str | None
    window: dt.timedelta
    segments: tuple[str, ...] = ()
    lateness: dt.timedelta | None = None
    labels: Mapping[str, str] = field(default_factory=dict)

    def monitor(self, baseline: Baseline, multivariate: RowEncoder | None = None) -> WindowedMonitor:
        """Return a monitor that counts rows so. multivariate: to count all columns together, too."""
        lateness = _NEVER_LATE if self.lateness is None else self.lateness
        return WindowedMonitor(
            baseline,
            Tumbling(self.window if self.time else _ALL_ROWS),
            keys=self.segments,
            labels=self.labels,
            lateness=lateness if self.time else dt.timedelta(0),
            multivariate=multivariate,
        )


def left_out(monitor: WindowedMonitor) -> tuple[str, ...]:
    """Say how many rows are in no window, and why."""
    counts = ((monitor.late, "came too late for their window"), (monitor.undated, "have no time"))
    return tuple(f"{count:,} rows {words}: they are in no window" for count, words in counts if count)
