"""`mlrt monitor labels` on files as they come."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import roc_auc_score

from mlops_runtime.cli.main import run


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path, float]:
    """Predictions of one day as Parquet, their labels as CSV with times in another zone; the AUC."""
    generator = np.random.default_rng(0)
    score = generator.random(400)
    label = (generator.random(400) < score).astype(int)
    seconds = np.arange(400) * 60
    times = pa.array(np.datetime64("2026-03-01") + seconds.astype("timedelta64[s]"))
    table = pa.table({"id": np.arange(400), "time": times, "fraud": score, "sex": ["F", "M"] * 200})
    pq.write_table(table, tmp_path / "scored.parquet")
    lines = [
        f"{at},2026-03-0{2 + at % 2}T01:00:00+04:00,{'yes' if label[at] else 'no'}" for at in generator.permutation(400)
    ]
    (tmp_path / "paid.csv").write_text("\n".join(["id,time,paid", *lines]))
    return tmp_path / "scored.parquet", tmp_path / "paid.csv", float(roc_auc_score(label, score))


def _arguments(files: tuple[Path, Path, float], *more: str) -> list[str]:
    scored, paid, _ = files
    named = ["--score", "fraud", "--label", "paid", "--classes", "no,yes", "--group", "sex"]
    return ["monitor", "labels", str(paid), "--predictions", str(scored), *named, *more]


def test_labels_are_joined_and_every_window_measured(
    files: tuple[Path, Path, float], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(_arguments(files, "--json", "--point-label", "model=claims@7")) == 0
    told = json.loads(capsys.readouterr().out)
    (window,) = told["windows"]
    points = {(point["metric"], point["labels"].get("group")): point for point in window["points"]}
    assert points["auc", None]["value"] == pytest.approx(files[2])
    assert points["auc", None]["labels"] == {"model": "claims@7"}
    assert points["auc", "sex=F"]["n"] == 200
    assert points["label_coverage", None]["value"] == 1.0
    assert told["status"]["waiting"] == 0


def test_the_table_shows_metrics_and_groups(
    files: tuple[Path, Path, float], capsys: pytest.CaptureFixture[str]
) -> None:
    page = files[0].parent / "page.html"
    assert run(_arguments(files, "--html", str(page))) == 0
    assert "label_coverage" in page.read_text()
    shown = capsys.readouterr().out
    assert "2026-03-01 00:00" in shown
    assert f"{files[2]:.4f}" in shown
    assert "sex=M" in shown
    assert "0 predictions wait for a label" in shown


def test_a_store_waits_for_labels_that_come_another_day(
    files: tuple[Path, Path, float], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = ("--store", str(tmp_path / "store"), "--delay", "2d", "--json")
    assert run(_arguments(files, *kept)) == 0
    assert json.loads(capsys.readouterr().out)["windows"] == []
    late = tmp_path / "late.csv"
    late.write_text("id,time,paid\n0,2026-03-05T00:00:00Z,no\n")
    assert run(_arguments((files[0], late, 0.0), *kept)) == 0
    (window,) = json.loads(capsys.readouterr().out)["windows"]
    assert window["revision"] == 1
    assert run(_arguments((files[0], late, 0.0), *kept)) == 0
    assert json.loads(capsys.readouterr().out)["windows"] == []


def test_points_are_kept_for_as_long_as_was_said(
    files: tuple[Path, Path, float], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    later = tmp_path / "later.csv"
    later.write_text("id,time,fraud,sex\nz,2026-04-20T00:00:00Z,0.5,F\n")
    kept = ("--store", str(tmp_path / "store"), "--horizon", "30d", "--keep", "40d", "--json")
    assert run(_arguments(files, *kept, "--predictions", str(later))) == 0
    told = json.loads(capsys.readouterr().out)
    assert len(told["windows"]) == 1
    assert told["status"]["counts"]["forgotten.windows"] == 1


def test_a_file_without_the_column_is_refused(
    files: tuple[Path, Path, float], capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [*_arguments(files), "--label", "settled"]
    assert run(arguments) == 1
    assert "settled" in capsys.readouterr().err
