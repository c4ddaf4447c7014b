"""All that a training job found out, before it is written down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mlops_runtime.training.candidates import Candidate
from mlops_runtime.training.config import TrainConfig
from mlops_runtime.training.evaluation import Evaluation
from mlops_runtime.training.gates import GateReport
from mlops_runtime.training.models import ModelKind
from mlops_runtime.training.prepare import Prepared

__all__ = ["Outcome"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """candidates: the validation loss of each kind that was tried. facts: as they go into `lineage.json`.

    notes: what a reader should know of the data and of what could not be fitted.
    """

    config: TrainConfig
    prepared: Prepared
    chosen: Candidate
    candidates: Mapping[ModelKind, float]
    evaluation: Evaluation
    gates: GateReport
    facts: Mapping[str, Any]
    notes: tuple[str, ...]
