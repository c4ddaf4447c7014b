"""Performance before labels arrive, estimated from what the reference's labels taught."""

from mlops_runtime.monitoring.performance.estimate.calibrators import Calibrator, fit_calibrator
from mlops_runtime.monitoring.performance.estimate.confidence import ConfidenceEstimator
from mlops_runtime.monitoring.performance.estimate.losses import LossEstimator

__all__ = ["Calibrator", "ConfidenceEstimator", "LossEstimator", "fit_calibrator"]
