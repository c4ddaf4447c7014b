"""The sum of windows as they come: what a report since some beginning rests on."""

from __future__ import annotations

from collections.abc import Iterable

from mlops_runtime.monitoring.monitor import Monitor
from mlops_runtime.monitoring.report.drift import DriftReport, build_report
from mlops_runtime.monitoring.state.baseline import Baseline
from mlops_runtime.monitoring.windows.panes import Counts
from mlops_runtime.monitoring.windows.window import Window

__all__ = ["RunningTotal"]


class RunningTotal:
    """Adds up windows of one baseline, whatever their keys and spans; exact, if they do not overlap."""

    def __init__(self, baseline: Baseline) -> None:
        self._baseline = baseline
        self._counts = Counts(0, Monitor(baseline).summaries())

    def add(self, windows: Iterable[Window]) -> None:
        """Add windows."""
        for window in windows:
            self._counts = self._counts.plus(Counts(window.rows, window.summaries))

    def report(self, parts: Iterable[Window] = ()) -> DriftReport:
        """Compare the sum, and parts that are not yet added, with the baseline."""
        counts = self._counts
        for part in parts:
            counts = counts.plus(Counts(part.rows, part.summaries))
        return build_report(self._baseline.columns, counts.summaries, rows=counts.rows)
