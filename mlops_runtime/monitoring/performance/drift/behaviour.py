"""All that can have changed in a model's behaviour, from rows as they come: scores, labels, groups, attributions.

Without labels, or without groups or attributions, what needs them is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlops_runtime.core.errors import SchemaError, problem
from mlops_runtime.monitoring.performance.drift.attribution import AttributionDrift, attribution_drift
from mlops_runtime.monitoring.performance.drift.calibration import CalibrationDrift, calibration_drift
from mlops_runtime.monitoring.performance.drift.fairness import FairnessDrift, fairness_drift
from mlops_runtime.monitoring.performance.drift.scores import ScoreDrift, ScoreReference
from mlops_runtime.monitoring.performance.scoring import ScoredRows, Scoring
from mlops_runtime.monitoring.points import Point, Span

__all__ = ["Behaviour", "BehaviourReference", "Contributions"]

F64 = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Contributions:
    """What each feature added to each score, such as SHAP values: float64[n, features]."""

    names: tuple[str, ...]
    values: F64

    def take(self, rows: NDArray[np.intp]) -> Contributions:
        """Return those of some rows."""
        return Contributions(self.names, self.values[rows])


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What changed; None for what could not be compared."""

    scores: ScoreDrift
    calibration: CalibrationDrift | None
    fairness: FairnessDrift | None
    attribution: AttributionDrift | None

    def points(self, span: Span, labels: Mapping[str, str] | None = None) -> list[Point]:
        """Return the points of every comparison."""
        compared = (self.scores, self.calibration, self.fairness, self.attribution)
        return [point for one in compared if one is not None for point in one.points(span, labels)]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, in which NaN is null."""
        others = {"calibration": self.calibration, "fairness": self.fairness, "attribution": self.attribution}
        told = {name: None if one is None else _plain(asdict(one)) for name, one in others.items()}
        return {"columns": self.scores.report.to_dict()["columns"], **told}


class BehaviourReference:
    """How the model behaved on the reference. An outcome that is NaN is a label that is not known."""

    def __init__(self, rows: ScoredRows, scoring: Scoring, contributions: Contributions | None = None) -> None:
        self._scoring, self._contributions = scoring, contributions
        self._scores = ScoreReference(rows, scoring)
        self._labelled = _labelled(rows)

    def compare(self, rows: ScoredRows, contributions: Contributions | None = None) -> Behaviour:
        """Compare rows with the reference. Raises SchemaError for contributions of other features."""
        before, now = self._labelled, _labelled(rows)
        judged = self._scoring.task == "binary" and min(before.rows, now.rows) > 0
        return Behaviour(
            self._scores.drift(rows),
            calibration_drift(_pair(before), _pair(now)) if judged else None,
            fairness_drift(now, self._scoring.threshold, reference=before) if judged and now.groups else None,
            self._attribution(contributions),
        )

    def _attribution(self, now: Contributions | None) -> AttributionDrift | None:
        before = self._contributions
        if before is None or now is None:
            return None
        if before.names != now.names:
            expected, got = f"contributions of {', '.join(before.names)}", ", ".join(now.names)
            next_step = "give the same columns on both sides"
            raise SchemaError(problem(expected=expected, got=got, where="attributions", next_step=next_step))
        return attribution_drift(before.values, now.values, before.names)


def _labelled(rows: ScoredRows) -> ScoredRows:
    return rows.take(np.flatnonzero(np.isfinite(rows.outcomes)))


def _pair(rows: ScoredRows) -> tuple[F64, F64]:
    return rows.scores[:, 0], rows.outcomes


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value
