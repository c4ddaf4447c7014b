"""What was made from what, by which code, on which machine."""

from __future__ import annotations

import importlib.metadata
import subprocess
from collections.abc import Mapping
from typing import Any

from mlops_runtime import __version__, _native
from mlops_runtime.core.clock import timestamp
from mlops_runtime.core.digest import sha256_bytes
from mlops_runtime.core.lineage import Edge, Node
from mlops_runtime.core.machine import describe_machine
from mlops_runtime.data import short_name
from mlops_runtime.training.candidates import Candidate
from mlops_runtime.training.config import TrainConfig
from mlops_runtime.training.prepare import Prepared

__all__ = ["training_edges", "training_facts"]

_PACKAGES = ("lightgbm", "numpy", "onnx", "onnxruntime", "pyarrow", "scikit-learn", "torch")
_GIT_TIMEOUT_S = 5


def training_edges(config: TrainConfig, prepared: Prepared, chosen: Candidate) -> tuple[Edge, ...]:
    """Return dataset -> program -> model and dataset -> model."""
    dataset = Node("dataset", short_name(config.data), prepared.dataset.manifest.digest)
    program = Node("program", config.bundle_name, prepared.program.digest)
    model = Node("model", config.bundle_name, sha256_bytes(chosen.onnx))
    split = {"split": prepared.split.method, "target": config.target}
    return (
        Edge(dataset, program, "fit_program", split),
        Edge(program, model, "train"),
        Edge(dataset, model, "train", split),
    )


def training_facts(config: TrainConfig, prepared: Prepared, timings_s: Mapping[str, float]) -> dict[str, Any]:
    """Return when, with which code, options and machine a model was trained."""
    return {
        "created": timestamp(),
        "seed": config.seed,
        "isa": _native.active_isa(),
        "machine": describe_machine().to_dict(),
        "versions": {"mlops_runtime": __version__, **_versions()},
        "git": _git_state(),
        "sources": prepared.dataset.manifest.to_dict(),
        "split": {
            "method": prepared.split.method,
            "train": len(prepared.split.train),
            "validation": len(prepared.split.validation),
            "test": len(prepared.split.test),
        },
        "features": [{"name": f["name"], "columns": f["columns"]} for f in prepared.program.describe()],
        "options": _options(config),
        "timings_s": {name: round(seconds, 3) for name, seconds in timings_s.items()},
    }


def _versions() -> dict[str, str]:
    installed = {}
    for package in _PACKAGES:
        try:
            installed[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return installed


def _options(config: TrainConfig) -> dict[str, Any]:
    names = ("model", "task", "time", "ids", "exclude", "sensitive", "weight", "class_weight", "threshold")
    values = {name: getattr(config, name) for name in names}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


def _git_state() -> dict[str, Any] | None:
    """Return the commit of the working folder and whether it has uncommitted changes; None outside a repository."""
    commit, status = _git("rev-parse", "HEAD"), _git("status", "--porcelain", "--untracked-files=no")
    return None if commit is None else {"commit": commit, "modified": bool(status)}


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, text=True, timeout=_GIT_TIMEOUT_S, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
