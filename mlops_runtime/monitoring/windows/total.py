"""The sum of windows as they come: what a report since some beginning rests on, however often it is asked for."""

from __future__ import annotations

import functools
from collections.abc import Iterable

from mlops_runtime.monitoring.monitor import Monitor
from mlops_runtime.monitoring.report.drift import DriftReport, build_report
from mlops_runtime.monitoring.report.verdicts import with_verdicts
from mlops_runtime.monitoring.state.baseline import Baseline
from mlops_runtime.monitoring.statistics.sequential import SequentialVerdict
from mlops_runtime.monitoring.windows.panes import Counts
from mlops_runtime.monitoring.windows.window import Window

__all__ = ["RunningTotal"]


class RunningTotal:
    """Adds up windows of one baseline in order of time, whatever their keys, and judges them in sequence.

    Sums are exact, and verdicts hold their level, if no row is in two windows.
    """

    def __init__(self, baseline: Baseline) -> None:
        self._baseline = baseline
        self._counts = Counts(0, Monitor(baseline).summaries())
        self._sequence = SequentialVerdict(baseline.columns)

    def add(self, windows: Iterable[Window]) -> None:
        """Add windows."""
        for window in windows:
            self._counts = self._counts.plus(_counts(window))
            self._sequence.update(window.summaries)

    def report(self, parts: Iterable[Window] = ()) -> DriftReport:
        """Compare the sum, and the parts of the window that is not over, with the baseline."""
        running = [_counts(part) for part in parts]
        counts = functools.reduce(Counts.plus, running, self._counts)
        latest = functools.reduce(Counts.plus, running).summaries if running else None
        report = build_report(self._baseline.columns, counts.summaries, rows=counts.rows)
        return with_verdicts(report, self._sequence.verdicts(latest), level=self._sequence.level)


def _counts(window: Window) -> Counts:
    return Counts(window.rows, window.summaries)
