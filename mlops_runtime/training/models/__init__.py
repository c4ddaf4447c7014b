"""The model kinds, each behind `fit(problem, train, validation) -> Fitted`, imported only when it is asked for."""

from __future__ import annotations

import importlib
import importlib.util
from typing import Literal, get_args

from mlops_runtime.core.errors import ConfigError
from mlops_runtime.training.models.base import Fitted, Problem, Samples

__all__ = ["Fitted", "ModelKind", "Problem", "Samples", "available_kinds", "fit_model"]

ModelKind = Literal["gbdt", "linear", "mlp"]

_NEEDS = {"gbdt": ("train", "lightgbm"), "linear": ("train", "sklearn"), "mlp": ("torch", "torch")}


def available_kinds() -> tuple[ModelKind, ...]:
    """Return the kinds whose library is installed, in the order `auto` tries them. Raises ConfigError when none is."""
    kinds = tuple(kind for kind in get_args(ModelKind) if importlib.util.find_spec(_NEEDS[kind][1]) is not None)
    if not kinds:
        raise ConfigError(
            "model auto: expected a training library, got none installed — pip install 'mlops_runtime[train]'"
        )
    return kinds


def fit_model(kind: ModelKind, problem: Problem, train: Samples, validation: Samples) -> Fitted:
    """Fit one kind of model. Raises ConfigError, naming the extra to install, when its library is absent."""
    extra, library = _NEEDS[kind]
    for needed, of in ((library, extra), ("onnx", "train")):
        if importlib.util.find_spec(needed) is None:
            raise ConfigError(
                f"model {kind}: expected the library {needed}, got none installed — pip install 'mlops_runtime[{of}]'"
            )
    module = importlib.import_module(f"mlops_runtime.training.models.{kind}")
    fitted: Fitted = module.fit(problem, train, validation)
    return fitted
