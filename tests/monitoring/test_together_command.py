"""All columns together from `mlrt monitor fit` to `report`: what no column shows is seen in windows."""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from multivariate_cases import correlated
from report_cases import check
from window_cases import START

from mlops_runtime.cli.main import run
from mlops_runtime.core.errors import SchemaError
from mlops_runtime.monitoring import Baseline
from mlops_runtime.monitoring.multivariate import MultivariateReference, RowEncoder
from mlops_runtime.monitoring.reference_file import ReferenceFile
from mlops_runtime.monitoring.report.looks import judged_in_sequence
from mlops_runtime.monitoring.report.timeline import build_timeline
from mlops_runtime.monitoring.windows import Tumbling, Window, WindowedMonitor

Run = Callable[..., dict[str, Any]]
DAY = dt.timedelta(days=1)


def days(number: int, *, seed: int, turned_from: int = 99, rows: int = 400) -> pa.Table:
    """Rows of some days; from day `turned_from` on two columns move against each other, which neither shows."""
    rng = np.random.default_rng(seed)
    parts = [correlated(rng, rows, -0.6 if day >= turned_from else 0.6) for day in range(number)]
    at = [START + DAY * ((place + 0.5) / rows) for place in range(number * rows)]
    return pa.concat_tables(parts).append_column("at", pa.array(at, pa.timestamp("us", "UTC")))


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command that prints JSON, and return that."""

    def call(*arguments: str, code: int = 0) -> dict[str, Any]:
        assert run([*arguments, "--json"]) == code
        document: dict[str, Any] = json.loads(capsys.readouterr().out)
        return document

    return call


@pytest.fixture
def store(tmp_path: Path, told: Run) -> str:
    """A store of eight days, the last two of them turned."""
    pq.write_table(days(10, seed=1), tmp_path / "reference.parquet")
    pq.write_table(days(8, seed=2, turned_from=6), tmp_path / "current.parquet")
    baseline, folder = str(tmp_path / "baseline.json"), str(tmp_path / "windows")
    fitted = told("monitor", "fit", str(tmp_path / "reference.parquet"), "--multivariate", "-o", baseline)
    assert fitted["multivariate"] is True
    update = ("monitor", "update", str(tmp_path / "current.parquet"), "--baseline", baseline, "--store", folder)
    assert told(*update, "--time", "at", "--multivariate")["windows"] == 8
    return folder


def test_a_turn_that_no_column_shows_is_found_in_the_windows_where_it_is(store: str, told: Run) -> None:
    report = told("monitor", "report", "--store", store, "--fail-on-drift", code=3)
    check(report)
    assert report["dataset"]["drifted"] is False
    assert [window["multivariate"]["drifted"] for window in report["windows"]] == [False] * 6 + [True] * 2
    assert {window["multivariate"]["rows"] for window in report["windows"]} == {400}
    assert report["multivariate"]["rows"] == 3200


def test_a_window_more_changes_no_verdict_on_the_past(store: str, told: Run) -> None:
    whole = told("monitor", "report", "--store", store)
    for count in (1, 3, 7):
        part = told("monitor", "report", "--store", store, "--until", whole["windows"][count]["start"])
        assert part["windows"] == whole["windows"][:count]


def test_every_form_of_the_report_names_all_columns_together(
    store: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pages = ("--html", str(tmp_path / "page.html"), "--markdown", str(tmp_path / "page.md"))
    assert run(["monitor", "report", "--store", store, *pages]) == 0
    shown, markdown, page = (
        capsys.readouterr().out,
        (tmp_path / "page.md").read_text(),
        (tmp_path / "page.html").read_text(),
    )
    for text in (shown, markdown):
        assert "all together" in text
        assert "PCA reconstruction error" in text
    assert 'id="timeline-together"' in page
    assert "AUC of a domain classifier: drift" in page


def test_a_stored_reference_tells_files_apart_by_all_columns_too(store: str, tmp_path: Path, told: Run) -> None:
    pq.write_table(days(2, seed=3, turned_from=0), tmp_path / "turned.parquet")
    report = told("drift", str(tmp_path / "baseline.json"), str(tmp_path / "turned.parquet"), "--multivariate")
    assert report["multivariate"]["drifted"] is True


def test_the_same_command_gives_the_same_windows(store: str, tmp_path: Path, told: Run) -> None:
    again = str(tmp_path / "again")
    update = ("monitor", "update", str(tmp_path / "current.parquet"), "--baseline", str(tmp_path / "baseline.json"))
    told(*update, "--store", again, "--time", "at", "--multivariate")
    reports = [told("monitor", "report", "--store", folder) for folder in (store, again)]
    assert reports[0] == reports[1]


def test_a_baseline_of_single_columns_cannot_count_all_together(
    tmp_path: Path, told: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    pq.write_table(days(2, seed=1), tmp_path / "reference.parquet")
    path, baseline = str(tmp_path / "reference.parquet"), str(tmp_path / "baseline.json")
    assert told("monitor", "fit", path, "-o", baseline)["multivariate"] is False
    update = ["monitor", "update", path, "--baseline", baseline, "--store", str(tmp_path / "windows"), "--time", "at"]
    assert run([*update, "--multivariate"]) == 2
    assert "mlrt monitor fit --multivariate" in capsys.readouterr().err
    assert told(*update)["windows"] == 2
    assert told("monitor", "report", "--store", str(tmp_path / "windows"))["multivariate"] is None


def test_a_reference_file_is_a_baseline_with_one_key_more() -> None:
    table = correlated(np.random.default_rng(1), 200)
    whole = ReferenceFile(Baseline.fit(table), MultivariateReference.fit(table))
    read = ReferenceFile.from_bytes(whole.to_bytes())
    assert read.to_bytes() == whole.to_bytes()
    assert read.multivariate is not None
    assert Baseline.from_files({"baseline.json": whole.to_bytes()}).digest == whole.baseline.digest
    alone = replace(whole, multivariate=None)
    assert ReferenceFile.from_bytes(alone.to_bytes()).multivariate is None
    with pytest.raises(SchemaError, match="fit the reference again"):
        ReferenceFile.from_bytes(alone.to_bytes()[:-1] + b',"multivariate":{}}')


def windows_of(table: pa.Table, baseline: Baseline, reference: MultivariateReference) -> list[Window]:
    monitor = WindowedMonitor(baseline, Tumbling(DAY), multivariate=RowEncoder(reference))
    return monitor.update(table, time="at") + monitor.close()


def test_the_levels_of_all_looks_add_up_to_five_percent() -> None:
    table = days(12, seed=4, rows=40)
    baseline, reference = Baseline.fit(table.drop_columns(["at"])), MultivariateReference.fit(table)
    windows = windows_of(table, baseline, reference)
    timeline = judged_in_sequence(build_timeline(windows, baseline, multivariate=reference), windows, baseline)
    found = [one.report.multivariate for one in timeline.windows]
    levels = [one.level for one in found if one is not None]
    assert len(levels) == 12
    assert 2.0 * sum(levels) == pytest.approx(0.05 * 12 / 13)
    assert timeline.total.multivariate is not None
    assert timeline.total.multivariate.level == levels[-1]


def test_windows_that_overlap_are_no_looks_of_all_columns_together() -> None:
    table = days(3, seed=4, rows=40)
    baseline, reference = Baseline.fit(table.drop_columns(["at"])), MultivariateReference.fit(table)
    windows = windows_of(table, baseline, reference)
    doubled = [*windows, replace(windows[1], span=replace(windows[1].span, start=windows[0].span.start + DAY / 2))]
    timeline = judged_in_sequence(build_timeline(doubled, baseline, multivariate=reference), doubled, baseline)
    assert [one.report.multivariate is None for one in timeline.windows] == [False, True, False, False]


def test_looking_at_every_window_keeps_the_level(soak_factor: int) -> None:
    streams, alarms = 3 * soak_factor, 0
    for seed in range(streams):
        fitted = correlated(np.random.default_rng([7, seed]), 2000)
        baseline, reference = Baseline.fit(fitted), MultivariateReference.fit(fitted)
        windows = windows_of(days(10, seed=1000 + seed, rows=100), baseline, reference)
        timeline = judged_in_sequence(build_timeline(windows, baseline, multivariate=reference), windows, baseline)
        found = [timeline.total.multivariate, *(one.report.multivariate for one in timeline.windows)]
        alarms += any(one is not None and one.drifted for one in found)
    assert alarms / streams <= 0.06 + 4.0 * math.sqrt(0.06 * 0.94 / streams)
