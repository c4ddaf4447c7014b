"""`mlrt monitor anomalies` and `mlrt monitor rows`, on stores, files of points and rows."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pytest

from mlops_runtime.cli.main import run
from mlops_runtime.monitoring import Baseline
from mlops_runtime.monitoring.anomalies import RowReservoir, judge_points
from mlops_runtime.monitoring.points import Point, Span
from mlops_runtime.monitoring.windows import Tumbling, WindowedMonitor, WindowStore

START = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)
Told = Callable[..., dict[str, Any]]


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str]) -> Told:
    """Run a command that prints JSON, and return that."""

    def call(*arguments: str, code: int = 0) -> dict[str, Any]:
        assert run(["monitor", *arguments, "--json"]) == code
        document: dict[str, Any] = json.loads(capsys.readouterr().out)
        return document

    return call


def hourly(metric: str, values: list[float], **labels: str) -> list[Point]:
    return [
        Point(metric, value, Span(START + at * HOUR, START + (at + 1) * HOUR), 100, labels=labels)
        for at, value in enumerate(values)
    ]


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Windows of two hundred hours with a daily wave; in the last one of city A hardly anybody came, and few of B."""
    generator = np.random.default_rng(0)
    baseline = Baseline.fit(pa.table({"amount": generator.normal(size=2_000)}))
    monitor = WindowedMonitor(baseline, Tumbling(HOUR), keys=["city"], lateness=HOUR)
    windows = []
    for hour in range(200):
        for city in ("A", "B"):
            rows = 5 if (hour, city) == (199, "A") else generator.poisson(80 + 60 * np.sin(hour * np.pi / 12))
            if city == "B" and hour >= 190:
                continue
            table = {"at": [START + hour * HOUR] * rows, "amount": generator.normal(size=rows), "city": [city] * rows}
            windows += monitor.update(pa.table(table), time="at") if rows else []
    with WindowStore(tmp_path / "windows") as opened:
        opened.append(windows + monitor.close(), baseline)
    return tmp_path / "windows"


def test_missing_traffic_of_a_store_is_found_of_each_key(store: Path, told: Told) -> None:
    arguments = ("anomalies", "--store", str(store), "--metric", "rows", "--period", "1d", "--newest", "6")
    found = told(*arguments, "--fail-on-anomaly", code=3)["found"]
    by_city = {city: [one["span"]["start"] for one in found if one["labels"]["city"] == city] for city in "AB"}
    assert by_city["A"] == [(START + 199 * HOUR).isoformat()]
    assert len(by_city["B"]) >= 4  # no window came at all
    assert {one["labels"]["method"] for one in found} == {"traffic"}
    assert told(*arguments[:-1], "1", "--until", "2026-03-09T10:00")["found"][0]["span"]["start"] == (
        "2026-03-09T09:00:00+00:00"
    )


def test_every_metric_of_a_store_is_judged(store: Path, told: Told, capsys: pytest.CaptureFixture[str]) -> None:
    document = told("anomalies", "--store", str(store), "--newest", "1")
    assert {point["labels"]["metric"] for point in document["points"]} >= {"rows", "psi", "ks", "missing_share"}
    assert document["judged"] == len(document["points"])
    assert told("anomalies", "--store", str(store), "--metric", "psi", "--since", "2026-03-09")["judged"] == 0
    pages = ("--html", str(store.parent / "a.html"), "--markdown", str(store.parent / "a.md"))
    assert run(["monitor", "anomalies", "--store", str(store), "--metric", "rows", "--newest", "1", *pages]) == 0
    assert "values judged" in capsys.readouterr().out
    assert "Plotly.newPlot" in (store.parent / "a.html").read_text()
    assert r"anomaly\_score" in (store.parent / "a.md").read_text()


def test_points_of_a_file_are_judged_by_past_and_season(told: Told, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).normal(0, 0.002, 240)
    values = [0.8 + 0.05 * np.sin(at * np.pi / 12) + noise[at] for at in range(240)]
    values[-1] += 0.04  # ordinary for a day, not for this hour
    lines = [json.dumps(point.to_dict()) for point in hourly("auc", values, model="m")]
    (tmp_path / "points.jsonl").write_text("\n".join(lines) + "\n")
    file = str(tmp_path / "points.jsonl")
    (found,) = told("anomalies", "--points", file, "--period", "1d", "--newest", "3")["found"]
    assert (found["labels"]["method"], found["labels"]["metric"]) == ("seasonal", "auc")
    assert "usual at this time of a period" in found["reason"]
    assert told("anomalies", "--points", file, "--newest", "3")["found"] == []


def test_verdicts_are_not_judged_again() -> None:
    points = hourly("drifted", [0.0] * 50 + [1.0]) + hourly("psi", [0.01] * 50 + [0.5])
    assert {one.series.metric for one in judge_points(points)} == {"psi"}
    assert judge_points([]) == []


def test_a_command_without_points_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["monitor", "anomalies"]) == 2
    assert "expected --store or --points, got neither" in capsys.readouterr().err


def people(rows: int, seed: int) -> pa.Table:
    """Height and weight go together; so do city and country."""
    generator = np.random.default_rng(seed)
    height = generator.normal(170, 10, rows)
    abroad = generator.random(rows) < 0.3
    table = {
        "id": [f"p{seed}-{at}" for at in range(rows)],
        "height": height,
        "weight": 0.9 * height - 90 + generator.normal(0, 3, rows),
        "abroad": abroad.astype(int),
    }
    return pa.table(table)


def test_a_row_that_is_strange_only_as_a_whole_is_found(
    told: Told, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    odd = pa.table({"id": ["odd"], "height": [152.0], "weight": [85.0], "abroad": [0]})
    pyarrow.csv.write_csv(people(12_000, 0), tmp_path / "before.csv")
    pyarrow.csv.write_csv(pa.concat_tables([people(150, 1), odd]), tmp_path / "now.csv")
    files = (str(tmp_path / "before.csv"), str(tmp_path / "now.csv"))
    found = told("rows", *files, "--id", "id")
    assert found["judged"] == 151
    assert found["rows"][0]["id"] == "odd"
    assert found["found"] <= 3
    assert run(["monitor", "rows", *files, "--columns", "height,weight"]) == 0
    assert "151 " in capsys.readouterr().out  # by number, from 1
    alone = told("rows", *files, "--columns", "height")
    assert alone["found"] == 0


def test_a_stored_reference_is_enough_to_find_it(
    told: Told, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    odd = pa.table({"id": ["odd"], "height": [152.0], "weight": [85.0], "abroad": [0]})
    pyarrow.csv.write_csv(people(12_000, 0).drop_columns(["id"]), tmp_path / "before.csv")
    pyarrow.csv.write_csv(pa.concat_tables([people(60, 1), odd]), tmp_path / "now.csv")
    before, now, stored = (str(tmp_path / name) for name in ("before.csv", "now.csv", "stored.json"))
    told("fit", before, "--categorical", "abroad", "--multivariate", "-o", stored)
    found = told("rows", stored, now, "--id", "id")
    assert (found["judged"], [row["id"] for row in found["rows"]]) == (61, ["odd"])
    assert run(["monitor", "rows", stored, now, "--columns", "height"]) == 2
    assert "expected data as the reference, got a stored one" in capsys.readouterr().err
    told("fit", before, "-o", stored)
    assert run(["monitor", "rows", stored, now]) == 2
    assert "mlrt monitor fit --multivariate" in capsys.readouterr().err


def test_a_reservoir_holds_a_random_sample_of_bounded_size() -> None:
    reservoir = RowReservoir(100)
    assert reservoir.rows() is None
    for begin in range(0, 5_000, 250):
        reservoir.add(pa.table({"x": np.arange(begin, begin + 250)}))
    sample = reservoir.rows()
    assert sample is not None
    kept = sample["x"].to_numpy()
    assert len(set(kept.tolist())) == 100
    assert 1_900 < kept.mean() < 3_100
    again = RowReservoir(100)
    again.add(pa.table({"x": np.arange(5_000)}))
    assert again.rows() == sample
