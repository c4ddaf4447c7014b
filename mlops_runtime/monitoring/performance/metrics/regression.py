"""Metrics of a model of a number."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mlops_runtime.monitoring.performance.metrics.sums import ratio, weighted_sum

__all__ = ["RegressionStatistics", "mean_ranks"]


class RegressionStatistics:
    """RMSE, MAE, mean error (prediction - target), R2 and Spearman's rank correlation.

    target, prediction: float64[N]. Ranks are taken once over all rows (ties share their mean rank), also for resamples.
    """

    def __init__(self, target: NDArray[np.float64], prediction: NDArray[np.float64]) -> None:
        self.rows = len(target)
        self._target = target
        self._errors = prediction - target
        self._target_rank = mean_ranks(target)
        self._prediction_rank = mean_ranks(prediction)

    def measure(self, weights: NDArray[np.float64]) -> dict[str, float]:
        """Return every metric under the weights; NaN where it is undefined (a constant target has no R2)."""
        total = float(weights.sum())
        squared = ratio(weighted_sum(self._errors**2, weights), total)
        mean = ratio(weighted_sum(self._target, weights), total)
        variance = ratio(weighted_sum((self._target - mean) ** 2, weights), total)
        return {
            "rmse": squared**0.5,
            "mae": ratio(weighted_sum(np.abs(self._errors), weights), total),
            "mean_error": ratio(weighted_sum(self._errors, weights), total),
            "r2": 1.0 - ratio(squared, variance),
            "spearman": _correlation(self._target_rank, self._prediction_rank, weights),
        }

    def noise(self, weights: NDArray[np.float64]) -> dict[str, float]:
        """Return the noise of the metrics that are a sum of absolute values: none is."""
        return {}


def mean_ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the rank of each value, 1 for the least; equal values share their mean rank.

    >>> mean_ranks(np.array([0.3, 0.1, 0.3])).tolist()
    [2.5, 1.0, 2.5]
    """
    _, group, counts = np.unique(values, return_inverse=True, return_counts=True)
    mean_rank = np.cumsum(counts) - (counts - 1) / 2
    ranks: NDArray[np.float64] = mean_rank[group]
    return ranks


def _correlation(x: NDArray[np.float64], y: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    total = float(weights.sum())
    x_gap, y_gap = x - ratio(weighted_sum(x, weights), total), y - ratio(weighted_sum(y, weights), total)
    spread = (weighted_sum(x_gap**2, weights) * weighted_sum(y_gap**2, weights)) ** 0.5
    return ratio(weighted_sum(x_gap * y_gap, weights), spread)
