"""`mlrt monitor fit`, `update` and `report`, and `mlrt drift` by time and segment, on real files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from report_cases import files, table

from mlops_runtime.cli.main import run
from mlops_runtime.data import open_source
from mlops_runtime.features import FitState, infer_spec
from mlops_runtime.monitoring import Baseline
from mlops_runtime.registry import Bundle

Run = Callable[..., dict[str, Any]]


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command that prints JSON, and return that."""

    def call(*arguments: str, code: int = 0) -> dict[str, Any]:
        assert run([*arguments, "--json"]) == code
        document: dict[str, Any] = json.loads(capsys.readouterr().out)
        return document

    return call


@pytest.fixture
def paths(tmp_path: Path) -> tuple[str, str, str, str]:
    """A reference, current data, and where the baseline and the windows go."""
    return (*files(tmp_path), str(tmp_path / "baseline.json"), str(tmp_path / "windows"))


def test_files_counted_into_windows_report_as_the_files_do(told: Run, paths: tuple[str, str, str, str]) -> None:
    reference, current, baseline, store = paths
    fitted = told("monitor", "fit", reference, "-o", baseline)
    assert (fitted["rows"], fitted["columns"]) == (6_000, ["filed", "region", "amount", "age"])
    counted = told(
        "monitor", "update", current, "--baseline", baseline, "--store", store, "--time", "filed", "--segment", "region"
    )
    assert (counted["rows"], counted["windows"], counted["late"], counted["undated"]) == (4_000, 30, 0, 0)
    report = told("monitor", "report", "--store", store, "--baseline", baseline)
    direct = told("drift", reference, current, "--time", "filed", "--segment", "region")
    assert (report["verdict"], direct["verdict"]) == ("sequential", "one look")
    for key in ("columns", "windows", "segments", "contributions"):
        assert counts_of(report[key]) == counts_of(direct[key]), key


def counts_of(found: Any) -> Any:
    """Leave out what the two kinds of verdict say."""
    if isinstance(found, list):
        return [counts_of(one) for one in found]
    if not isinstance(found, dict):
        return found
    verdict = ("drifted", "reason", "p_value", "effect", "effect_name", "strength", "share_drifted")
    return {key: counts_of(one) for key, one in found.items() if key == "statistics" or key not in verdict}


def test_a_report_that_grows_by_a_window_a_day_changes_no_verdict_on_the_past(
    told: Run, paths: tuple[str, str, str, str]
) -> None:
    reference, current, baseline, store = paths
    told("monitor", "fit", reference, "-o", baseline)
    told("monitor", "update", current, "--baseline", baseline, "--store", store, "--time", "filed")
    whole = told("monitor", "report", "--store", store)
    assert whole["windows"][-1]["columns"]["amount"]["drifted"] == whole["columns"]["amount"]["drifted"]
    for days in (1, 4, 9):
        until = whole["windows"][days]["start"]
        part = told("monitor", "report", "--store", store, "--until", until)
        assert part["windows"] == whole["windows"][:days]
        assert part["columns"]["age"]["drifted"] == part["windows"][-1]["columns"]["age"]["drifted"]
    assert not any(day["columns"]["age"]["drifted"] for day in whole["windows"])


def test_files_in_parts_and_in_any_order_give_the_same_report(
    told: Run, paths: tuple[str, str, str, str], tmp_path: Path
) -> None:
    reference, current, baseline, store = paths
    whole = pq.read_table(current)
    parts = [str(tmp_path / f"part-{number}.parquet") for number in range(2)]
    pq.write_table(whole.take(pa.array(range(3_999, 1_999, -1))), parts[0])
    pq.write_table(whole.slice(0, 2_000), parts[1])
    told("monitor", "fit", reference, "-o", baseline)
    for part in parts:
        told("monitor", "update", part, "--baseline", baseline, "--store", store, "--time", "filed")
    report = told("monitor", "report", "--store", store)
    direct = told("drift", reference, current, "--time", "filed")
    assert counts_of(report["windows"]) == counts_of(direct["windows"])


def test_a_part_of_the_time_and_of_the_keys_can_be_asked_for(told: Run, paths: tuple[str, str, str, str]) -> None:
    reference, current, baseline, store = paths
    told("monitor", "fit", reference, "-o", baseline)
    update = ("monitor", "update", current, "--baseline", baseline, "--store", store, "--time", "filed")
    for model in ("a", "b"):
        told(*update, "--label", f"model={model}", "--window", "12h")
    both = told("monitor", "report", "--store", store)
    assert (both["dataset"]["n_current"], len(both["windows"])) == (8_000, 20)
    assert [segment["value"] for segment in both["segments"]] == ["a", "b"]
    late = told("monitor", "report", "--store", store, "--label", "model=a", "--since", "2026-02-06")
    assert len(late["windows"]) == 10
    assert late["windows"][0]["start"] == "2026-02-06T00:00:00+00:00"
    early = told("monitor", "report", "--store", store, "--label", "model=a", "--until", "2026-02-06T00:00Z")
    assert early["dataset"]["n_current"] + late["dataset"]["n_current"] == 4_000


def test_rows_without_a_time_and_late_ones_are_counted_and_said(
    told: Run, paths: tuple[str, str, str, str], tmp_path: Path
) -> None:
    reference, _, baseline, store = paths
    told("monitor", "fit", reference, "-o", baseline)
    rows = table(100, days=10, growth=0.0, seed=4)
    backwards = rows.take(pa.array(range(99, -1, -1)))
    undated = rows.slice(0, 7).set_column(0, "filed", pa.nulls(7, pa.timestamp("us", "UTC")))
    path = tmp_path / "mixed.parquet"
    pq.write_table(pa.concat_tables([backwards, undated]), path)
    arguments = ("monitor", "update", str(path), "--baseline", baseline, "--time", "filed", "--lateness", "1d")
    counted = told(*arguments, "--store", store)
    assert counted["undated"] == 7
    assert counted["late"] > 0
    assert counted["rows"] + counted["late"] == 100
    assert sum("they are in no window" in note for note in counted["notes"]) == 2
    total = told("drift", reference, str(path), "--time", "filed")
    assert total["dataset"]["n_current"] == 107
    assert "7 rows have no time: they are in no window" in total["notes"]


def test_windows_of_two_baselines_are_not_mixed(told: Run, paths: tuple[str, str, str, str], tmp_path: Path) -> None:
    reference, current, baseline, store = paths
    other = str(tmp_path / "other.json")
    told("monitor", "fit", reference, "-o", baseline)
    told("monitor", "fit", current, "-o", other)
    for path in (other, baseline):
        told("monitor", "update", current, "--baseline", path, "--store", store, "--time", "filed")
    newest = told("monitor", "report", "--store", store, "--baseline", other)
    assert newest["dataset"]["n_reference"] == 4_000
    assert newest["notes"] == ["10 windows were counted over another baseline: left out"]
    assert told("monitor", "report", "--store", store, "--baseline", baseline)["dataset"]["n_reference"] == 6_000


def test_segments_need_no_time(told: Run, paths: tuple[str, str, str, str]) -> None:
    document = told("drift", paths[0], paths[1], "--segment", "region", "--columns", "amount,age")
    assert document["windows"] == []
    assert [one["value"] for one in document["segments"]] == ["north", "south", "east"]
    best = document["contributions"][0]
    assert (best["value"], best["column"]) == ("south", "amount")


def test_a_bundle_is_a_reference_and_its_scores_need_not_be_in_the_data(
    told: Run, paths: tuple[str, str, str, str], make_bundle: Callable[..., Bundle]
) -> None:
    reference, current, *_ = paths
    source = open_source(reference, columns=["amount", "age", "region"])
    rows = source.read().table
    state = FitState(infer_spec([rows], source.schema, target=None).spec, source.schema)
    state.update(rows, first_row=0)
    fitted, scores = Baseline.fit(rows), Baseline.fit(pa.table({"score:yes": [0.1, 0.9] * 50}))
    baseline = Baseline({**fitted.columns, **scores.columns})
    bundle = make_bundle(schema=source.schema, program=state.finish(), baseline=baseline)
    document = told("drift", str(bundle.path), current)
    assert document["columns"].keys() == {"amount", "age", "region"}
    assert document["columns"]["amount"]["drifted"]
    assert document["dataset"]["n_reference"] == 6_000


def test_markdown_page_and_exit_code_are_given_as_asked(
    paths: tuple[str, str, str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reference, current, baseline, store = paths
    assert run(["monitor", "fit", reference, "-o", baseline]) == 0
    update = ["monitor", "update", current, "--baseline", baseline, "--store", store, "--time", "filed"]
    assert run([*update, "--segment", "region"]) == 0
    page, markdown = tmp_path / "page.html", tmp_path / "report.md"
    written = ["--html", str(page), "--markdown", str(markdown)]
    assert run(["monitor", "report", "--store", store, *written, "--fail-on-drift"]) == 3
    assert 'id="timeline"' in page.read_text(encoding="utf-8")
    assert "## Segments that contribute" in markdown.read_text(encoding="utf-8")
    shown = capsys.readouterr().out
    assert "10 windows" in shown
    assert "region = south" in shown


def test_csv_counts_as_parquet_does(told: Run, paths: tuple[str, str, str, str], tmp_path: Path) -> None:
    reference, current, *_ = paths
    text = tmp_path / "current.csv"
    pyarrow.csv.write_csv(pq.read_table(current), text)
    options = ("--time", "filed", "--segment", "region")
    from_text, from_parquet = (told("drift", reference, path, *options) for path in (str(text), current))
    assert from_text["windows"] == from_parquet["windows"]
    assert from_text["columns"] == from_parquet["columns"]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["monitor", "report", "--store", "absent"], 1, "expected a window, got none in absent"),
        (["monitor", "report", "--store", "absent", "--since", "soon"], 2, "expected a date or time"),
        (["drift", "a.csv", "b.csv", "--window", "fortnight"], 2, "expected a duration"),
        (["monitor", "update", "a.csv", "--baseline", "absent.json", "--store", "s", "--time", "t"], 2, "got nothing"),
        (
            ["monitor", "update", "a.csv", "--baseline", "b", "--store", "s", "--time", "t", "--label", "x"],
            2,
            "NAME=VALUE",
        ),
    ],
)
def test_what_cannot_be_done_is_said(
    arguments: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == code
    assert said in capsys.readouterr().err


def test_a_time_column_that_is_not_there_is_named(
    paths: tuple[str, str, str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["drift", paths[0], paths[1], "--time", "when"]) == 1
    assert "when" in capsys.readouterr().err


def test_a_store_is_compacted_and_kept_small(told: Run, paths: tuple[str, str, str, str]) -> None:
    reference, current, baseline, store = paths
    told("monitor", "fit", reference, "-o", baseline)
    told("monitor", "update", current, "--baseline", baseline, "--store", store, "--time", "filed", "--window", "6h")
    before = told("monitor", "report", "--store", store)
    done = told("monitor", "gc", "--store", store, "--compact", "1d")
    assert (done["compacted"], done["segments"], done["baselines"]) == (1, 0, 0)
    after = told("monitor", "report", "--store", store)
    assert counts_of(after["columns"]) == counts_of(before["columns"])
    assert len(after["windows"]) == 10 < len(before["windows"])
    assert told("monitor", "gc", "--store", store, "--max-gib", "1e-9")["segments"] == 1
    done = told("monitor", "gc", "--store", store)
    assert (done["baselines"], done["left"]["records"]) == (1, 0)
    assert run(["monitor", "gc", "--store", store]) == 0
