"""Gates: read from YAML, held against an evaluation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mlops_runtime.core.errors import ConfigError
from mlops_runtime.monitoring.performance.metrics import Interval
from mlops_runtime.training import Evaluation, Gate, check_gates, load_gates
from mlops_runtime.training.gates import default_gates


def evaluation() -> Evaluation:
    return Evaluation(
        task="binary",
        n=100,
        metrics={"roc_auc": Interval(0.8, 0.75, 0.85), "f1": Interval(None, None, None)},
        groups={"sex": {"groups": {}, "demographic_parity_difference": 0.2}},
    )


@pytest.mark.parametrize(
    ("gate", "passed"),
    [
        (Gate(metric="roc_auc", minimum=0.8), True),
        (Gate(metric="roc_auc", minimum=0.8, bound="low"), False),
        (Gate(metric="roc_auc", maximum=0.84, bound="high"), False),
        (Gate(metric="demographic_parity_difference", column="sex", maximum=0.2), True),
        (Gate(metric="demographic_parity_difference", column="sex", maximum=0.1), False),
        (Gate(metric="demographic_parity_difference", column="race", maximum=0.9), False),
        (Gate(metric="f1", minimum=0.0), False),
        (Gate(metric="no_such_metric", minimum=0.0), False),
    ],
)
def test_a_gate_passes_only_within_its_limits_and_never_unmeasured(gate: Gate, passed: bool) -> None:
    assert check_gates([gate], evaluation()).passed is passed


def test_the_failure_says_what_was_expected_and_what_came() -> None:
    report = check_gates([Gate(metric="roc_auc", minimum=0.9), Gate(metric="f1", minimum=0.5)], evaluation())
    assert [str(failure) for failure in report.failures] == [
        "roc_auc: expected ≥ 0.9, got 0.8",
        "f1: expected ≥ 0.5, got not measured",
    ]


def test_gates_are_read_from_yaml(tmp_path: Path) -> None:
    path = tmp_path / "gates.yaml"
    path.write_text("gates:\n  - {metric: roc_auc, minimum: 0.8, bound: low}\n  - {metric: ece, maximum: 0.05}\n")
    assert load_gates(path) == (
        Gate(metric="roc_auc", minimum=0.8, bound="low"),
        Gate(metric="ece", maximum=0.05),
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("gates: []", "at least 1 item"),
        ("gates: [{metric: roc_auc}]", "needs a minimum or a maximum"),
        ("gates: [{metric: roc_auc, minimum: .nan}]", "finite number"),
        ("gates: [{metric: roc_auc, minimun: 0.8}]", "minimun"),
        ("[", "expected `gates:`"),
        ("", "the document"),
    ],
)
def test_a_file_that_is_no_list_of_gates_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "gates.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        load_gates(path)


def test_a_gate_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        load_gates(tmp_path / "none.yaml")


def test_the_default_gate_asks_for_more_than_guessing() -> None:
    guess = Evaluation(task="binary", n=9, metrics={"roc_auc": Interval(0.5, 0.4, 0.6)})
    assert not check_gates(default_gates("binary"), guess).passed
    assert np.isfinite(default_gates("regression")[0].minimum)
