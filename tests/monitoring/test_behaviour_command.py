"""`mlrt monitor behaviour`: scores, labels, calibration, fairness and attributions of scored files, compared."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy.stats import ks_2samp

from mlops_runtime.cli.main import run
from mlops_runtime.core.errors import ConfigError, SchemaError
from mlops_runtime.monitoring.alerts.reading import PointsFile
from mlops_runtime.monitoring.performance.drift import BehaviourReference, Contributions, ScoreReference
from mlops_runtime.monitoring.performance.scored_table import ScoredColumns
from mlops_runtime.monitoring.performance.scoring import ScoredRows, Scoring

START = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
Told = Callable[..., dict[str, Any]]


def scored(rows: int, seed: int, *, shift: float = 0.0, surprise: float = 0.0, swap: bool = False) -> pa.Table:
    """Two days of scores, with what came true, groups, and what each of two features added."""
    generator = np.random.default_rng(seed)
    logit = generator.normal(shift - 0.5, 1.2, rows)
    true = generator.random(rows) < 1 / (1 + np.exp(-(logit + surprise)))
    shap = generator.normal(size=(rows, 2)) * ([0.2, 2.0] if swap else [2.0, 0.2])
    return pa.table(
        {
            "at": [START + dt.timedelta(minutes=2880 * at / rows) for at in range(rows)],
            "score": 1 / (1 + np.exp(-logit)),
            "paid": np.where(true, "yes", "no"),
            "sex": generator.choice(["F", "M"], rows),
            "shap_age": shap[:, 0],
            "shap_amount": shap[:, 1],
        }
    )


@pytest.fixture
def told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Told:
    """Compare two tables by the command, which prints JSON, and return that."""

    def call(before: pa.Table, now: pa.Table, *arguments: str) -> dict[str, Any]:
        for name, table in (("before", before), ("now", now)):
            pq.write_table(table, tmp_path / f"{name}.parquet")
        files = [str(tmp_path / "before.parquet"), str(tmp_path / "now.parquet")]
        assert run(["monitor", "behaviour", *files, *arguments, "--json"]) == 0
        document: dict[str, Any] = json.loads(capsys.readouterr().out)
        return document

    return call


ALL = ("--label", "paid", "--classes", "no,yes", "--group", "sex", "--attributions", "shap_")


def test_scores_that_moved_are_found_and_what_they_mean_is_kept_apart(told: Told) -> None:
    before, now = scored(4_000, 0), scored(3_000, 1, shift=0.8)
    (found,) = told(before, now, *ALL)["compared"]
    score = found["columns"]["score"]
    assert score["drifted"]
    exact = ks_2samp(before["score"].to_numpy(), now["score"].to_numpy()).statistic
    assert score["ks"] == pytest.approx(exact, abs=0.01)
    assert score["psi"] > 0.25
    assert score["wasserstein"] > 0.3
    assert found["columns"]["label"]["drifted"]  # more come true: a prior shift
    assert found["calibration"]["p_value"] > 0.01
    assert found["fairness"]["p_value"] > 0.01
    assert found["attribution"]["ndcg"]["value"] > 0.99


def test_a_changed_meaning_and_changed_reasons_are_found_where_scores_are_alike(told: Told) -> None:
    (found,) = told(scored(4_000, 0), scored(3_000, 1, surprise=0.8, swap=True), *ALL)["compared"]
    assert not found["columns"]["score"]["drifted"]
    assert found["calibration"]["p_value"] < 1e-6
    assert found["attribution"]["ndcg"]["value"] < 0.9
    assert found["attribution"]["features"][0]["name"] == "age"


def test_rows_without_labels_are_compared_by_their_scores(told: Told) -> None:
    now = scored(1_000, 2).drop_columns(["paid"]).append_column("paid", pa.nulls(1_000, pa.string()))
    (found,) = told(scored(1_000, 3), now, "--label", "paid", "--classes", "no,yes")["compared"]
    assert list(found["columns"]) == ["score"]
    assert found["calibration"] is found["fairness"] is found["attribution"] is None


def test_each_window_is_compared_and_its_points_are_read_by_check(
    told: Told, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = told(scored(2_000, 0), scored(2_000, 1), "--time", "at", "--point-label", "model=claims@7", *ALL)
    assert [window["span"]["start"][:10] for window in found["compared"]] == ["2026-03-01", "2026-03-02"]
    (tmp_path / "points.json").write_text(json.dumps(found) + "\n")
    points = PointsFile(tmp_path / "points.json").read()
    psi = [point for point in points if point.metric == "psi" and point.labels["column"] == "score"]
    assert len(psi) == 2
    assert psi[0].labels["model"] == "claims@7"
    assert {"calibration_p_value", "fairness_p_value", "attribution_ndcg"} <= {point.metric for point in points}


def test_pages_show_the_points(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pq.write_table(scored(500, 0), tmp_path / "a.parquet")
    table = scored(500, 1)
    hostile = table.set_column(3, "sex", pa.array(["<script>alert(1)</script>", "|M|"] * 250))
    pq.write_table(hostile, tmp_path / "b.parquet")
    page, text = tmp_path / "page.html", tmp_path / "page.md"
    files = [str(tmp_path / "a.parquet"), str(tmp_path / "b.parquet")]
    arguments = ["monitor", "behaviour", *files, *ALL, "--html", str(page), "--markdown", str(text)]
    assert run(arguments) == 0
    assert "calibration_p_value" in capsys.readouterr().out
    assert "<script>alert" not in page.read_text()
    assert "attribution_ndcg" in page.read_text()
    assert "<script>" not in text.read_text().replace(r"\<script\>", "")
    assert "ece" in text.read_text()


def test_several_classes_and_numbers_are_compared_too() -> None:
    generator = np.random.default_rng(0)
    scores, outcome = generator.dirichlet(np.ones(3), 900), generator.integers(0, 3, 900).astype(float)
    scoring = Scoring("multiclass", ("a", "b", "c"))
    drift = ScoreReference(ScoredRows(scores, outcome), scoring).drift(ScoredRows(scores[:400], outcome[:400]))
    assert {column.name for column in drift.report.columns} == {"score:a", "score:b", "score:c", "label"}
    assert not drift.report.dataset.drifted
    number = ScoredRows(outcome[:, None], outcome)
    moved = ScoreReference(number, Scoring("regression")).drift(ScoredRows(outcome[:, None] + 1, outcome))
    assert moved.report.drifted == ("score",)


def test_what_cannot_be_compared_is_refused() -> None:
    rows = ScoredRows(np.full((60, 1), 0.5), np.r_[np.ones(30), np.zeros(30)])
    reference = BehaviourReference(rows, Scoring("binary"), Contributions(("a",), np.ones((60, 1))))
    with pytest.raises(SchemaError, match="expected contributions of a, got b"):
        reference.compare(rows, Contributions(("b",), np.ones((60, 1))))
    with pytest.raises(ConfigError, match=r"expected 3 score column\(s\), got score"):
        ScoredColumns(Scoring("multiclass", ("a", "b", "c")))
    table = pa.table({"score": [0.1, None, 0.9], "label": ["1", "x", None]})
    read, kept = ScoredColumns(Scoring("binary"), label="label").read(table)
    assert kept.tolist() == [0, 2]
    assert np.isnan(read.outcomes).tolist() == [False, True]
