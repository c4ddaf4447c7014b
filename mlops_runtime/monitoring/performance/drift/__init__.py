"""How a model's behaviour changed since the reference: scores and labels, calibration, attributions, fairness."""

from mlops_runtime.monitoring.performance.drift.attribution import AttributionDrift, attribution_drift
from mlops_runtime.monitoring.performance.drift.behaviour import Behaviour, BehaviourReference, Contributions
from mlops_runtime.monitoring.performance.drift.calibration import CalibrationDrift, calibration_drift
from mlops_runtime.monitoring.performance.drift.fairness import FairnessDrift, fairness_drift
from mlops_runtime.monitoring.performance.drift.scores import ScoreDrift, ScoreReference

__all__ = [
    "AttributionDrift",
    "Behaviour",
    "BehaviourReference",
    "CalibrationDrift",
    "Contributions",
    "FairnessDrift",
    "ScoreDrift",
    "ScoreReference",
    "attribution_drift",
    "calibration_drift",
    "fairness_drift",
]
