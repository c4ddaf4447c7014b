"""Drift that no single column shows: reconstruction error, kernel distance, a classifier, and distances of rows."""

from __future__ import annotations

from mlops_runtime.monitoring.multivariate.encoded_rows import RowEncoder
from mlops_runtime.monitoring.multivariate.monitor import MultivariateMonitor
from mlops_runtime.monitoring.multivariate.reference import MULTIVARIATE_FILE, MultivariateReference
from mlops_runtime.monitoring.multivariate.report import MultivariateReport
from mlops_runtime.monitoring.multivariate.table_sample import TableSample

__all__ = [
    "MULTIVARIATE_FILE",
    "MultivariateMonitor",
    "MultivariateReference",
    "MultivariateReport",
    "RowEncoder",
    "TableSample",
]
