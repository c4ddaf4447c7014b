"""Metrics of a model with more than two classes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mlops_runtime.monitoring.performance.metrics.binary import PROBABILITY_FLOOR
from mlops_runtime.monitoring.performance.metrics.calibration import Calibration
from mlops_runtime.monitoring.performance.metrics.ranking import Ranking
from mlops_runtime.monitoring.performance.metrics.sums import ratio, weighted_sum

__all__ = ["MulticlassStatistics"]


class MulticlassStatistics:
    """Log loss (nats), accuracy, macro F1, macro one-versus-rest ROC AUC, and ECE of the chosen class.

    target: int[N], the class index. probability: float[N, K].
    log_losses, correct: float64[N], each row's part of the log loss and of the accuracy.
    """

    def __init__(self, target: NDArray[np.intp], probability: NDArray[np.floating]) -> None:
        self.rows, self._classes = probability.shape
        chosen = probability.argmax(axis=1)
        exact = probability.astype(np.float64)
        each = np.arange(self.rows)
        self.log_losses = -np.log(np.clip(exact[each, target], PROBABILITY_FLOOR, 1.0))
        self._cells = target * self._classes + chosen
        self._rankings = [Ranking(probability[:, k], target == k) for k in range(self._classes)]
        self.correct = (chosen == target).astype(np.float64)
        self.calibration = Calibration(exact[each, chosen], self.correct)

    def measure(self, weights: NDArray[np.float64]) -> dict[str, float]:
        """Return every metric under the weights; a class without rows is left out of the macro means."""
        total = float(weights.sum())
        matrix = np.array(self.confusion(weights))
        support = matrix.sum(axis=1) + matrix.sum(axis=0)
        f1 = 2 * np.diag(matrix)[support > 0] / support[support > 0]
        areas = [ranking.areas(weights)[0] for ranking in self._rankings]
        defined = [area for area in areas if area == area]  # NaN: the class, or all others, drew no row
        return {
            "log_loss": ratio(weighted_sum(self.log_losses, weights), total),
            "accuracy": ratio(weighted_sum(self.correct, weights), total),
            "macro_f1": ratio(float(f1.sum()), len(f1)),
            "roc_auc_ovr": ratio(sum(defined), len(defined)),
            "ece": self.calibration.error(weights),
        }

    def noise(self, weights: NDArray[np.float64]) -> dict[str, float]:
        """Return the noise of the metrics that are a sum of absolute values."""
        return {"ece": self.calibration.noise(weights)}

    def confusion(self, weights: NDArray[np.float64]) -> list[list[float]]:
        """Return sums of weights; rows are true classes, columns the chosen ones."""
        cells = np.bincount(self._cells, weights, self._classes**2)
        return [[float(cell) for cell in row] for row in cells.reshape(self._classes, self._classes)]
