"""`mlrt monitor check` over a real store of windows and over files of points; the evidence that alerts carry."""

from __future__ import annotations

import datetime as dt
import json
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from alert_cases import START, hour, point

from mlops_runtime.cli import monitor_check, monitor_rules
from mlops_runtime.cli.main import run
from mlops_runtime.core.errors import SchemaError
from mlops_runtime.monitoring import Baseline
from mlops_runtime.monitoring.alerts.reading import PointsFile, WindowReader, add_up
from mlops_runtime.monitoring.windows import Tumbling, WindowedMonitor, WindowStore

RULES = """
sinks: {log: [{path: alerts.jsonl}]}
rules:
  - {name: column-drifted, metric: drifted, labels: {column: '*'}}
  - {name: many-drifted, metric: share_drifted, when: {above: 0.3}}
"""
HOURS, ROWS = 4, 4000
FAIL_PATIENCE_S = 60.0


def _rows(*, shifted: bool) -> pa.Table:
    """Four hours of claims; when shifted, the cars among them are of older owners, and a new plan is there."""
    random = np.random.default_rng(7)
    kind = random.choice(["car", "home"], ROWS)
    age = random.normal(40, 10, ROWS) + (30 * (kind == "car") if shifted else 0)
    plan = random.choice(["basic", "gold", "new" if shifted else "gold"], ROWS)
    seconds = np.sort(random.uniform(0, HOURS * 3600, ROWS))
    at = pa.array([START.replace(tzinfo=None) + dt.timedelta(seconds=float(s)) for s in seconds], pa.timestamp("us"))
    ids = [f"c{i}" for i in range(ROWS)]
    return pa.table({"id": ids, "kind": kind, "age": age, "plan": plan, "score": random.random(ROWS), "at": at})


@pytest.fixture
def store(tmp_path) -> WindowStore:
    """Hourly windows of shifted rows, by kind, and the rows beside it; the rules in `rules.yaml`."""
    reference, rows = _rows(shifted=False), _rows(shifted=True)
    baseline = Baseline.fit(reference.select(["age", "plan", "score"]))
    monitor = WindowedMonitor(baseline, Tumbling(dt.timedelta(hours=1)), keys=["kind"])
    windows = [*monitor.update(rows, time="at"), *monitor.close()]
    with WindowStore(tmp_path / "windows") as made:
        made.append(windows, baseline)
    pq.write_table(rows, tmp_path / "rows.parquet")
    (tmp_path / "rules.yaml").write_text(RULES)
    return made


def _check(folder: Path, *more: str) -> tuple[str, ...]:
    return ("monitor", "check", "--store", str(folder / "windows"), "--rules", str(folder / "rules.yaml"), *more)


def test_an_alert_says_which_bins_which_segments_and_which_rows(tmp_path, store, capsys):
    rows = ("--rows", str(tmp_path / "rows.parquet"), "--row-id", "id", "--row-time", "at")
    assert run([*_check(tmp_path, *rows), "--over", "kind", "--pages", str(tmp_path / "pages"), "--json"]) == 3
    found = json.loads(capsys.readouterr().out)
    firing = {(one["rule"], one["labels"].get("column"), one["labels"].get("kind")): one for one in found["firing"]}
    assert ("column-drifted", "age", "home") not in firing
    age = firing["column-drifted", "age", None]["evidence"]
    assert age["bins"][0]["current"] > age["bins"][0]["reference"]
    assert [one["labels"] for one in age["segments"]] == [{"kind": "car"}]
    assert len(age["bins"]) == len(age["rows"]) == 5
    by_id = {row["id"]: row for row in pq.read_table(tmp_path / "rows.parquet").to_pylist()}
    assert all(by_id[row]["age"] > 50 and by_id[row]["at"] < hour(1).replace(tzinfo=None) for row in age["rows"])
    plan = firing["column-drifted", "plan", "home"]["evidence"]
    assert [by_id[row]["plan"] for row in plan["rows"]] == ["new"] * 5
    assert {by_id[row]["kind"] for row in plan["rows"]} == {"home"}
    (page,) = age["links"]
    assert "age" in Path(page).read_text(encoding="utf-8")
    many = firing["many-drifted", None, "car"]["evidence"]
    assert {bin_["label"].partition(" ")[0] for bin_ in many["bins"]} <= {"age", "plan"}


def test_an_alert_goes_out_also_when_its_evidence_cannot_be_had(tmp_path, store, capsys):
    assert run([*_check(tmp_path), "--rows", str(tmp_path / "rows.parquet"), "--row-id", "number", "--json"]) == 3
    found = json.loads(capsys.readouterr().out)
    assert found["delivery"]["log"]["sent"] == 1
    evidence = found["firing"][0]["evidence"]
    assert "no rows: rows of alerts: expected a column `number`" in evidence["notes"][0]
    assert evidence["bins"]


def test_what_was_checked_is_not_told_again(tmp_path, store, capsys):
    assert run([*_check(tmp_path), "--json"]) == 3
    first = json.loads(capsys.readouterr().out)
    assert first["delivery"]["log"]["sent"] == len(first["notifications"]) == 1
    assert run([*_check(tmp_path), "--json"]) == 3
    second = json.loads(capsys.readouterr().out)
    assert (second["points"], second["late"], second["notifications"]) == (0, 0, [])
    assert [one["id"] for one in second["firing"]] == [one["id"] for one in first["firing"]]


def test_people_get_a_table(tmp_path, store, capsys):
    assert run(_check(tmp_path)) == 3
    shown = capsys.readouterr().out
    assert "firing" in shown
    assert "kind=car" in shown
    assert "log: 1 told, 0 waiting" in shown


def test_windows_added_up_are_those_of_all_rows(store):
    windows = store.windows()
    whole = add_up(windows, ["kind"])
    assert [window.rows for window in whole] == [
        sum(part.rows for part in windows if part.span == window.span) for window in whole
    ]
    assert sum(window.rows for window in whole) == ROWS
    assert add_up(windows, ["tenant"]) == []


def test_windows_that_are_not_over_are_left_for_later(store):
    reader = WindowReader(store, settle=dt.timedelta(minutes=10))
    points, cursor = reader.read(cursor="", now=hour(2))
    assert {one.span.end for one in points} == {hour(1)}
    points, cursor = reader.read(cursor=cursor, now=hour(9))
    assert {one.span.end for one in points} == {hour(2), hour(3), hour(4)}
    assert reader.read(cursor=cursor, now=hour(9)) == ([], cursor)
    assert WindowReader(store).read(cursor=cursor, now=hour(9)) == ([], cursor)


def test_a_key_whose_windows_come_later_is_read_from_its_own_beginning(tmp_path, store):
    reader = WindowReader(store)
    _, cursor = reader.read(cursor="", now=hour(9))
    monitor = WindowedMonitor(
        store.baseline(store.windows()[0].baseline), Tumbling(dt.timedelta(hours=1)), keys=["kind"]
    )
    rows = _rows(shifted=False)
    rows = rows.set_column(1, "kind", pa.array(["boat"] * ROWS))
    windows = [*monitor.update(rows, time="at"), *monitor.close()]
    with WindowStore(tmp_path / "windows") as other:
        other.append(windows, store.baseline(windows[0].baseline))
    points, _ = reader.read(cursor=cursor, now=hour(9))
    assert {one.labels["kind"] for one in points} == {"boat"}
    assert {one.span.end for one in points} == {hour(4)}, "those that end an hour before the others are not looked for"


def test_a_store_is_judged_alike_in_one_round_and_in_many_whose_process_ended_between_them(tmp_path, store):
    def verdicts(ends: list[float]) -> dict[tuple[object, ...], float]:
        cursor, found = "", {}
        for end in ends:
            points, cursor = WindowReader(store, over=["kind"]).read(cursor=cursor, now=hour(end))
            for one in points:
                if one.metric in ("drifted", "p_value"):
                    found[one.metric, one.span, *sorted(one.labels.items())] = one.value
        return found

    assert verdicts([9]) == verdicts([1, 2, 2.5, 3, 9])
    at_once = [one for one, value in verdicts([9]).items() if one[0] == "drifted" and value]
    assert at_once


def test_continuous_checks_of_a_store_without_drift_raise_no_alarm(tmp_path):
    random = np.random.default_rng(8)
    baseline = Baseline.fit(pa.table({f"c{n}": random.normal(size=2000) for n in range(10)}))
    monitor = WindowedMonitor(baseline, Tumbling(dt.timedelta(hours=1)))
    store, cursor, one_look = WindowStore(tmp_path / "windows"), "", 0
    with store:
        for number in range(80):
            batch = pa.table({f"c{n}": random.normal(size=60) for n in range(10)})
            windows = monitor.update(batch, time=hour(number)) + monitor.advance(hour(number + 1))
            one_look += sum(window.report(baseline).dataset.drifted for window in windows)
            store.append(windows, baseline)
            points, cursor = WindowReader(store).read(cursor=cursor, now=hour(number + 1))
            assert not any(one.value for one in points if one.metric == "drifted"), number
    assert one_look > 0, "a verdict for one look does not hold over eighty"


def test_rows_that_come_late_restate_the_window_and_the_alert_about_it(tmp_path, store, capsys):
    assert run([*_check(tmp_path), "--json"]) == 3
    before = json.loads(capsys.readouterr().out)
    (age,) = (one for one in before["firing"] if one["labels"].get("column") == "age")
    last = store.windows(key={"kind": "car"})[-1]
    monitor = WindowedMonitor(store.baseline(last.baseline), Tumbling(dt.timedelta(hours=1)), keys=["kind"])
    late = _rows(shifted=False).slice(0, 300).set_column(1, "kind", pa.array(["car"] * 300))
    with WindowStore(tmp_path / "windows") as other:
        other.append(monitor.update(late, time=hour(3.5)) + monitor.close(), store.baseline(last.baseline))
    run([*_check(tmp_path), "--json"])
    after = json.loads(capsys.readouterr().out)
    assert (after["points"] > 0, after["late"]) == (True, 0)
    (again,) = (one for one in after["firing"] if one["labels"].get("column") == "age")
    assert (again["id"], again["n"]) == (age["id"], age["n"] + 300)
    run([*_check(tmp_path), "--json"])
    assert json.loads(capsys.readouterr().out)["points"] == 0


@pytest.mark.parametrize("cursor", ["{", "[]", "3", '{"read": {"k": {"x": 1}}, "sequences": {}}', '{"read": {}}'])
def test_a_cursor_that_is_none_is_refused_in_one_way(store, cursor):
    with pytest.raises(SchemaError, match="start afresh"):
        WindowReader(store).read(cursor=cursor, now=hour(9))


def test_a_sequence_that_is_none_is_refused_in_one_way(store):
    reader = WindowReader(store)
    _, cursor = reader.read(cursor="", now=hour(2))
    values = json.loads(cursor)
    for text in ("", "no base64!", "aGFsbG8="):
        changed = json.dumps({**values, "sequences": dict.fromkeys(values["sequences"], text)})
        with pytest.raises(SchemaError, match="start afresh"):
            reader.read(cursor=changed, now=hour(9))


def _write_points(path: Path, values: list[float]) -> None:
    lines = [json.dumps(point(i, value, metric="psi").to_dict()) for i, value in enumerate(values)]
    path.write_text("\n".join(lines) + "\n")


PSI = "rules: [{name: high, metric: psi, when: {above: 0.25}, missing: {after: 2h}}]"


@pytest.mark.parametrize(("values", "code"), [([0.1, 0.3], 3), ([0.3, 0.1], 0), ([], 0)])
def test_the_exit_code_says_whether_something_fires(tmp_path, values, code, capsys):
    _write_points(tmp_path / "points.jsonl", values)
    (tmp_path / "rules.yaml").write_text(PSI)
    words = ["monitor", "check", "--points", str(tmp_path / "points.jsonl"), "--rules", str(tmp_path / "rules.yaml")]
    assert run([*words, "--textfile", str(tmp_path / "psi.prom")]) == code
    assert ("mlrt_monitor_psi" in (tmp_path / "psi.prom").read_text()) == bool(values)


def test_a_check_without_data_is_wrong_usage(capsys):
    assert run(["monitor", "check"]) == 2
    assert "--store or --points" in capsys.readouterr().err


def test_a_line_that_is_no_point_is_named(tmp_path, capsys):
    _write_points(tmp_path / "points.jsonl", [0.1])
    with (tmp_path / "points.jsonl").open("a") as stream:
        stream.write('{"metric": "psi"}\n')
    assert run(["monitor", "check", "--points", str(tmp_path / "points.jsonl")]) == 1
    assert "points.jsonl, line 2: expected a point" in capsys.readouterr().err


def test_a_point_that_is_still_being_written_waits_for_its_end(tmp_path):
    path = tmp_path / "points.jsonl"
    _write_points(path, [0.1, 0.2])
    text = path.read_text()
    path.write_text(text[:-20])
    file = PointsFile(path)
    assert [one.value for one in file.read()] == [0.1]
    path.write_text(text)
    assert [one.value for one in file.read()] == [0.2]
    assert file.read() == []


def test_points_may_come_as_monitor_labels_prints_them(tmp_path):
    low, restated = point(0, 0.7, metric="auc"), point(0, 0.9, metric="auc", restated="2")
    windows = [{"sequence": 1, "points": [low.to_dict()]}, {"sequence": 2, "points": [restated.to_dict()]}]
    (tmp_path / "points.jsonl").write_text(json.dumps({"windows": windows, "notes": []}) + "\n")
    assert [one.value for one in PointsFile(tmp_path / "points.jsonl").read()] == [0.7, 0.9]
    (tmp_path / "rules.yaml").write_text("rules: [{name: low, metric: auc, when: {below: 0.75}}]")
    words = ["monitor", "check", "--points", str(tmp_path / "points.jsonl"), "--rules", str(tmp_path / "rules.yaml")]
    assert run(words) == 0, "the last window is judged again when it is restated"


def test_following_tells_what_comes_while_it_runs(tmp_path):
    points, rules, log = tmp_path / "points.jsonl", tmp_path / "rules.yaml", tmp_path / "alerts" / "alerts.jsonl"
    points.write_text("")
    rules.write_text("rules: [{name: high, metric: psi, when: {above: 0.25}}]")
    words = [sys.executable, "-m", "mlops_runtime.cli", "monitor", "check", "--follow", "--every", "0s", "--json"]
    words += ["--points", str(points), "--rules", str(rules)]
    told = []
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            for values in ([0.3], [0.3, 0.1]):
                _write_points(points, values)
                told += json.loads(process.stdout.readline())["notifications"]
            _until(lambda: log.exists() and log.read_text().count("\n") == 2)
        finally:
            process.send_signal(signal.SIGINT)
    assert [alert["state"] for note in told for alert in note["alerts"]] == ["firing", "resolved"]
    assert [json.loads(line)["id"] for line in log.read_text().splitlines()] == [note["id"] for note in told]
    assert process.returncode == 130


def _until(holds) -> None:
    deadline = time.monotonic() + FAIL_PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("command", [monitor_check.check, monitor_rules.rules], ids=lambda command: command.name)
def test_the_example_in_a_help_text_runs(command, tmp_path, store, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run(shlex.split(command.epilog.removeprefix("Example: mlrt "))) in (0, 3), capsys.readouterr().err


def test_the_default_rules_are_shown_to_start_from(tmp_path, capsys):
    assert run(["monitor", "rules"]) == 0
    text = capsys.readouterr().out
    assert "# The verdict on a column" in text
    (tmp_path / "rules.yaml").write_text(text)
    assert run(["monitor", "rules", str(tmp_path / "rules.yaml"), "--check"]) == 0
    assert "10 rules, all of them usable" in capsys.readouterr().out


def test_rules_are_shown_as_a_table_and_exported_with_what_was_left_out(tmp_path, capsys):
    left_out = "  - {name: tenants, metric: psi, labels: {tenant: t}, when: {above: 1}}\n"
    (tmp_path / "rules.yaml").write_text(RULES + "  - {name: auc, metric: auc, when: {falls_by: 5%}}\n" + left_out)
    assert run(["monitor", "rules", str(tmp_path / "rules.yaml")]) == 0
    assert "falls by 5% over 20 windows" in capsys.readouterr().out
    words = ["monitor", "rules", str(tmp_path / "rules.yaml"), "--prometheus", str(tmp_path / "out.yaml")]
    assert run([*words, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["exported"] == ["column-drifted", "many-drifted", "auc"]
    assert set(said["left_out"]) == {"tenants"}
    assert (tmp_path / "out.test.yaml").exists()
    assert run(words) == 0
    assert "not exported: tenants: `psi` of the server has no label" in capsys.readouterr().out
