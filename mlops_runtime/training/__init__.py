"""Training: from a data file to a bundle, and the evaluation of what is in one."""

from __future__ import annotations

from mlops_runtime.training.batch import Prediction, predict
from mlops_runtime.training.config import TrainConfig
from mlops_runtime.training.evaluation import Evaluation, evaluate, read_labelled
from mlops_runtime.training.gates import Gate, GateReport, check_gates, load_gates
from mlops_runtime.training.job import TrainResult, train

__all__ = [
    "Evaluation",
    "Gate",
    "GateReport",
    "Prediction",
    "TrainConfig",
    "TrainResult",
    "check_gates",
    "evaluate",
    "load_gates",
    "predict",
    "read_labelled",
    "train",
]
