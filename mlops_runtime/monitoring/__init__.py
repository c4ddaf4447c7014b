"""Monitoring: a baseline of the reference, exact mergeable counts of live data, and calibrated drift verdicts."""

from __future__ import annotations

from mlops_runtime.monitoring.detector import DriftDetector
from mlops_runtime.monitoring.monitor import Monitor, compare
from mlops_runtime.monitoring.report.drift import ColumnDrift, DatasetDrift, DriftReport
from mlops_runtime.monitoring.state.baseline import Baseline

__all__ = ["Baseline", "ColumnDrift", "DatasetDrift", "DriftDetector", "DriftReport", "Monitor", "compare"]
