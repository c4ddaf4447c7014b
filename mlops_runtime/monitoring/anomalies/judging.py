"""Every series of a set of points judged by the method that suits its metric."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from mlops_runtime.monitoring.anomalies.robust import robust_anomalies, seasonal_anomalies
from mlops_runtime.monitoring.anomalies.series import Anomaly, Series, series_of
from mlops_runtime.monitoring.anomalies.traffic import traffic_anomalies
from mlops_runtime.monitoring.points import Point

__all__ = ["Judged", "judge_points"]

_TRAFFIC = "rows"
_VERDICTS = frozenset({"drifted", "p_value", "calibration_p_value", "fairness_p_value", "anomaly_score"})


@dataclass(frozen=True, slots=True)
class Judged:
    """One value of a series, judged. method: `robust`, `seasonal` or `traffic`."""

    series: Series
    anomaly: Anomaly
    method: str

    def point(self) -> Point:
        """Return it as the point `anomaly_score`."""
        return self.anomaly.point(self.series, self.method)


def judge_points(
    points: Iterable[Point], *, period_s: float | None = None, newest: int | None = None, until: datetime | None = None
) -> list[Judged]:
    """Judge the values of every metric and set of labels, in order of time.

    `rows` is judged as traffic: windows that did not come by `until`, or by the last one of any series, had no rows.
    Other metrics are judged by their past, and with a period also by their season; verdicts are not judged again.
    newest: only so many of the last windows. Raises as `series_of` and `slots_of_a_period` do.
    """
    given = [point for point in points if point.metric not in _VERDICTS]
    end = until or max((point.span.end for point in given), default=None)
    found = []
    for series in series_of(given):
        if series.metric == _TRAFFIC:
            whole = series if end is None else series.until(end)
            judged = [("traffic", whole, traffic_anomalies(whole, period_s=period_s, newest=newest))]
        else:
            judged = [("robust", series, robust_anomalies(series, newest=newest))]
            if period_s is not None:
                seasonal = seasonal_anomalies(series, period_s=period_s, newest=newest)
                judged.append(("seasonal", series, seasonal))
        found += [Judged(one, anomaly, method) for method, one, anomalies in judged for anomaly in anomalies]
    return sorted(found, key=lambda one: one.series.span(one.anomaly.slot).start)
