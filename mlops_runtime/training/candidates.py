"""Fit one model kind, export it, prove that the export says the same, and measure it on the validation rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlops_runtime.core.errors import IntegrityError, problem
from mlops_runtime.monitoring.performance.metrics import BinaryStatistics, MulticlassStatistics, RegressionStatistics
from mlops_runtime.registry import Scorer
from mlops_runtime.training.models import ModelKind, Problem, Samples, fit_model

__all__ = ["EXPORT_TOLERANCE", "Candidate", "fit_candidate"]

EXPORT_TOLERANCE = 1e-5


@dataclass(frozen=True, slots=True)
class Candidate:
    """A fitted and exported model. validation_score: float32[N, K], by the exported model, as all scores are.

    validation_loss: weighted log loss (nats) or RMSE. export_difference: the greatest difference between the exported
    model's scores and the native estimator's; in regression relative to the greatest value.
    """

    kind: ModelKind
    onnx: bytes
    facts: dict[str, Any]
    validation_score: NDArray[np.float32]
    validation_loss: float
    export_difference: float


def fit_candidate(kind: ModelKind, posed: Problem, train: Samples, validation: Samples) -> Candidate:
    """Fit, export and check one model. Raises IntegrityError when the export differs by more than 1e-5."""
    fitted = fit_model(kind, posed, train, validation)
    onnx = fitted.to_onnx()
    score = Scorer(onnx).run(validation.dense, validation.sparse)
    difference = _difference(
        score, fitted.scores(validation.dense, validation.sparse), relative=posed.task == "regression"
    )
    if not difference <= EXPORT_TOLERANCE:
        raise IntegrityError(
            problem(
                expected=f"exported scores within {EXPORT_TOLERANCE:g} of the native ones",
                got=f"a difference of {difference:.3g}",
                where=f"{kind} export",
                next_step="train another --model and report this as a defect",
            )
        )
    return Candidate(kind, onnx, fitted.facts, score, _loss(posed, validation, score), difference)


def _difference(exported: NDArray[np.float32], native: NDArray[np.float64], *, relative: bool) -> float:
    gap = np.abs(exported.astype(np.float64) - native)
    return float(gap.max() / max(1.0, np.abs(native).max()) if relative else gap.max())


def _loss(posed: Problem, validation: Samples, score: NDArray[np.float32]) -> float:
    if posed.task == "regression":
        return RegressionStatistics(validation.target, score[:, 0].astype(np.float64)).measure(validation.weight)[
            "rmse"
        ]
    if posed.task == "binary":
        return BinaryStatistics(validation.target == 1.0, score[:, 1], 0.5).measure(validation.weight)["log_loss"]
    return MulticlassStatistics(validation.target.astype(np.intp), score).measure(validation.weight)["log_loss"]
