"""Rows that come batch by batch, gathered by window, to estimates."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mlops_runtime.core import clock
from mlops_runtime.monitoring.performance.by_window import by_window
from mlops_runtime.monitoring.performance.estimate.document import Estimator
from mlops_runtime.monitoring.performance.estimate.losses import PREDICTION, LossEstimator
from mlops_runtime.monitoring.performance.measured import Measured
from mlops_runtime.monitoring.points import Point, Span

__all__ = ["EstimatedWindows"]

F64 = NDArray[np.float64]


class _Gathered:
    """The rows of one window, as much of them as its estimate needs: their scores, or sums of their inputs' weights."""

    def __init__(self, estimator: Estimator) -> None:
        self._estimator = estimator
        self._scores: list[F64] = []
        self._sums: F64 | float = 0.0
        self._rows = 0

    def add(self, inputs: pa.Table, scores: F64) -> None:
        """Add rows. scores: float64[n, width], the model's output: one column for each class, or the number."""
        self._rows += inputs.num_rows
        if isinstance(self._estimator, LossEstimator):
            given = inputs.drop_columns([PREDICTION]) if PREDICTION in inputs.column_names else inputs
            self._sums += self._estimator.sums(given.append_column(PREDICTION, pa.array(scores[:, 0])))
        else:
            self._scores.append(scores[:, 1] if scores.shape[1] == 2 else scores)

    def estimate(self) -> list[Measured]:
        """Estimate the metrics of all rows added; nothing without rows."""
        if self._rows == 0:
            return []
        if isinstance(self._estimator, LossEstimator):
            return self._estimator.estimate_sums(np.asarray(self._sums), self._rows)
        return self._estimator.estimate(np.concatenate(self._scores))


class EstimatedWindows:
    """Estimates of rows that come batch by batch. Memory holds scores, not rows.

    window_s: how long a window is; None for one of all rows, whose span is the moment of `points`. labels: of every
    point. undated: rows so far that have no time, and are in no window.
    """

    def __init__(self, estimator: Estimator, *, window_s: int | None = None, labels: Mapping[str, str]) -> None:
        self._estimator, self._window_s = estimator, window_s
        kind = "losses" if isinstance(estimator, LossEstimator) else "confidence"
        self._labels = {**labels, "estimated": kind}
        self._windows: dict[Span | None, _Gathered] = {}
        self.undated = 0

    def add(self, inputs: pa.Table, scores: F64, times_us: NDArray[np.int64] | None = None) -> None:
        """Add rows. scores: float64[n, width], the model's output. times_us: int64[n], as `row_times` reads them."""
        if self._window_s is None or times_us is None:
            self._part(None).add(inputs, scores)
            return
        placed = 0
        for span, rows in by_window(times_us, self._window_s):
            self._part(span).add(inputs.take(pa.array(rows)), scores[rows])
            placed += len(rows)
        self.undated += len(scores) - placed

    def points(self) -> list[Point]:
        """Return the estimates of each window, in order of time."""
        now = clock.now()
        spans = {part: span or Span(now, now) for span, part in self._windows.items()}
        parts = sorted(self._windows.values(), key=spans.__getitem__)
        return [each.point(spans[part], self._labels) for part in parts for each in part.estimate()]

    def _part(self, span: Span | None) -> _Gathered:
        return self._windows.setdefault(span, _Gathered(self._estimator))
