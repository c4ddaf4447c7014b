"""Missing traffic: fewer rows than this time of a period has had, or none at all."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mlops_runtime.monitoring.anomalies.robust import slots_of_a_period
from mlops_runtime.monitoring.anomalies.series import Anomaly, Series
from mlops_runtime.monitoring.anomalies.tails import deviate, negative_binomial_below

__all__ = ["traffic_anomalies"]

F64 = NDArray[np.float64]

_LEAST_CYCLES = 3


def traffic_anomalies(
    counts: Series, *, period_s: float | None = None, cycles: int = 8, newest: int | None = None
) -> list[Anomaly]:
    """Judge each count of rows by those at the same time of up to `cycles` periods before; a gap is a count of 0.

    Without a period, by up to `cycles` counts before. At least three are needed. A count is taken as negative binomial:
    Poisson, and more spread where the past was; the score allows for how little a short past tells of the mean, and is
    0 or negative: only too few rows are an anomaly here. `Series.until` adds the gaps of what has not come by now.
    Raises ConfigError for a period that is not a whole number of spans.
    Source: Cameron & Trivedi, Regression Analysis of Count Data (2013), section 3.3, for the spread by moments.
    """
    period = 1 if period_s is None else slots_of_a_period(counts, period_s)
    values = np.nan_to_num(counts.values, nan=0.0)
    first = 0 if newest is None else max(0, len(values) - newest)
    found = []
    for slot in range(max(first, _LEAST_CYCLES * period), len(values)):
        available = min(cycles, slot // period)
        past = values[slot - available * period : slot].reshape(available, period)
        mean = float(past[:, 0].mean())
        if mean > 0.0:
            found.append(_anomaly(counts.metric, slot, values[slot], mean, _overdispersion(past), available))
    return found


def _overdispersion(past: F64) -> float:
    """How much the variance exceeds Poisson's, over the mean squared, by moments over all times of a period."""
    cycles, means = len(past), past.mean(axis=0)
    left = (cycles - 1) / cycles  # of the variance, after the mean was fitted
    excess = float(((past - means) ** 2).mean(axis=0).sum() - left * means.sum())
    return max(0.0, excess / (left * float((means**2).sum())))


def _anomaly(metric: str, slot: int, value: float, mean: float, overdispersion: float, cycles: int) -> Anomaly:
    """The mean of the past is uncertain by its own variance over the cycles, which adds to a new count's."""
    size = 1 / (1 / (cycles * mean) + overdispersion * (1 + 1 / cycles))
    score = min(0.0, -deviate(negative_binomial_below(int(value), mean, size)))
    reason = f"{metric} is {value:,.0f}, {mean:,.1f} is the mean of {cycles} before: {score:+.1f} standard deviations"
    return Anomaly(slot, value, mean, score, reason)
