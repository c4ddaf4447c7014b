"""The watch over one served version: every scored row, inputs and scores, counted against the baseline of its bundle.

A request only appends its table to a list. The list is counted in larger pieces, by a background task, by whoever asks
for a report, or, when counting falls behind, by the request that finds the list full. No row is skipped, and none is
counted twice: a row goes to the window of the moment, and the report since the last reset is the sum of windows.
"""

from __future__ import annotations

import datetime as dt
import secrets
import threading
from collections.abc import Mapping

import pyarrow as pa

from mlops_runtime.core.clock import now
from mlops_runtime.core.settings import settings
from mlops_runtime.monitoring import Baseline, DriftReport
from mlops_runtime.monitoring.multivariate import MultivariateReference, RowEncoder
from mlops_runtime.monitoring.performance.score_columns import score_columns
from mlops_runtime.monitoring.windows import RunningTotal, Tumbling, Window, WindowedMonitor
from mlops_runtime.registry import Scores

__all__ = ["DriftWatch"]

_PENDING_ROWS = 65_536
_STREAM_BITS = 64  # servers' rows are sampled apart


class DriftWatch:
    """Live drift state of one version. Thread-safe; no lock is held while a model scores.

    labels: what the keys of its windows hold, for example the model's name and version. Windows are of
    `settings().window_minutes`; a row belongs to the one in which it is counted, a fraction of a second after it came.
    multivariate: to count all inputs together in windows, too, which costs more than all the columns one by one.
    """

    def __init__(
        self,
        baseline: Baseline,
        classes: tuple[str, ...],
        labels: Mapping[str, str],
        multivariate: MultivariateReference | None = None,
    ) -> None:
        self.baseline, self.multivariate = baseline, multivariate
        self._names = set(baseline.names)
        self._classes = classes
        length = Tumbling(dt.timedelta(minutes=settings().window_minutes))
        encoder = None if multivariate is None else RowEncoder(multivariate, stream=secrets.randbits(_STREAM_BITS))
        self._windows = WindowedMonitor(baseline, length, labels=labels, multivariate=encoder)
        self._total = RunningTotal(baseline)
        self._closed: list[Window] = []
        self._time = now()
        self._counting = threading.Lock()  # guards the four fields above
        self._pending: list[pa.Table] = []
        self._pending_rows = 0
        self._appending = threading.Lock()  # guards the two fields above; held for a few instructions

    def add(self, inputs: pa.Table, scores: Scores) -> None:
        """Count the rows of one request: its cleaned inputs, and the scores they were given."""
        watched = inputs.select([name for name in inputs.column_names if name in self._names])
        for name, column in score_columns(self._classes, scores.probability).items():
            if name in self._names:
                watched = watched.append_column(name, column)
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
        """Return the drift of all rows added since the last reset, judged in sequence: ask as often as you like."""
        with self._counting:
            self._count_pending()
            return self._total.report(self._windows.parts())

    def reset(self) -> None:
        """Forget all rows added so far, for reports; windows keep them."""
        with self._counting:
            self._count_pending()
            self._closed += self._windows.take()
            self._total = RunningTotal(self.baseline)

    def collect(self, *, write_open: bool = False) -> list[Window]:
        """Return the windows that ended since the last call; write_open: and what the present one holds, as a part."""
        with self._counting:
            self._count_pending()
            if write_open:
                self._keep(self._windows.take())
            closed, self._closed = self._closed, []
            return closed

    @property
    def is_idle(self) -> bool:
        """Whether no row waits to be counted, or for its window to end."""
        with self._counting, self._appending:
            return not self._pending and not self._windows.parts()

    def _count_pending(self) -> None:
        with self._appending:
            tables, self._pending, self._pending_rows = self._pending, [], 0
        self._time = max(self._time, now())  # a clock that was set back would make rows late
        self._keep(self._windows.advance(self._time))
        if tables:
            rows = pa.concat_tables(tables).combine_chunks()
            self._keep(self._windows.update(rows, time=self._time))

    def _keep(self, windows: list[Window]) -> None:
        self._closed += windows
        self._total.add(windows)
