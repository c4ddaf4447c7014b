"""An estimator as a file beside a baseline's: fitted once, at training, and read by whoever has the bundle."""

from __future__ import annotations

import json
from collections.abc import Mapping

from mlops_runtime.core.digest import canonical_json
from mlops_runtime.core.errors import SchemaError, problem
from mlops_runtime.monitoring.performance.estimate.confidence import ConfidenceEstimator
from mlops_runtime.monitoring.performance.estimate.losses import LossEstimator

__all__ = ["ESTIMATOR_FILE", "Estimator", "estimator_files", "estimator_of"]

FORMAT_VERSION = 1
ESTIMATOR_FILE = "estimator.json"

Estimator = ConfidenceEstimator | LossEstimator

_KINDS: dict[str, type[ConfidenceEstimator] | type[LossEstimator]] = {
    "confidence": ConfidenceEstimator,
    "losses": LossEstimator,
}


def estimator_files(estimator: Estimator) -> dict[str, bytes]:
    """Return the files that a bundle stores; the same estimator gives the same bytes."""
    kind = next(name for name, type_ in _KINDS.items() if isinstance(estimator, type_))
    document = {"format_version": FORMAT_VERSION, "kind": kind, **estimator.to_dict()}
    return {ESTIMATOR_FILE: canonical_json(document)}


def estimator_of(files: Mapping[str, bytes]) -> Estimator:
    """Read what `estimator_files` wrote. Raises SchemaError for anything else."""
    try:
        values = json.loads(files[ESTIMATOR_FILE])
        if values["format_version"] != FORMAT_VERSION:
            raise ValueError(f"format_version {values['format_version']!r}, not {FORMAT_VERSION}")
        return _KINDS[values["kind"]].from_dict(values, where=ESTIMATOR_FILE)
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError, RecursionError) as error:
        if isinstance(error, SchemaError):
            raise
        got, next_step = f"{type(error).__name__}: {error}", "train again, or fit the estimator again"
        raise SchemaError(
            problem(expected="an estimator of performance", got=got, where=ESTIMATOR_FILE, next_step=next_step)
        ) from error
