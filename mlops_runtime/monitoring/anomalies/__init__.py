"""What is out of the ordinary: values of a metric, rows of a batch, traffic that does not come."""

from mlops_runtime.monitoring.anomalies.robust import robust_anomalies, seasonal_anomalies
from mlops_runtime.monitoring.anomalies.rows import RowAnomalies, RowDistances, RowFindings
from mlops_runtime.monitoring.anomalies.series import Anomaly, Series, series_of
from mlops_runtime.monitoring.anomalies.traffic import traffic_anomalies

__all__ = [
    "Anomaly",
    "RowAnomalies",
    "RowDistances",
    "RowFindings",
    "Series",
    "robust_anomalies",
    "seasonal_anomalies",
    "series_of",
    "traffic_anomalies",
]
