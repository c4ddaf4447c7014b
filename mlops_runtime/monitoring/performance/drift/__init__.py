"""How a model's behaviour changed since the reference: its calibration, its attributions, its fairness to groups.

Drift of the scores themselves is that of any column: a bundle's baseline holds them beside the inputs.
"""

from mlops_runtime.monitoring.performance.drift.attribution import AttributionDrift, attribution_drift
from mlops_runtime.monitoring.performance.drift.calibration import CalibrationDrift, calibration_drift
from mlops_runtime.monitoring.performance.drift.fairness import FairnessDrift, fairness_drift

__all__ = [
    "AttributionDrift",
    "CalibrationDrift",
    "FairnessDrift",
    "attribution_drift",
    "calibration_drift",
    "fairness_drift",
]
