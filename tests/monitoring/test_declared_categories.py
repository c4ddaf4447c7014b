"""Whole numbers that are names, from the command line to the rows behind an alert and the baseline of a bundle."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
from alert_cases import point

from mlops_runtime.cli.main import run
from mlops_runtime.features import CategoryFeature, FeatureSpec, NumericFeature
from mlops_runtime.monitoring import compare
from mlops_runtime.monitoring.alerts.rows import RowSource, sample_rows
from mlops_runtime.monitoring.state.categorical import CategoricalSummary
from mlops_runtime.registry import Bundle
from mlops_runtime.training import TrainConfig, train

BEFORE = "zip,age\n" + "10115,31\n80331,47\n,40\n" * 200
NOW = "zip,age\n" + "10115,31\n80331,47\n20095,40\n" * 200
LARGE = 2**53


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str]:
    before, now = tmp_path / "before.csv", tmp_path / "now.csv"
    before.write_text(BEFORE, encoding="utf-8")
    now.write_text(NOW, encoding="utf-8")
    return str(before), str(now)


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert run([*arguments, "--json"]) == 0
    answer: dict[str, Any] = json.loads(capsys.readouterr().out)
    return answer


def test_numbers_of_csv_files_are_compared_as_names(files: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    found = told(capsys, "drift", *files, "--categorical", "zip")["columns"]
    assert (found["zip"]["kind"], found["age"]["kind"]) == ("categorical", "numeric")
    assert found["zip"]["new_share"] == pytest.approx(1 / 3)
    assert told(capsys, "drift", *files)["columns"]["zip"]["kind"] == "numeric"


def test_a_stored_baseline_reads_later_csv_files_as_it_was_declared(
    files: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    baseline = str(tmp_path / "baseline.json")
    told(capsys, "monitor", "fit", files[0], "-o", baseline, "--categorical", "zip")
    for declared in ([], ["--categorical", "zip"]):
        found = told(capsys, "drift", baseline, files[1], *declared)["columns"]["zip"]
        assert (found["kind"], found["new_share"]) == ("categorical", pytest.approx(1 / 3))
    assert run(["drift", baseline, files[1], "--categorical", "age"]) != 0
    assert "mlrt monitor fit --categorical" in capsys.readouterr().err


def test_ids_beyond_2_to_the_53_are_told_apart_in_csv_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before, now = (tmp_path / name for name in ("before.csv", "now.csv"))
    before.write_text("id\n" + f"{LARGE}\n" * 300, encoding="utf-8")
    now.write_text("id\n" + f"{LARGE}\n{LARGE + 1}\n" * 150, encoding="utf-8")
    found = told(capsys, "drift", str(before), str(now), "--categorical", "id")["columns"]["id"]
    assert found["new_share"] == 0.5


def test_booleans_of_parquet_files_are_read_as_they_were_declared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, baseline = str(tmp_path / "flags.parquet"), str(tmp_path / "baseline.json")
    pyarrow.parquet.write_table(pa.table({"flag": [True, False, None] * 100}), data)
    told(capsys, "monitor", "fit", data, "-o", baseline, "--categorical", "flag")
    found = told(capsys, "drift", baseline, data)
    assert (found["columns"]["flag"]["kind"], found["columns"]["flag"]["drifted"]) == ("categorical", False)


@pytest.mark.parametrize(("name", "message"), [("zap", "expected a column `zap`"), ("share", "`share` (kind integer)")])
def test_a_column_that_cannot_be_declared_is_named(
    name: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "data.csv"
    data.write_text("share\n0.5\n0.25\n", encoding="utf-8")
    assert run(["drift", str(data), str(data), "--categorical", name]) != 0
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("before", "now"),
    [
        (pa.array([True, False] * 200), pa.array([False] * 400)),
        (pa.array([1, 2] * 200), pa.array([2] * 400)),
        (pa.array([1, 2] * 200), pa.array([2.0] * 400)),
        (pa.array([1, 2] * 200).dictionary_encode(), pa.array([2] * 400).dictionary_encode()),
        (pa.array([1, 2] * 200), pa.array([3] * 400)),
    ],
)
def test_rows_of_the_category_that_grew_are_found_whatever_type_writes_it(before: pa.Array, now: pa.Array) -> None:
    counted = now.cast(pa.int64()) if pa.types.is_floating(now.type) else now
    report = compare(pa.table({"code": before}), pa.table({"code": counted}), categorical=("code",))
    rows = pa.table({"code": pa.concat_arrays([pa.nulls(1, now.type), now]), "id": [f"r{i}" for i in range(401)]})
    found = sample_rows(RowSource(lambda: [rows], "id"), report.column("code"), point(0, 1.0))
    assert found == ("r1", "r2", "r3", "r4", "r5")


def test_integers_that_a_model_knows_as_keys_alone_are_categories_of_its_baseline(home: Path, tmp_path: Path) -> None:
    generator = np.random.default_rng(1)
    keys = LARGE + generator.integers(0, 4, 400)
    target = np.where(generator.random(400) < 0.2 + 0.2 * (keys - LARGE), "yes", "no")
    table = pa.table({"shop": keys, "both": keys, "amount": generator.random(400), "target": target})
    pyarrow.parquet.write_table(table, tmp_path / "data.parquet")
    names = ("shop", "both")
    shop, both = (CategoryFeature(column=name) for name in names)
    amount, size = NumericFeature(column="amount"), NumericFeature(column="both", name="size")
    spec = FeatureSpec(features=(shop, both, amount, size))
    config = TrainConfig(
        data=tmp_path / "data.parquet", target="target", output=tmp_path / "b", model="linear", spec=spec
    )
    bundle = Bundle.open(train(config).bundle_path)
    kinds = {name: bundle.schema.column(name).kind for name in names}
    assert kinds == {"shop": "integer", "both": "integer"}
    summary = bundle.baseline.columns["shop"]
    assert isinstance(summary, CategoricalSummary)
    assert sorted(summary.categories) == [str(LARGE + i) for i in range(4)]
    assert bundle.baseline.columns["both"].kind == "numeric"
