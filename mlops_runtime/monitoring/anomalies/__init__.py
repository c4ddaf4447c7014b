"""What is out of the ordinary: values of a metric, rows of a batch, traffic that does not come."""

from mlops_runtime.monitoring.anomalies.judging import Judged, judge_points
from mlops_runtime.monitoring.anomalies.reservoir import RowReservoir
from mlops_runtime.monitoring.anomalies.robust import robust_anomalies, seasonal_anomalies
from mlops_runtime.monitoring.anomalies.rows import RowAnomalies, RowDistances, RowFindings, discoveries
from mlops_runtime.monitoring.anomalies.series import Anomaly, Series, series_of
from mlops_runtime.monitoring.anomalies.traffic import traffic_anomalies

__all__ = [
    "Anomaly",
    "Judged",
    "RowAnomalies",
    "RowDistances",
    "RowFindings",
    "RowReservoir",
    "Series",
    "discoveries",
    "judge_points",
    "robust_anomalies",
    "seasonal_anomalies",
    "series_of",
    "traffic_anomalies",
]
