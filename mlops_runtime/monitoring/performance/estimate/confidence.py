"""Confidence-based performance estimation: a classifier's metrics from its scores alone.

What has to hold, and cannot be checked without labels: a score means what it meant on the reference. A change of the
inputs alone is what this is for; a change of what they imply (concept drift) it cannot see.
Source: Białek, Kuberski, Perrakis, Bifet, Estimating Model Performance Under Covariate Shift (2023). Intervals by the
delta method (van der Vaart, Asymptotic Statistics, 1998, chapter 3) in place of draws.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlops_runtime.core.digest import from_hex_float, hex_float
from mlops_runtime.core.errors import ShapeError, problem
from mlops_runtime.monitoring.performance.estimate.calibrators import (
    Calibrator,
    Method,
    calibrator_of,
    fit_calibrator,
)
from mlops_runtime.monitoring.performance.estimate.expected import (
    Expected,
    expected_binary,
    expected_confusion,
    expected_multiclass,
)
from mlops_runtime.monitoring.performance.estimate.spread import Placed, Spread, resample
from mlops_runtime.monitoring.performance.measured import Z95, Measured
from mlops_runtime.monitoring.points import Point, Span

__all__ = ["ASSUMPTIONS", "ConfidenceEstimator"]

F64 = NDArray[np.float64]

ASSUMPTIONS = (
    "a score means the probability that it meant on the reference: inputs may drift, what they imply may not",
    "the reference's rows were not used to train the model",
    "the outcomes of rows do not depend on each other",
)

_UNBOUNDED = "log_loss"
_TINY = np.finfo(np.float64).tiny


@dataclass(frozen=True, slots=True)
class ConfidenceEstimator:
    """The calibrators of the reference, and how uncertain they are: one of each for every class of several, else one.

    threshold: at which a row of a two-class model is called positive.
    """

    threshold: float
    calibrators: tuple[Calibrator, ...]
    spreads: tuple[Spread, ...]

    @classmethod
    def fit(
        cls, scores: F64, outcome: F64, *, threshold: float = 0.5, method: Method = "isotonic", seed: int = 0
    ) -> ConfidenceEstimator:
        """Fit on labelled rows. scores: float64[n] in [0, 1], or [n, classes] of three or more classes.

        outcome: float64[n], 1 where the row came true; of several classes the index of the one that did. A row where
        either is NaN is left out. Each of several classes is calibrated against the rest, and their probabilities
        scaled to add up to 1. method: isotonic assumes no shape but knows little of the ends; platt and beta are better
        for small references whose scores have their shape.
        Raises EmptyInputError unless every class, and another, occurs, ShapeError for scores of other shapes.
        """
        columns = _columns(scores)
        known = np.isfinite(columns).all(axis=1) & np.isfinite(outcome)
        columns, scores, outcome = columns[known], scores[known], outcome[known]
        came_true = (np.arange(columns.shape[1]) == outcome[:, None] if scores.ndim == 2 else outcome[:, None]) * 1.0
        calibrators = [fit_calibrator(columns[:, k], came_true[:, k], method=method) for k in range(columns.shape[1])]
        return cls(threshold, tuple(calibrators), resample(columns, came_true, method, seed=seed))

    @property
    def classes(self) -> int:
        """How many classes the model has."""
        return max(2, len(self.calibrators))

    def confusion(self, score: F64) -> list[list[float]]:
        """Return the expected [[true negative, false positive], [false negative, true positive]], in rows.

        Of a two-class model.
        """
        return expected_confusion(score, self.calibrators[0](score), self.threshold)

    def estimate(self, scores: F64, *, weight: F64 | None = None) -> list[Measured]:
        """Estimate the metrics of these rows.

        Of two classes: AUC, log loss, Brier, accuracy, precision and recall. Of more: AUC (one against the rest, mean),
        log loss, accuracy and macro F1.
        weight: float64[n], how many rows have each score; one by default. A row without a score is left out. The
        interval is where the metric will lie with 95 % once their labels are in: it holds the chance of the outcomes
        and the uncertainty of the calibration.
        Raises ShapeError for scores of another number of classes.
        """
        columns = _columns(scores)
        if columns.shape[1] != len(self.calibrators):
            expected, got = f"scores of {self.classes} classes", f"float64{list(scores.shape)}"
            next_step = "give one score of two classes, else one of each"
            raise ShapeError(problem(expected=expected, got=got, where="ConfidenceEstimator", next_step=next_step))
        rows = weight if weight is not None else np.ones(len(columns))
        counted = (rows > 0) & np.isfinite(columns).all(axis=1)
        columns, rows = columns[counted], rows[counted]
        if len(columns) == 0:
            return []
        if columns.shape[1] > 1:
            chances = self._chances(columns)
            found = expected_multiclass(columns, chances.calibrated, rows)
        else:
            order = np.argsort(columns[:, 0])  # what follows is faster in order
            columns, rows = columns[order], rows[order]
            chances = self._chances(columns)
            found = expected_binary(columns[:, 0], chances.calibrated[:, 0], rows, self.threshold)
        return [chances.predict(each, rows) for each in found]

    def _chances(self, columns: F64) -> _Chances:
        raw = np.stack([calibrator(columns[:, k]) for k, calibrator in enumerate(self.calibrators)], axis=1)
        placed = [spread.place(columns[:, k]) for k, spread in enumerate(self.spreads)]
        total = np.maximum(raw.sum(axis=1, keepdims=True), _TINY) if raw.shape[1] > 1 else np.ones((len(raw), 1))
        return _Chances(raw / total, total, placed)

    def points(self, scores: F64, span: Span, labels: Mapping[str, str] | None = None) -> list[Point]:
        """Return the estimates as points under the label `estimated`."""
        named = {**(labels or {}), "estimated": "confidence"}
        return [each.point(span, named) for each in self.estimate(scores)]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "threshold": hex_float(self.threshold),
            "calibrators": [each.to_dict() for each in self.calibrators],
            "spreads": [each.to_dict() for each in self.spreads],
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], *, where: str) -> ConfidenceEstimator:
        """Read what `to_dict` wrote. Raises SchemaError for other numbers, KeyError and ValueError for less."""
        calibrators = tuple(calibrator_of(each, where=where) for each in values["calibrators"])
        spreads = tuple(Spread.from_dict(each, where=where) for each in values["spreads"])
        threshold = from_hex_float(values["threshold"])
        if len(calibrators) != len(spreads) or len(spreads) in (0, 2) or not 0.0 <= threshold <= 1.0:
            raise ValueError(f"{len(calibrators)} calibrators, {len(spreads)} spreads, threshold {threshold}")
        return cls(threshold, calibrators, spreads)


@dataclass(frozen=True, slots=True)
class _Chances:
    """calibrated: float64[n, classes], the chance of each outcome. total: float64[n, 1], what it was divided by."""

    calibrated: F64
    total: F64
    placed: list[Placed]

    def predict(self, expected: Expected, rows: F64) -> Measured:
        """Return a metric with its interval. rows: float64[n], how many have each score."""
        n, slope = round(float(rows.sum())), expected.gradient
        if not np.isfinite(expected.value):
            return Measured(expected.metric, math.nan, n)
        mean = (slope * self.calibrated).sum(axis=1)
        outcomes = float(np.sum(rows * ((slope**2 * self.calibrated).sum(axis=1) - mean**2)))
        if slope.shape[1] > 1:
            slope = slope - mean[:, None]  # what one class gains the others lose
        slope = slope * (rows[:, None] / self.total)
        drawn = np.sum([placed.of_sum(slope[:, k]) for k, placed in enumerate(self.placed)], axis=0)
        half = Z95 * math.sqrt(max(0.0, outcomes) + float(np.mean(drawn**2)))
        most = math.inf if expected.metric == _UNBOUNDED else 1.0
        low, high = max(0.0, expected.value - half), min(most, expected.value + half)
        return Measured(expected.metric, expected.value, n, low, high)


def _columns(scores: F64) -> F64:
    """Return float64[n, classes], of two classes [n, 1]."""
    if scores.ndim == 1:
        return scores[:, None]
    if scores.ndim != 2 or scores.shape[1] < 3:
        expected, got = "scores[n], or scores[n, classes] of three or more", f"float64{list(scores.shape)}"
        next_step = "give the positive class's scores of two classes"
        raise ShapeError(problem(expected=expected, got=got, where="ConfidenceEstimator", next_step=next_step))
    return scores
