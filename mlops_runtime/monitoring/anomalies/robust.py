"""Values of a metric that are far from what they were: from the median of the past, or of the season."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from mlops_runtime.core.errors import ConfigError, problem
from mlops_runtime.monitoring.anomalies.series import Anomaly, Series
from mlops_runtime.monitoring.anomalies.tails import MOST, deviate, student_tail

__all__ = ["robust_anomalies", "seasonal_anomalies", "slots_of_a_period"]

F64 = NDArray[np.float64]

_LEAST_HISTORY = 20
_LEAST_CYCLES = 4
_TO_DEVIATION = 1.4826022185056018
_MEAN_TO_DEVIATION = 1.2533141373155001
_EFFICIENCY = 0.3675  # of the median absolute deviation, beside the standard deviation of normal values


def robust_anomalies(series: Series, *, history: int = 100, newest: int | None = None) -> list[Anomaly]:
    """Judge each value by the median and the median absolute deviation of up to `history` values before it.

    newest: judge only so many of the last slots. A value needs 20 before it; gaps are neither judged nor counted. Half
    of the past may be anomalies itself. The score allows for how little a short past tells.
    Source: Iglewicz & Hoaglin, How to Detect and Handle Outliers (1993); Croux & Rousseeuw, COMPSTAT (1992).
    """
    found = []
    for slot in _judged(series, newest):
        past = series.values[max(0, slot - history) : slot]
        past = past[np.isfinite(past)]
        if len(past) >= _LEAST_HISTORY:
            middle = float(np.median(past))
            spread = _deviation(past - middle)
            wider = spread * math.sqrt(1 + math.pi / (2 * len(past)))
            found.append(
                _anomaly(series, slot, middle, wider, len(past), f"the median of {len(past)} values before it")
            )
    return found


def seasonal_anomalies(series: Series, *, period_s: float, cycles: int = 8, newest: int | None = None) -> list[Anomaly]:
    """Judge each value by the level of the period before it and the usual departure from it at this time of a period.

    level: the median of a period. departure: the median, over up to `cycles` periods, of a value less the level of the
    period before. The spread is that of such residuals, each from the departures of the other periods, so that it is no
    smaller than a new value's. A value needs four periods before it. Raises ConfigError for a period that is not a
    whole number of spans.
    Source: after Cleveland et al., STL, J. Official Statistics 6 (1990), with medians in place of loess.
    """
    period = slots_of_a_period(series, period_s)
    found = []
    for slot in _judged(series, newest):
        available = min(cycles + 1, slot // period)
        if available < _LEAST_CYCLES:
            continue
        past = series.values[slot - available * period : slot].reshape(available, period)
        levels = _median(past.T)
        departures = past[1:] - levels[:-1, None]
        residuals = np.concatenate(
            [departures[at] - _median(np.delete(departures, at, axis=0)) for at in range(len(departures))]
        )
        residuals = residuals[np.isfinite(residuals)]
        expected = float(levels[-1] + _median(departures)[0])
        if np.isfinite(expected) and len(residuals) >= _LEAST_HISTORY:
            spread, words = (
                _deviation(residuals),
                f"usual at this time of a period, from {len(departures)} before it",
            )
            found.append(_anomaly(series, slot, expected, spread, len(residuals), words))
    return found


def slots_of_a_period(series: Series, period_s: float) -> int:
    """Return how many slots a period has. Raises ConfigError unless it is a whole number of two or more."""
    slots = period_s / series.step_s
    if slots < 2 or slots != int(slots):
        raise ConfigError(
            problem(
                expected=f"a period of two or more whole spans of {series.step_s:g} s",
                got=f"{period_s:g} s",
                where=f"anomalies of `{series.metric}`",
                next_step="choose a multiple of the window's length",
            )
        )
    return int(slots)


def _judged(series: Series, newest: int | None) -> list[int]:
    first = 0 if newest is None else max(0, len(series.values) - newest)
    return [slot for slot in range(first, len(series.values)) if np.isfinite(series.values[slot])]


def _deviation(residuals: F64) -> float:
    """Standard deviation by the median absolute one; by the mean absolute one where more than half are equal."""
    sizes, n = np.abs(residuals), len(residuals)
    by_median = _TO_DEVIATION * float(np.median(sizes)) * n / (n - 0.8)
    return by_median or _MEAN_TO_DEVIATION * float(sizes.mean())


def _anomaly(series: Series, slot: int, expected: float, spread: float, n: int, words: str) -> Anomaly:
    value = float(series.values[slot])
    if spread > 0.0:
        t = (value - expected) / spread
        score = math.copysign(max(0.0, deviate(student_tail(abs(t), _EFFICIENCY * (n - 1)))), t)
    else:
        score = 0.0 if value == expected else math.copysign(MOST, value - expected)
    reason = f"{series.metric} is {value:.6g}, {expected:.6g} was {words}: {score:+.1f} standard deviations"
    return Anomaly(slot, value, expected, score, reason)


def _median(values: F64) -> F64:
    """Median of each column, of the numbers in it; NaN without any."""
    ordered = np.sort(values, axis=0)  # NaN comes last
    counts = np.isfinite(values).sum(axis=0)
    each = np.arange(values.shape[1])
    low, high = ordered[np.maximum(counts - 1, 0) // 2, each], ordered[np.minimum(counts // 2, len(values) - 1), each]
    return np.where(counts > 0, (low + high) / 2, np.nan)
