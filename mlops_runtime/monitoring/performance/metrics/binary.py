"""Metrics of a two-class model."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mlops_runtime.monitoring.performance.metrics.calibration import Calibration
from mlops_runtime.monitoring.performance.metrics.ranking import Ranking
from mlops_runtime.monitoring.performance.metrics.sums import ratio, weighted_sum

__all__ = ["PROBABILITY_FLOOR", "BinaryStatistics", "choose_threshold"]

PROBABILITY_FLOOR = float(
    np.finfo(np.float32).eps
)  # scores are float32: a certain 0 or 1 costs 15.9 nats, not infinity


class BinaryStatistics:
    """ROC AUC, average precision, log loss (nats), Brier, ECE, and at the threshold accuracy, precision, recall, F1.

    positive: bool[N], the row is of the positive class. probability: float[N], of the positive class.
    threshold: a row is called positive when its probability is at least this.
    log_losses, squares: float64[N], each row's part of the log loss and of the Brier score.
    """

    def __init__(self, positive: NDArray[np.bool_], probability: NDArray[np.floating], threshold: float) -> None:
        self.rows = len(positive)
        self._positive = positive
        self._called = probability.astype(np.float64) >= threshold
        self.ranking = Ranking(probability, positive)
        self._probability = probability.astype(np.float64)
        clipped = np.clip(self._probability, PROBABILITY_FLOOR, 1.0 - PROBABILITY_FLOOR)
        self.log_losses = -np.log(np.where(positive, clipped, 1.0 - clipped))
        self._outcome = positive.astype(np.float64)
        self.squares = (self._probability - self._outcome) ** 2
        self.calibration = Calibration(self._probability, self._outcome)

    def measure(self, weights: NDArray[np.float64]) -> dict[str, float]:
        """Return every metric under the weights; NaN where it is undefined."""
        total = float(weights.sum())
        auc, average_precision = self.ranking.areas(weights)
        (true_negative, false_positive), (false_negative, true_positive) = self.confusion(weights)
        return {
            "roc_auc": auc,
            "average_precision": average_precision,
            "log_loss": ratio(weighted_sum(self.log_losses, weights), total),
            "brier": ratio(weighted_sum(self.squares, weights), total),
            "ece": self.calibration.error(weights),
            "accuracy": ratio(true_positive + true_negative, total),
            "precision": ratio(true_positive, true_positive + false_positive),
            "recall": ratio(true_positive, true_positive + false_negative),
            "f1": ratio(2 * true_positive, 2 * true_positive + false_positive + false_negative),
        }

    def noise(self, weights: NDArray[np.float64]) -> dict[str, float]:
        """Return the noise of the metrics that are a sum of absolute values."""
        return {"ece": self.calibration.noise(weights)}

    def confusion(self, weights: NDArray[np.float64]) -> list[list[float]]:
        """Return [[true negative, false positive], [false negative, true positive]] as sums of weights."""
        cells = np.bincount(2 * self._positive + self._called, weights, 4)
        return [[float(cells[0]), float(cells[1])], [float(cells[2]), float(cells[3])]]


def choose_threshold(positive: NDArray[np.bool_], probability: NDArray[np.floating]) -> float:
    """Return the threshold with the greatest macro F1 on these rows; of equal ones the highest.

    Macro F1 is the mean of both classes' F1: accuracy would often call no row positive when the class is rare, and one
    class's F1 depends on which class is the positive one. The threshold lies half-way between two neighbouring scores,
    so that rounding cannot move a row across it. 0.5 when a class has no row.

    >>> round(choose_threshold(np.array([False, True, True]), np.array([0.2, 0.4, 0.9])), 6)
    0.3
    """
    if positive.all() or not positive.any():
        return 0.5
    order = np.argsort(-probability, kind="stable")
    score = probability[order].astype(np.float64)
    last_of_tie = np.flatnonzero(np.r_[score[1:] != score[:-1], True])
    true_positive = np.cumsum(positive[order])[last_of_tie]
    called, positives = last_of_tie + 1, int(positive.sum())
    errors = called + positives - 2 * true_positive
    true_negative = len(score) - called - positives + true_positive
    macro_f1 = 2 * true_positive / (2 * true_positive + errors) + 2 * true_negative / (2 * true_negative + errors)
    at = last_of_tie[int(np.argmax(macro_f1))]
    below = score[at + 1] if at + 1 < len(score) else 0.0
    return float((score[at] + below) / 2)
