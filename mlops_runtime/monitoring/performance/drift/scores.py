"""Score drift: the model scores otherwise than it did, and what comes true is shared out otherwise (prior shift)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mlops_runtime.monitoring.monitor import Monitor
from mlops_runtime.monitoring.performance.score_columns import score_names
from mlops_runtime.monitoring.performance.scoring import ScoredRows, Scoring
from mlops_runtime.monitoring.points import Point, Span
from mlops_runtime.monitoring.report.drift import DriftReport, build_report
from mlops_runtime.monitoring.report.points import drift_points
from mlops_runtime.monitoring.state.baseline import Baseline

__all__ = ["LABEL", "ScoreDrift", "ScoreReference"]

LABEL = "label"


@dataclass(frozen=True, slots=True)
class ScoreDrift:
    """The drift of the columns `score` (of several classes `score:<class>`) and `label`: PSI, KS, W1, verdicts.

    The verdicts hold their level over the columns together, as in any drift report.
    """

    report: DriftReport

    def points(self, span: Span, labels: Mapping[str, str] | None = None) -> list[Point]:
        """Return each statistic of each of these columns, under the label `column`."""
        points = drift_points(self.report, span, labels)
        return [point for point in points if "column" in point.labels]


class ScoreReference:
    """The scores and labels of the reference, counted once. A label that is NaN is not known, and is not counted."""

    def __init__(self, reference: ScoredRows, scoring: Scoring) -> None:
        self._scoring = scoring
        scores, labels = self._scores(reference), self._labels(reference)
        parts = [Baseline.fit(scores), *([Baseline.fit(labels)] if labels.num_rows else [])]
        self._baseline = Baseline({name: one for part in parts for name, one in part.columns.items()})

    def drift(self, current: ScoredRows) -> ScoreDrift:
        """Compare rows with the reference. Where a side has no label, labels are not compared."""
        labels = self._labels(current)
        judged = self._baseline.columns
        if labels.num_rows == 0:
            judged = {name: one for name, one in judged.items() if name != LABEL}
        monitor = Monitor(Baseline(judged)).update(self._scores(current)).update(labels)
        return ScoreDrift(build_report(judged, monitor.summaries(), rows=current.rows))

    def _scores(self, rows: ScoredRows) -> pa.Table:
        several = self._scoring.task == "multiclass"
        names = score_names(self._scoring.classes if several else ())
        return pa.table({name: rows.scores[:, at] for at, name in enumerate(names)})

    def _labels(self, rows: ScoredRows) -> pa.Table:
        known: NDArray[np.float64] = rows.outcomes[np.isfinite(rows.outcomes)]
        if not self._scoring.classes:
            return pa.table({LABEL: known})
        names = pa.array(self._scoring.classes, pa.string())
        return pa.table({LABEL: names.take(pa.array(known.astype(np.int64)))})
