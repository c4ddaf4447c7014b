"""Calibration drift: scores that meant one thing on the reference and mean another now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlops_runtime.monitoring.performance.measured import Measured, sum_of_gaps
from mlops_runtime.monitoring.performance.metrics.calibration import Calibration
from mlops_runtime.monitoring.points import Point, Span
from mlops_runtime.monitoring.statistics.special import chi2_tail

__all__ = ["CalibrationDrift", "calibration_drift"]

F64 = NDArray[np.float64]

_CELLS = 50
_BINS = 10
_MINIMUM_ROWS = 25


@dataclass(frozen=True, slots=True)
class CalibrationDrift:
    """The calibration error then and now, and how surely the gaps between truth and score are no longer the same.

    bins: how many the test compares; 0 when a side has fewer than 25 rows, and then p_value is 1.
    """

    reference: Measured
    current: Measured
    p_value: float
    bins: int

    def points(self, span: Span, labels: Mapping[str, str] | None = None) -> list[Point]:
        """Return the points `ece`, `ece_change` and `calibration_p_value`."""
        named, n = dict(labels or {}), self.current.n
        change = self.current.value - self.reference.value
        return [
            self.current.point(span, named),
            Point("ece_change", change, span, n, labels=named),
            Point("calibration_p_value", self.p_value, span, n, labels=named),
        ]


def calibration_drift(reference: tuple[F64, F64], current: tuple[F64, F64]) -> CalibrationDrift:
    """Compare labelled rows of a two-class model: (scores, outcomes), float64[n] each; an outcome is 0 or 1.

    Scores are cut into up to ten bins with at least 25 rows of each side; the test adds up the squared, standardised
    differences of mean (outcome - score), which are about normal, and takes their sum as chi-square. A calibration
    error's own change would be no test: it is a sum of absolute values, which noise alone raises.
    Source: Hosmer & Lemeshow, Communications in Statistics A9 (1980), for two samples in place of one.
    """
    edges = _edges(reference[0], current[0])
    bins = len(edges) + 1
    enough = min(len(reference[0]), len(current[0])) >= _MINIMUM_ROWS
    p_value = chi2_tail(_statistic(reference, current, edges, bins), bins) if enough else 1.0
    return CalibrationDrift(_error(*reference), _error(*current), p_value, bins if enough else 0)


def _error(score: F64, outcome: F64) -> Measured:
    calibration = Calibration(score, outcome)
    return sum_of_gaps("ece", calibration.error(np.ones(len(score))), calibration.gap_errors(), len(score))


def _edges(score: F64, other: F64) -> F64:
    """Cut all scores together, so that neither is favoured, where both have enough rows on either hand."""
    sizes = np.array([len(score), len(other)])
    if sizes.min() < _MINIMUM_ROWS:
        return np.zeros(0)
    fine = np.unique(np.quantile(np.concatenate([score, other]), np.linspace(0, 1, _CELLS + 1)[1:-1]))
    below = np.stack([np.searchsorted(np.sort(side), fine, side="right") for side in (score, other)], axis=1)
    kept, cut = [], np.zeros(2, np.int64)
    for edge, count in zip(fine, below, strict=True):
        rows = count - cut
        large = rows.sum() >= sizes.sum() // _BINS
        if large and min(rows.min(), (sizes - count).min()) >= _MINIMUM_ROWS:
            kept.append(edge)
            cut = count
    return np.array(kept)


def _statistic(reference: tuple[F64, F64], current: tuple[F64, F64], edges: F64, bins: int) -> float:
    moments = [_moments(*side, edges, bins) for side in (reference, current)]
    (n, gap, squares), (m, other_gap, other_squares) = moments
    pooled = (squares + other_squares) / np.maximum(n + m - 2, 1)
    variance = pooled * (1 / n + 1 / m)
    difference = (gap - other_gap) ** 2
    return float(np.divide(difference, variance, out=np.zeros(bins), where=variance > 0).sum())


def _moments(score: F64, outcome: F64, edges: F64, bins: int) -> tuple[F64, F64, F64]:
    """Return each bin's rows, mean of (outcome - score), and sum of squares about that mean."""
    place, residual = np.searchsorted(edges, score, side="left"), outcome - score
    n = np.bincount(place, minlength=bins).astype(np.float64)
    mean = np.bincount(place, residual, bins) / np.maximum(n, 1)
    return n, mean, np.bincount(place, (residual - mean[place]) ** 2, bins).astype(np.float64)
