"""mlops_runtime: one signed bundle of feature program, model and baseline; the same native kernels everywhere.

Importing this package loads nothing heavy: each name below is imported on first use (PEP 562).
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlops_runtime._native import active_isa
    from mlops_runtime.core.errors import MlrtError
    from mlops_runtime.data import Dataset, from_frame, open_source, read_dataset
    from mlops_runtime.data.loader import Loader
    from mlops_runtime.features import FeatureProgram, FeatureSpec, fit_program, fit_source
    from mlops_runtime.monitoring import Baseline, DriftDetector, DriftReport, compare
    from mlops_runtime.registry import Bundle, Model, Registry
    from mlops_runtime.training import TrainConfig, TrainResult, evaluate, train

__version__ = "0.1.0"

_HOME_OF = {
    "Baseline": "monitoring",
    "Bundle": "registry",
    "Dataset": "data",
    "DriftDetector": "monitoring",
    "DriftReport": "monitoring",
    "FeatureProgram": "features",
    "FeatureSpec": "features",
    "Loader": "data.loader",
    "MlrtError": "core.errors",
    "Model": "registry",
    "Registry": "registry",
    "TrainConfig": "training",
    "TrainResult": "training",
    "active_isa": "_native",
    "compare": "monitoring",
    "evaluate": "training",
    "fit_program": "features",
    "fit_source": "features",
    "from_frame": "data",
    "open_source": "data",
    "read_dataset": "data",
    "train": "training",
}

__all__ = [
    "Baseline",
    "Bundle",
    "Dataset",
    "DriftDetector",
    "DriftReport",
    "FeatureProgram",
    "FeatureSpec",
    "Loader",
    "MlrtError",
    "Model",
    "Registry",
    "TrainConfig",
    "TrainResult",
    "active_isa",
    "compare",
    "evaluate",
    "fit_program",
    "fit_source",
    "from_frame",
    "open_source",
    "read_dataset",
    "train",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOME_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME_OF])
