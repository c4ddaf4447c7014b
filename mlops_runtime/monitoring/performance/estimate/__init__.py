"""Performance before labels arrive, estimated from what the reference's labels taught."""

from mlops_runtime.monitoring.performance.estimate.calibrators import Calibrator, fit_calibrator
from mlops_runtime.monitoring.performance.estimate.confidence import ConfidenceEstimator
from mlops_runtime.monitoring.performance.estimate.counted import estimate_counts
from mlops_runtime.monitoring.performance.estimate.document import (
    ESTIMATOR_FILE,
    Estimator,
    estimator_files,
    estimator_of,
)
from mlops_runtime.monitoring.performance.estimate.gather import EstimatedWindows
from mlops_runtime.monitoring.performance.estimate.losses import PREDICTION, LossEstimator

__all__ = [
    "ESTIMATOR_FILE",
    "PREDICTION",
    "Calibrator",
    "ConfidenceEstimator",
    "EstimatedWindows",
    "Estimator",
    "LossEstimator",
    "estimate_counts",
    "estimator_files",
    "estimator_of",
    "fit_calibrator",
]
