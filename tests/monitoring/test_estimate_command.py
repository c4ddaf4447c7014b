"""`mlrt monitor estimate`: a trained bundle says how good it is on new rows, from files and from served windows."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from mlops_runtime.cli.main import run
from mlops_runtime.core.errors import ShapeError
from mlops_runtime.monitoring.performance.estimate import ConfidenceEstimator, LossEstimator, estimate_counts
from mlops_runtime.monitoring.performance.score_columns import score_columns
from mlops_runtime.monitoring.windows import Tumbling, WindowedMonitor, WindowStore
from mlops_runtime.registry import Bundle, Model
from mlops_runtime.training import TrainConfig, train

START = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)

TARGETS = ("fraud", "cost", "grade")
Told = Callable[..., dict[str, Any]]


def claims(rows: int, seed: int, shift: float = 0.0) -> pa.Table:
    """Claims of four days, some of them fraud, what they cost, and their grade."""
    generator = np.random.default_rng(seed)
    amount = generator.normal(shift, 1.0, rows)
    city = generator.choice(["Dubai", "Ajman"], rows)
    fraud = generator.random(rows) < 1 / (1 + np.exp(-1.5 * amount - (city == "Ajman")))
    cost = 10 * amount + generator.normal(0, np.where(city == "Ajman", 4.0, 1.0))
    filed = [START + dt.timedelta(minutes=at * 4 * 1440 / rows) for at in range(rows)]
    grade = np.where(fraud, "high", np.where(generator.random(rows) < 1 / (1 + np.exp(amount)), "low", "middle"))
    table = {"filed": filed, "amount": amount, "city": city, "fraud": np.where(fraud, "yes", "no"), "cost": cost}
    return pa.table(table | {"grade": grade})


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Bundle]:
    folder = tmp_path_factory.mktemp("bundles")
    pyarrow.csv.write_csv(claims(3_000, 0), folder / "train.csv")
    made = {}
    for target in TARGETS:
        config = TrainConfig(
            data=folder / "train.csv",
            target=target,
            output=folder / target,
            exclude=(*(other for other in TARGETS if other != target), "filed"),
            model="linear",
        )
        made[target] = train(config).bundle
    return made


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str]) -> Told:
    """Run a command that prints JSON, and return that."""

    def call(*arguments: str, code: int = 0) -> dict[str, Any]:
        assert run(["monitor", "estimate", *arguments, "--json"]) == code
        document: dict[str, Any] = json.loads(capsys.readouterr().out)
        return document

    return call


def of(points: list[dict[str, Any]], metric: str) -> list[dict[str, Any]]:
    return [point for point in points if point["metric"] == metric]


def test_each_window_of_a_file_is_estimated(bundles: dict[str, Bundle], told: Told, tmp_path: Path) -> None:
    rows = claims(4_000, 1, shift=1.0)
    pyarrow.csv.write_csv(rows.drop_columns(list(TARGETS)), tmp_path / "new.csv")
    found = told(str(bundles["fraud"].path), str(tmp_path / "new.csv"), "--time", "filed", "--label", "model=fraud@1")
    accuracy = of(found["points"], "accuracy")
    assert [point["span"]["start"][:10] for point in accuracy] == [f"2026-03-0{day}" for day in (1, 2, 3, 4)]
    assert {(point["labels"]["estimated"], point["labels"]["model"]) for point in accuracy} == {
        ("confidence", "fraud@1")
    }
    right = np.array(Model.load(bundles["fraud"]).score(rows).label) == np.array(rows["fraud"].to_pylist())
    for point, day in zip(accuracy, np.split(right, 4), strict=True):
        assert point["n"] == 1_000
        assert point["low"] - 0.02 <= day.mean() <= point["high"] + 0.02


def test_errors_of_a_number_are_estimated_too(bundles: dict[str, Bundle], told: Told, tmp_path: Path) -> None:
    rows = claims(2_000, 2)
    cities = {name: rows.filter(pa.compute.equal(rows["city"], name)) for name in ("Ajman", "Dubai")}
    found = {}
    for name, part in cities.items():
        pyarrow.csv.write_csv(part.select(["amount", "city"]), tmp_path / f"{name}.csv")
        (found[name],) = of(told(str(bundles["cost"].path), str(tmp_path / f"{name}.csv"))["points"], "rmse")
    assert found["Ajman"]["low"] > found["Dubai"]["high"]
    assert found["Ajman"]["labels"] == {"estimated": "losses"}


@pytest.mark.parametrize(("target", "metrics"), [("fraud", 6), ("cost", 2), ("grade", 4)])
def test_the_counts_of_served_windows_are_enough(
    target: str, metrics: int, bundles: dict[str, Bundle], told: Told, tmp_path: Path
) -> None:
    bundle, rows = bundles[target], with_gaps(claims(4_000, 3, shift=0.5))
    scores = Model.load(bundle).score(rows).probability
    named = rows
    for name, column in score_columns(bundle.manifest.classes, scores).items():
        named = named.append_column(name, column)
    monitor = WindowedMonitor(bundle.baseline, Tumbling(dt.timedelta(days=1)), labels={"model": target})
    with WindowStore(tmp_path / "windows") as store:
        store.append(monitor.update(named, time="filed") + monitor.close(), bundle.baseline)
    by_counts = told(str(bundle.path), "--store", str(tmp_path / "windows"), "--label", f"model={target}")["points"]
    pq.write_table(rows, tmp_path / "rows.parquet")
    by_rows = told(str(bundle.path), str(tmp_path / "rows.parquet"), "--time", "filed")["points"]
    assert len(by_counts) == len(by_rows) == 4 * metrics
    for one, other in zip(by_counts, by_rows, strict=True):
        assert (one["metric"], one["span"], one["n"]) == (other["metric"], other["span"], other["n"])
        assert one["value"] == pytest.approx(other["value"], abs=0.006)
        assert one["high"] == pytest.approx(other["high"], abs=0.01)
    assert told(str(bundle.path), "--store", str(tmp_path / "windows"), "--label", "model=other")["points"] == []


def with_gaps(rows: pa.Table) -> pa.Table:
    """Every tenth amount is missing, and some cities are missing or new."""
    amount, city = rows["amount"].to_pylist(), rows["city"].to_pylist()
    amount[::10], city[::7], city[::11] = [None] * 400, ["Sharjah"] * len(city[::7]), [None] * len(city[::11])
    return rows.set_column(1, "amount", pa.array(amount)).set_column(2, "city", pa.array(city))


def test_windows_of_another_bundle_are_left_out(bundles: dict[str, Bundle], told: Told, tmp_path: Path) -> None:
    other = bundles["cost"].baseline
    monitor = WindowedMonitor(other, Tumbling(dt.timedelta(days=1)))
    with WindowStore(tmp_path / "windows") as store:
        store.append(monitor.update(claims(100, 4), time="filed") + monitor.close(), other)
    found = told(str(bundles["fraud"].path), "--store", str(tmp_path / "windows"))
    assert found["points"] == []
    assert found["notes"] == ["4 windows are of other bundles: left out"]


def test_a_column_without_scores_has_no_estimate(bundles: dict[str, Bundle]) -> None:
    estimator = bundles["fraud"].estimator
    assert isinstance(estimator, ConfidenceEstimator)
    assert estimate_counts(estimator, bundles["cost"].baseline.columns, ("no", "yes")) == []
    losses = bundles["cost"].estimator
    assert isinstance(losses, LossEstimator)
    assert estimate_counts(losses, {}, ()) == []
    with pytest.raises(ShapeError):
        estimator.estimate(np.zeros((3, 4)))


def test_what_cannot_be_estimated_says_why(bundles: dict[str, Bundle], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["monitor", "estimate", str(bundles["fraud"].path)]) == 2
    assert "expected FILES or --store, got neither" in capsys.readouterr().err


def test_the_table_shows_the_estimates(
    bundles: dict[str, Bundle], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pyarrow.csv.write_csv(claims(500, 5), tmp_path / "rows.csv")
    assert run(["monitor", "estimate", str(bundles["fraud"].path), str(tmp_path / "rows.csv")]) == 0
    shown = capsys.readouterr().out
    assert "accuracy" in shown
    assert "estimated=confidence" in shown
