"""Bootstrap intervals: resample rows with replacement, measure again, take the percentiles.

A calibration error is a sum of absolute values: noise adds to it and never cancels. Its value on the rows at hand lies
above the true one, and its resamples lie above that value, so their percentiles can miss both. By the triangle
inequality the value is off by at most its noise, the sum of how far each part is off, and the resamples show how large
that is: the interval reaches down by the noise's upper percentile, and up to the resamples' own, which is too high
rather than too low. It holds the value, and covers the true error at least as often as it says, zero included.
Source: Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 13.
"""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mlops_runtime.monitoring.performance.metrics.interval import Interval, finite

__all__ = ["Statistics", "intervals"]

_LEVEL = 0.95


class Statistics(Protocol):
    """Metrics of one set of rows under any row weights; what can be sorted once is sorted when it is made."""

    rows: int

    def measure(self, weights: NDArray[np.float64]) -> dict[str, float]:
        """Return every metric under the weights float64[rows]; NaN where it is undefined."""
        ...

    def noise(self, weights: NDArray[np.float64]) -> dict[str, float]:
        """Of each metric that is a sum of absolute values: the sum of its parts' distances from the unweighted ones."""
        ...


def intervals(statistics: Statistics, *, resamples: int, seed: int) -> dict[str, Interval]:
    """Measure every metric with its 95 % interval; the same seed gives the same interval.

    resamples: 0 gives values alone. Resamples in which a metric is undefined (one class drawn) are left out of it.
    """
    rows = statistics.rows
    point = statistics.measure(np.ones(rows))
    generator = np.random.default_rng(seed)
    drawn: dict[str, list[float]] = {name: [] for name in point}
    noise: dict[str, list[float]] = {name: [] for name in point}
    for _ in range(resamples):
        weights = np.bincount(generator.integers(0, rows, rows), minlength=rows).astype(np.float64)
        for name, value in statistics.measure(weights).items():
            if math.isfinite(value):
                drawn[name].append(value)
        for name, distance in statistics.noise(weights).items():
            noise[name].append(distance)
    return {name: _interval(value, drawn[name], noise[name]) for name, value in point.items()}


def _interval(value: float, drawn: list[float], noise: list[float]) -> Interval:
    if finite(value) is None or not drawn:
        return Interval(finite(value), None, None)
    low, high = np.quantile(drawn, [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2])
    if noise:
        low, high = max(0.0, value - np.quantile(noise, (1 + _LEVEL) / 2)), max(value, high)
    return Interval(float(value), float(low), float(high))
