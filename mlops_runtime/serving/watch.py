"""The watch over one served version: every scored row, inputs and scores, counted against the baseline of its bundle.

A request only appends its table to a list. The list is counted in larger pieces, by a background task, by whoever asks
for a report, or, when counting falls behind, by the request that finds the list full. No row is skipped.
"""

from __future__ import annotations

import threading

import pyarrow as pa

from mlops_runtime.monitoring import Baseline, DriftReport, Monitor
from mlops_runtime.registry import Scores

__all__ = ["DriftWatch"]

_PENDING_ROWS = 65_536


class DriftWatch:
    """Live drift state of one version. Thread-safe; no lock is held while a model scores."""

    def __init__(self, baseline: Baseline, classes: tuple[str, ...]) -> None:
        self._names = set(baseline.names)
        self._score_names = [f"score:{name}" for name in classes] or ["score"]
        self._monitor = Monitor(baseline)
        self._counting = threading.Lock()  # guards the monitor
        self._pending: list[pa.Table] = []
        self._pending_rows = 0
        self._appending = threading.Lock()  # guards the two fields above; held for a few instructions

    def add(self, inputs: pa.Table, scores: Scores) -> None:
        """Count the rows of one request: its cleaned inputs, and the scores they were given."""
        watched = inputs.select([name for name in inputs.column_names if name in self._names])
        for position, name in enumerate(self._score_names):
            if name in self._names:
                watched = watched.append_column(name, pa.array(scores.probability[:, position]))
        with self._appending:
            self._pending.append(watched)
            self._pending_rows += watched.num_rows
            full = self._pending_rows >= _PENDING_ROWS
        if full:
            self.flush()

    def flush(self) -> None:
        """Count everything that was added before this call."""
        with self._counting:
            self._count_pending()

    def report(self) -> DriftReport:
        """Return the drift of all rows added so far."""
        with self._counting:
            self._count_pending()
            return self._monitor.report()

    def reset(self) -> None:
        """Forget all rows added so far."""
        with self._counting:
            self._count_pending()
            self._monitor.reset()

    @property
    def rows(self) -> int:
        """Rows counted or waiting to be."""
        with self._counting, self._appending:
            rows: int = self._monitor.rows
            return rows + self._pending_rows

    def _count_pending(self) -> None:
        with self._appending:
            tables, self._pending, self._pending_rows = self._pending, [], 0
        if tables:
            self._monitor.update(pa.concat_tables(tables).combine_chunks())
