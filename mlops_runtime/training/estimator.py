"""What will estimate the model's performance before labels arrive: fitted on the rows that it did not learn from."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mlops_runtime.core.errors import EmptyInputError
from mlops_runtime.monitoring.performance.estimate import (
    PREDICTION,
    ConfidenceEstimator,
    Estimator,
    LossEstimator,
)
from mlops_runtime.training.prepare import Prepared

__all__ = ["fit_estimator"]

_MOST_ROWS = 100_000
_KINDS = ("number", "integer", "string")


def fit_estimator(
    prepared: Prepared, score: NDArray[np.float32], threshold: float | None, *, seed: int
) -> Estimator | None:
    """Fit on the held-out rows, at most 100,000 of them, drawn at random.

    score: float32[N, K] of all rows. Returns None where the held-out rows are too few: of one class, or fewer than a
    hundred numbers.
    """
    rows = np.concatenate([prepared.split.validation, prepared.split.test])
    if len(rows) > _MOST_ROWS:
        rows = np.sort(np.random.default_rng(seed).choice(rows, _MOST_ROWS, replace=False))
    scores, target = score[rows].astype(np.float64), prepared.target.values[rows]
    try:
        match prepared.target.task:
            case "regression":
                return LossEstimator.fit(_inputs(prepared, rows, scores[:, 0]), scores[:, 0] - target)
            case "multiclass":
                return ConfidenceEstimator.fit(scores, target, seed=seed)
            case "binary":
                at = 0.5 if threshold is None else threshold
                return ConfidenceEstimator.fit(scores[:, 1], target, threshold=at, seed=seed)
    except EmptyInputError:
        return None


def _inputs(prepared: Prepared, rows: NDArray[np.int64], prediction: NDArray[np.float64]) -> pa.Table:
    """Return the inputs that are numbers or texts, and the prediction."""
    schema = prepared.program.schema
    names = [column.name for column in schema.columns if column.kind in _KINDS and column.name != PREDICTION]
    return prepared.table.select(names).take(pa.array(rows)).append_column(PREDICTION, pa.array(prediction))
