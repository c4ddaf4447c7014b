"""The metrics of three or more classes from counts of each class's scores: no row's scores are known together.

Each class's calibrated chance is taken by its own score, and all are scaled so that they add up to one on average; an
estimate from rows has them add up row by row. That asks for more: drift of other classes' scores must not change what
this one's means. The interval is wider: the spread of a row's outcome about its own expectation is at most that about
the mean of all rows, which counts give. In 600 simulations of three classes, drifted by up to one standard deviation of
a logit, intervals of 95 % held the truth as often as those from rows, or more often; AUC's, log loss's and accuracy's
were 1 to 9 % wider, macro F1's 31 to 33 %.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlops_runtime.monitoring.performance.estimate.confidence import ConfidenceEstimator
from mlops_runtime.monitoring.performance.estimate.expected import expected_area
from mlops_runtime.monitoring.performance.estimate.spread import Placed
from mlops_runtime.monitoring.performance.measured import Z95, Measured
from mlops_runtime.monitoring.performance.metrics import PROBABILITY_FLOOR, ratio

__all__ = ["CountedScores", "estimate_classes"]

F64 = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class CountedScores:
    """scores: float64[bins], one for each bin. rows: float64[bins], how many rows have it."""

    scores: F64
    rows: F64


@dataclass(frozen=True, slots=True)
class _Side:
    """Counted scores of one class, with the chance of each and where its calibration's uncertainty is known."""

    scores: F64
    rows: F64
    chance: F64
    placed: Placed
    total: float

    @property
    def right(self) -> float:
        """How many of the rows are expected to be of the class."""
        return float(self.rows @ self.chance)

    @property
    def variance(self) -> float:
        """Of that number, about the chances."""
        return float(self.rows @ (self.chance * (1.0 - self.chance)))

    def drawn(self, slope: F64 | float) -> F64:
        """Return float64[resamples], how the sum of slope times chance over the rows deviates."""
        return self.placed.of_sum(slope * self.rows / self.total)


def estimate_classes(
    estimator: ConfidenceEstimator, scores: Sequence[CountedScores], called: Sequence[CountedScores]
) -> list[Measured]:
    """Estimate AUC (one against the rest, mean) and log loss; with `called` also accuracy and macro F1.

    scores: of each class, over all rows. called: of each class, over the rows called so; none where not counted.
    """
    rows = float(scores[0].rows.sum())
    if rows == 0.0 or any(float(one.rows.sum()) != rows for one in scores):
        return []
    chances = [calibrate(one.scores) for calibrate, one in zip(estimator.calibrators, scores, strict=True)]
    total = sum(float(one.rows @ chance) for one, chance in zip(scores, chances, strict=True)) / rows
    sides = [_side(estimator, k, one, total) for k, one in enumerate(scores)]
    found = [_mean_area(sides, rows), _log_loss(sides, rows)]
    if called:
        of_called = [_side(estimator, k, one, total) for k, one in enumerate(called)]
        found += [_accuracy(of_called, rows), _macro_f1(sides, of_called, rows)]
    return found


def _side(estimator: ConfidenceEstimator, k: int, counted: CountedScores, total: float) -> _Side:
    some = counted.rows > 0
    scores = counted.scores[some]
    chance = np.minimum(estimator.calibrators[k](scores) / total, 1.0)
    return _Side(scores, counted.rows[some], chance, estimator.spreads[k].place(scores), total)


def _mean_area(sides: Sequence[_Side], rows: float) -> Measured:
    areas = [expected_area(one.scores, one.chance, one.rows) for one in sides]
    defined = sum(math.isfinite(value) for value, _ in areas)
    slopes = [slope / max(1, defined) if math.isfinite(value) else np.zeros(len(slope)) for value, slope in areas]
    mean = ratio(sum(value for value, _ in areas if math.isfinite(value)), defined)
    return _of_slopes("auc", mean, sides, slopes, rows, most=1.0)


def _log_loss(sides: Sequence[_Side], rows: float) -> Measured:
    losses = [-np.log(np.clip(one.scores, PROBABILITY_FLOOR, 1.0)) / rows for one in sides]
    value = sum(float((one.rows * one.chance) @ loss) for one, loss in zip(sides, losses, strict=True))
    return _of_slopes("log_loss", value, sides, losses, rows, most=math.inf)


def _accuracy(called: Sequence[_Side], rows: float) -> Measured:
    drawn = np.sum([one.drawn(1.0 / rows) for one in called], axis=0)
    variance = sum(one.variance for one in called) / rows**2
    return _within("accuracy", sum(one.right for one in called) / rows, variance, drawn, rows, most=1.0)


def _macro_f1(sides: Sequence[_Side], called: Sequence[_Side], rows: float) -> Measured:
    """Of each class 2 h / (c + h + u): h right and c called, u missed; deviations of classes are taken to add up."""
    each, deviation, drawn = [], 0.0, np.zeros(1)
    for side, one in zip(sides, called, strict=True):
        both = float(one.rows.sum()) + side.right
        if both == 0.0:
            continue
        value = 2.0 * one.right / both
        hit, missed = (2.0 - value) / both, -value / both
        others = max(0.0, side.variance - one.variance)
        each.append(value)
        deviation += math.sqrt(hit**2 * one.variance + missed**2 * others)
        drawn = drawn + one.drawn(hit - missed) + side.drawn(missed)
    classes = max(1, len(each))
    return _within("macro_f1", ratio(sum(each), len(each)), (deviation / classes) ** 2, drawn / classes, rows, most=1.0)


def _of_slopes(
    metric: str, value: float, sides: Sequence[_Side], slopes: Sequence[F64], rows: float, *, most: float
) -> Measured:
    """slopes: what a row of each score adds to the metric when its class comes true."""
    mean = sum(float((one.rows * one.chance) @ slope) for one, slope in zip(sides, slopes, strict=True)) / rows
    centred = [slope - mean for slope in slopes]  # what one class gains the others lose
    variance = sum(float((one.rows * one.chance) @ slope**2) for one, slope in zip(sides, centred, strict=True))
    drawn = np.sum([one.drawn(slope) for one, slope in zip(sides, centred, strict=True)], axis=0)
    return _within(metric, value, variance, drawn, rows, most=most)


def _within(metric: str, value: float, variance: float, drawn: F64, rows: float, *, most: float) -> Measured:
    if not math.isfinite(value):
        return Measured(metric, math.nan, round(rows))
    half = Z95 * math.sqrt(variance + float(np.mean(drawn**2)))
    return Measured(metric, value, round(rows), max(0.0, value - half), min(most, value + half))
