"""Metrics on NumPy alone, so that `mlrt evaluate` needs only the base install.

Each metric takes rows with weights: a bootstrap resample is nothing but integer weights, so intervals cost no sorting.
"""

from mlops_runtime.monitoring.performance.metrics.binary import PROBABILITY_FLOOR, BinaryStatistics, choose_threshold
from mlops_runtime.monitoring.performance.metrics.bootstrap import Statistics, intervals
from mlops_runtime.monitoring.performance.metrics.calibration import calibration_table
from mlops_runtime.monitoring.performance.metrics.groups import (
    MINIMUM_GROUP_ROWS,
    Groups,
    binary_groups,
    multiclass_groups,
    read_groups,
    regression_groups,
)
from mlops_runtime.monitoring.performance.metrics.interval import Interval
from mlops_runtime.monitoring.performance.metrics.multiclass import MulticlassStatistics
from mlops_runtime.monitoring.performance.metrics.regression import RegressionStatistics, mean_ranks
from mlops_runtime.monitoring.performance.metrics.sums import ratio

__all__ = [
    "MINIMUM_GROUP_ROWS",
    "PROBABILITY_FLOOR",
    "BinaryStatistics",
    "Groups",
    "Interval",
    "MulticlassStatistics",
    "RegressionStatistics",
    "Statistics",
    "binary_groups",
    "calibration_table",
    "choose_threshold",
    "intervals",
    "mean_ranks",
    "multiclass_groups",
    "ratio",
    "read_groups",
    "regression_groups",
]
