"""The model kinds, each behind `fit(problem, train, validation) -> Fitted`, imported only when it is asked for."""

from __future__ import annotations

import importlib
import importlib.util
from typing import Literal

from mlops_runtime.core.errors import ConfigError
from mlops_runtime.training.models.base import Fitted, Problem, Samples

__all__ = ["Fitted", "ModelKind", "Problem", "Samples", "fit_model", "kinds_to_try"]

ModelKind = Literal["gbdt", "linear", "mlp"]

_NEEDS: dict[ModelKind, dict[str, str]] = {  # library -> the extra that brings it
    "gbdt": {"lightgbm": "train", "onnx": "train"},
    "linear": {"sklearn": "train", "onnx": "train"},
    "mlp": {"torch": "torch", "onnx": "train"},
}


def kinds_to_try(model: ModelKind | Literal["auto"]) -> tuple[ModelKind, ...]:
    """Return the kind asked for, or with "auto" all whose libraries are installed.

    Raises ConfigError, naming the extra to install, when a library is absent.
    """
    if model == "auto":
        installed: tuple[ModelKind, ...] = tuple(kind for kind in _NEEDS if not _absent(kind))
        if not installed:
            raise _refusal("auto", "a training library", "train")
        return installed
    for library, extra in _absent(model).items():
        raise _refusal(model, f"the library {library}", extra)
    return (model,)


def fit_model(kind: ModelKind, problem: Problem, train: Samples, validation: Samples) -> Fitted:
    """Fit one kind of model; its libraries must be there, which `kinds_to_try` makes sure of."""
    module = importlib.import_module(f"mlops_runtime.training.models.{kind}")
    fitted: Fitted = module.fit(problem, train, validation)
    return fitted


def _absent(kind: ModelKind) -> dict[str, str]:
    return {library: extra for library, extra in _NEEDS[kind].items() if importlib.util.find_spec(library) is None}


def _refusal(model: str, expected: str, extra: str) -> ConfigError:
    return ConfigError(f"model {model}: expected {expected}, got none installed — pip install 'mlops_runtime[{extra}]'")
