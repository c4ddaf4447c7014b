"""Windows of what a server scored: each row in one, written while it runs, kept over restarts and resets, bounded."""

from __future__ import annotations

import datetime as dt
import http.client
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from mlops_runtime.core import clock
from mlops_runtime.core.settings import settings
from mlops_runtime.monitoring.windows import Window, WindowStore
from mlops_runtime.registry import Model
from mlops_runtime.serving import watch as watching
from mlops_runtime.serving.client import Client
from mlops_runtime.serving.watch import DriftWatch

PATIENCE_S = 60.0


def reset(running: Any) -> None:
    connection = http.client.HTTPConnection(running.address)
    connection.request("POST", "/v1/models/claims/drift/reset", b"")
    assert connection.getresponse().status == 200
    connection.close()


def wait_for(store: WindowStore, rows: int) -> list[Window]:
    """Wait until windows of so many rows are on the disk."""
    deadline = time.monotonic() + PATIENCE_S
    while sum(window.rows for window in store.windows()) < rows and time.monotonic() < deadline:
        time.sleep(0.05)
    return store.windows()


def test_every_row_is_in_one_window_while_the_server_runs_and_after_it(
    serve: Any, bundles: Any, rows: pa.Table, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    store = WindowStore(home / "windows")
    running = serve(str(bundles[0]), MLRT_HOME=str(home), MLRT_WINDOW_MINUTES="0.005")
    with Client(running.url) as client:
        client.infer("claims", rows.slice(0, 100))
        assert sum(window.rows for window in wait_for(store, 100)) == 100
        reset(running)
        client.infer("claims", rows.slice(100, 50))
        reset(running)
        client.infer("claims", rows.slice(150, 30))
        assert client.get("/v1/models/claims/drift")["versions"]["1"]["dataset"]["n_current"] == 30
    assert running.stop() == 0
    windows = store.windows(key={"model": "claims", "version": "1"})
    assert sum(window.rows for window in windows) == 180
    assert len({window.identity for window in windows}) == len(windows) > 1


def test_a_server_counts_all_inputs_together_when_asked(
    serve: Any, bundles: Any, rows: pa.Table, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    running = serve(str(bundles[0]), MLRT_HOME=str(home), MLRT_WINDOWS_MULTIVARIATE="1", MLRT_WINDOW_MINUTES="1440")
    with Client(running.url) as client:
        client.infer("claims", rows.slice(0, 80))
    assert running.stop() == 0
    store = WindowStore(home / "windows")
    states = [window.multivariate for window in store.windows()]
    assert sum(state.rows for state in states if state is not None) == 80
    assert all(state is not None and store.multivariate(state.reference).rows > 0 for state in states)


def test_a_restarted_server_adds_to_the_window_of_the_moment(
    serve: Any, bundles: Any, rows: pa.Table, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    for part in (rows.slice(0, 40), rows.slice(40, 60)):
        running = serve(str(bundles[0]), MLRT_HOME=str(home), MLRT_WINDOW_MINUTES="1440")
        with Client(running.url) as client:
            client.infer("claims", part)
        assert running.stop() == 0
    store = WindowStore(home / "windows")
    days = store.windows()  # two, if midnight passed meanwhile
    assert len(list((home / "windows").glob("*.journal"))) == 2
    assert sum(day.rows for day in days) == 100
    assert days[0].report(store.baseline(days[0].baseline)).dataset.n_current == days[0].rows


def test_a_killed_server_loses_what_it_has_not_written_yet_and_counts_nothing_twice(
    serve: Any, bundles: Any, rows: pa.Table, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    store = WindowStore(home / "windows")
    day = {"MLRT_HOME": str(home), "MLRT_WINDOW_MINUTES": "1440", "MLRT_WINDOW_WRITE_S": "0.3"}
    running = serve(str(bundles[0]), **day)
    with Client(running.url) as client:
        for first in (0, 100):
            client.infer("claims", rows.slice(first, 100))
            assert sum(window.rows for window in wait_for(store, first + 100)) == first + 100
    running.process.kill()
    running.process.wait()
    running = serve(str(bundles[0]), **day)
    with Client(running.url) as client:
        client.infer("claims", rows.slice(200, 60))
    assert running.stop() == 0
    assert sum(window.rows for window in store.windows()) == 260


def test_a_server_whose_windows_cannot_be_written_serves_all_the_same(
    serve: Any, bundles: Any, rows: pa.Table, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "windows").write_text("in the way")
    running = serve(str(bundles[0]), MLRT_HOME=str(home), MLRT_WINDOW_MINUTES="0.005")
    with Client(running.url) as client:
        for _ in range(3):
            client.infer("claims", rows.slice(0, 10))
            time.sleep(0.4)
        assert client.get("/v1/models/claims/drift")["versions"]["1"]["dataset"]["n_current"] == 30
    assert running.stop() == 0
    assert running.log.read_text().count("windows wait to be written") == 1


def test_scraping_a_server_all_the_time_raises_no_alarm_and_the_report_says_how_it_judges(
    make_watch: Callable[[], DriftWatch], models: tuple[Model, Model], make_people: Callable[..., pa.Table]
) -> None:
    watch = make_watch()
    for seed in range(100, 160):
        rows = make_people(20, seed=seed).drop_columns(["claim"])
        watch.add(rows, models[0].score(rows))
        report = watch.report()
        assert not report.drifted, (seed, report.drifted)
    assert report.to_dict()["verdict"] == "sequential"
    for seed in range(160, 175):
        rows = make_people(20, seed=seed, age=60.0).drop_columns(["claim"])
        watch.add(rows, models[0].score(rows))
        watch.collect(write_open=True)
    found = watch.report()
    assert "age" in found.drifted
    assert "city" not in found.drifted
    assert found.column("age").p_value < 1e-3
    assert "of the last" in found.column("age").reason


@pytest.fixture
def make_watch(home: Path, monkeypatch: pytest.MonkeyPatch, models: tuple[Model, Model]) -> Callable[[], DriftWatch]:
    monkeypatch.setenv("MLRT_WINDOW_MINUTES", "5")
    settings.cache_clear()
    model = models[0]
    return lambda: DriftWatch(model.bundle.baseline, model.classes, {"model": "m"})


def test_a_clock_that_is_set_back_loses_no_row(
    make_watch: Callable[[], DriftWatch], models: tuple[Model, Model], rows: pa.Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch, at = make_watch(), clock.now()
    for minutes in (7, -60, 1, 8):
        monkeypatch.setattr(watching, "now", lambda minutes=minutes: at + dt.timedelta(minutes=minutes))
        watch.add(rows, models[0].score(rows))
        watch.flush()
    assert sum(window.rows for window in watch.collect(write_open=True)) == 4 * rows.num_rows
    assert watch.report().dataset.n_current == 4 * rows.num_rows


def test_the_report_is_that_of_all_rows_however_windows_were_cut(
    make_watch: Callable[[], DriftWatch], models: tuple[Model, Model], rows: pa.Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, many, at = make_watch(), make_watch(), clock.now()
    scores = models[0].score(rows)
    one.add(rows, scores)
    for turn, first in enumerate(range(0, rows.num_rows, 100)):
        monkeypatch.setattr(watching, "now", lambda turn=turn: at + dt.timedelta(minutes=4 * turn))
        part = rows.slice(first, 100)
        many.add(part, models[0].score(part))
        assert many.report().dataset.n_current == first + part.num_rows
        many.collect()
    found = many.report()
    assert found.verdict == "sequential"
    assert {c.name: c.statistics for c in found.columns} == {c.name: c.statistics for c in one.report().columns}
    assert not many.is_idle
    many.collect(write_open=True)
    assert many.is_idle
