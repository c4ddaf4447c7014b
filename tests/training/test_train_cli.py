"""`mlrt train`, `evaluate` and `predict` on the public Adult census data, and their exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mlops_runtime.cli.main import run
from mlops_runtime.registry import Bundle, Registry

LEAST_AUC = {"gbdt": 0.925, "linear": 0.90, "mlp": 0.905}


@pytest.mark.parametrize("kind", LEAST_AUC)
def test_adult_reaches_the_promised_auc_on_its_test_file(
    kind: str, shared_data: Path, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, bundle = shared_data / "adult", str(tmp_path / "b1")
    arguments = ["--target", "income", "--sensitive", "sex", "--model", kind, "-o", bundle, "--json"]
    assert run(["train", str(data / "train.csv"), *arguments]) == 0
    trained = json.loads(capsys.readouterr().out)
    assert trained["label_mapping"] == {}
    assert run(["evaluate", bundle, str(data / "test.csv"), "--json", "--sensitive", "sex"]) == 0
    printed = capsys.readouterr()
    result = json.loads(printed.out)
    assert result["metrics"]["roc_auc"]["value"] >= LEAST_AUC[kind]
    assert result["n"] == 16_281
    assert result["label_mapping"]["<=50K."] == {"read_as": "<=50K", "rows": 12_435}
    assert "label `<=50K.` is read as class `<=50K` (12435 rows)" in printed.err
    assert set(result["groups"]["sex"]["groups"]) == {"Female", "Male"}
    assert run(["evaluate", bundle, str(data / "test.csv"), "--strict-labels"]) == 1
    assert "`<=50K.`" in capsys.readouterr().err


def test_elec2_in_time_order_reaches_a_good_auc(
    shared_data: Path, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = shared_data / "elec" / "elec.csv"
    assert run(["train", str(data), "--target", "class", "--time", "@row", "-o", str(tmp_path / "b"), "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["metrics"]["roc_auc"]["value"] > 0.85
    assert Bundle.open(tmp_path / "b").read_json("lineage.json")["facts"]["split"]["method"] == "time-ordered by @row"


def train_claims(claims_csv: Path, output: Path, *options: str) -> int:
    fixed = ("--target", "fraud", "--exclude", "grade", "--exclude", "cost", "--id", "number", "--model", "linear")
    return run(["train", str(claims_csv), *fixed, "-o", str(output), *options])


def test_a_refusing_gate_ends_with_3_and_leaves_the_bundle(
    claims_csv: Path, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gates = tmp_path / "gates.yaml"
    gates.write_text("gates: [{metric: roc_auc, minimum: 0.999}]")
    assert train_claims(claims_csv, tmp_path / "b", "--gates", str(gates)) == 3
    assert "roc_auc: expected ≥ 0.999" in capsys.readouterr().err
    assert Bundle.open(tmp_path / "b").read_json("gates.json")["passed"] is False
    assert run(["evaluate", str(tmp_path / "b"), str(claims_csv), "--gates", str(gates)]) == 3
    assert run(["evaluate", str(tmp_path / "b"), str(claims_csv)]) == 0


def test_json_is_one_object_and_tables_are_for_people(
    claims_csv: Path, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train_claims(claims_csv, tmp_path / "a", "--json", "--sensitive", "sex") == 0
    assert json.loads(capsys.readouterr().out)["model"] == "linear"
    assert train_claims(claims_csv, tmp_path / "b", "--sensitive", "sex") == 0
    shown = capsys.readouterr().out
    assert "roc_auc" in shown
    assert "By sex" in shown
    assert "gate passed" in shown


def test_predict_and_evaluate_take_a_registry_reference(
    claims_csv: Path, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train_claims(claims_csv, tmp_path / "b", "--name", "claims") == 0
    Registry().push(Bundle.open(tmp_path / "b"), alias="production")
    capsys.readouterr()
    outputs = []
    for reference in (str(tmp_path / "b"), "claims@production"):
        output = tmp_path / f"{len(outputs)}.csv"
        assert run(["predict", reference, str(claims_csv), "-o", str(output), "--id", "number", "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["rows"] == 400
        outputs.append(output.read_bytes())
    assert outputs[0] == outputs[1]
    assert run(["evaluate", "claims@production", str(claims_csv), "--json"]) == 0


def test_a_bundle_that_is_nowhere_is_one_clear_error(
    claims_csv: Path, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["predict", "nothing", str(claims_csv), "-o", str(tmp_path / "out.csv")]) == 1
    assert "expected a bundle directory, or a registered model" in capsys.readouterr().err
    assert not (tmp_path / "out.csv").exists()


def test_a_folder_and_a_glob_of_parts_are_one_data_set(
    claims_csv: Path, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = claims_csv.read_text(encoding="utf-8").splitlines(keepends=True)
    parts = tmp_path / "parts"
    parts.mkdir()
    for part, begin in enumerate(range(1, len(lines), 1 + len(lines) // 3)):
        rows = lines[begin : begin + 1 + len(lines) // 3]
        (parts / f"{part}.csv").write_text("".join([lines[0], *rows]), encoding="utf-8")
    assert train_claims(parts, tmp_path / "b") == 0
    facts = Bundle.open(tmp_path / "b").read_json("lineage.json")["facts"]
    assert len(facts["sources"]["files"]) == 3
    written = {}
    for name, data in (("one", claims_csv), ("glob", f"{parts}/*.csv")):
        written[name] = tmp_path / f"{name}.csv"
        assert run(["predict", str(tmp_path / "b"), str(data), "-o", str(written[name]), "--id", "number"]) == 0
    assert written["one"].read_bytes() == written["glob"].read_bytes()
    capsys.readouterr()
    assert run(["evaluate", str(tmp_path / "b"), f"{parts}/*.csv", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["n"] == len(lines) - 1
    assert run(["drift", str(claims_csv), str(parts), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["dataset"]["drifted"] is False
