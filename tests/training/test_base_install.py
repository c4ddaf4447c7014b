"""Scoring and evaluation need the base install only: none of the libraries that make models."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from mlops_runtime.training import TrainConfig, train

WITHOUT_TRAINING_LIBRARIES = """
import importlib.machinery, sys

ABSENT = {"lightgbm", "onnx", "optuna", "pandas", "scipy", "sklearn", "torch"}

class Finder(importlib.machinery.PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.partition(".")[0] in ABSENT else super().find_spec(name, path, target)

sys.meta_path[:] = [Finder if each is importlib.machinery.PathFinder else each for each in sys.meta_path]
from mlops_runtime.cli.main import run
sys.exit(run(sys.argv[1:]))
"""


def run_without_training_libraries(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", WITHOUT_TRAINING_LIBRARIES, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def test_predict_and_evaluate_run_where_no_model_can_be_made(claims_csv: Path, home: Path, tmp_path: Path) -> None:
    bundle = tmp_path / "b"
    train(TrainConfig(data=claims_csv, target="fraud", output=bundle, exclude=("grade", "cost"), model="gbdt"))
    predicted = run_without_training_libraries("predict", str(bundle), str(claims_csv), "-o", str(tmp_path / "out.csv"))
    assert (predicted.returncode, predicted.stderr) == (0, "")
    evaluated = run_without_training_libraries("evaluate", str(bundle), str(claims_csv), "--json")
    assert json.loads(evaluated.stdout)["metrics"]["roc_auc"]["value"] > 0.8


@pytest.mark.parametrize(
    ("kind", "extra"), [("gbdt", "train"), ("linear", "train"), ("mlp", "torch"), ("auto", "train")]
)
def test_train_without_its_libraries_names_the_extra(
    kind: str, extra: str, claims_csv: Path, home: Path, tmp_path: Path
) -> None:
    options = ("--target", "fraud", "--model", kind, "-o", str(tmp_path / "b"))
    result = run_without_training_libraries("train", str(claims_csv), *options)
    assert result.returncode == 2
    assert f"pip install 'mlops_runtime[{extra}]'" in result.stderr
    assert not (tmp_path / "b").exists()
