"""The report: a stable schema, tables for people, and a page that opens offline and cannot be made to run data."""

from __future__ import annotations

import datetime as dt
import io
import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from rich.console import Console

from mlops_runtime.core.errors import ConfigError
from mlops_runtime.monitoring import Baseline, DriftReport, Monitor, compare
from mlops_runtime.monitoring.report.html import render_html
from mlops_runtime.monitoring.report.tables import report_tables
from mlops_runtime.monitoring.statistics.effects import percent

HOSTILE = "</script><img src=x onerror=document.title='PWNED'>"


def hostile_report() -> DriftReport:
    rng = np.random.default_rng(2)
    before, now = rng.standard_normal(500), rng.standard_normal(500) + 1.0
    words_before = [HOSTILE, "[bold]b[/bold]"] * 250
    words_now = [HOSTILE, "{{ 7 * 7 }}", "<b>new</b>", "%{x}", None] * 100
    table = {HOSTILE: before, "[red]words": words_before, "gone": before, "whole": rng.integers(0, 200, 500)}
    current = {HOSTILE: now, "[red]words": words_now, "extra": now, "whole": rng.integers(50, 250, 500)}
    return compare(pa.table(table), pa.table(current))


def test_the_schema_is_stable_and_strict_json() -> None:
    document = json.loads(json.dumps(hostile_report().to_dict(), allow_nan=False))
    assert document.keys() == {"columns", "dataset", "level", "multivariate", "notes", "verdict"}
    assert document["dataset"] == {"drifted": True, "n_current": 500, "n_reference": 500, "share_drifted": 1.0}
    promised = {"psi", "ks", "js", "wasserstein", "missing_share", "drifted", "p_value", "effect"}
    for column in document["columns"].values():
        assert promised <= column.keys()
    words = document["columns"]["[red]words"]
    assert (words["kind"], words["ks"], words["missing_share"], words["new_share"]) == ("categorical", None, 0.2, 0.75)


def test_an_empty_side_gives_nulls_and_no_crash() -> None:
    report = compare(pa.table({"x": [1.0] * 40}), pa.table({"x": pa.array([], pa.float64())}))
    column = json.loads(json.dumps(report.to_dict(), allow_nan=False))["columns"]["x"]
    assert (column["psi"], column["missing_share"], column["drifted"], column["moved"]) == (None, None, False, [])


def test_the_bins_that_moved_most_are_the_evidence() -> None:
    report = compare(pa.table({"x": ["a"] * 50 + ["b"] * 50}), pa.table({"x": ["a"] * 50 + ["c"] * 50}))
    moved = {bin_.label: (bin_.reference, bin_.current) for bin_ in report.column("x").moved}
    assert moved == {"b": (0.5, 0.0), "(new category)": (0.0, 0.5)}


def test_moved_bins_of_numbers_name_their_least_and_greatest_value() -> None:
    report = compare(pa.table({"x": [1.0, 2.0] * 50}), pa.table({"x": [2.0, 7.0] * 50}))
    labels = {bin_.label for bin_ in report.column("x").moved}
    assert labels == {"= 1", "> 2"}


def _hours(first: int, rows: int, unit: str = "us") -> pa.Table:
    hours = [dt.datetime(2024, 1, 1, tzinfo=dt.UTC) + dt.timedelta(hours=first + hour) for hour in range(rows)]
    return pa.table({"seen": pa.array(hours, pa.timestamp(unit, "UTC"))})


def test_bins_of_times_are_written_as_times_in_tables_and_on_the_page(tmp_path: Path) -> None:
    report = compare(_hours(0, 480), _hours(480, 480))
    column = report.column("seen")
    assert column.kind == "time"
    assert column.moved[0].label == "> 2024-01-20 23:00:00"
    moment = r"2024-01-\d\d( \d\d:00:00)?"
    assert all(re.fullmatch(f"{moment} .. {moment}", bin_.label) for bin_ in column.moved[1:])
    render_html(report, tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    assert '"type": "date"' in page
    assert "2024-01-20 2" in page
    assert "e+15" not in page.split('id="figures"')[1]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_times_compare_the_same_in_every_unit(unit: str) -> None:
    baseline = Baseline.from_files(Baseline.fit(_hours(0, 300)).to_files())
    monitor = Monitor(baseline)
    monitor.update(_hours(0, 300, unit))
    assert monitor.report().column("seen").ks == 0.0
    assert monitor.report().column("seen").kind == "time"


def test_tables_show_names_as_they_are_with_drifted_columns_first() -> None:
    console = Console(width=400, record=True, file=io.StringIO())
    for drawn in report_tables(hostile_report()):
        console.print(drawn)
    text = console.export_text()
    assert "4 of 4 columns drifted (500 reference rows, 500 current)" in text
    assert "[red]words" in text
    assert HOSTILE in text
    assert "missing share 0 % -> 20 %" in text


def test_percentages_are_never_zero_for_what_is_not() -> None:
    assert [percent(share) for share in (0.0, 1e-9, 0.00052, 0.5, 1.0)] == [
        "0 %",
        "under 0.0001 %",
        "0.052 %",
        "50 %",
        "100 %",
    ]


def test_the_page_asks_for_nothing_and_holds_no_markup_from_the_data(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "report.html"
    render_html(hostile_report(), path)
    page = path.read_text(encoding="utf-8")
    ours = re.sub(r"<script>/\*\*.*?</script>", "", page, count=1, flags=re.DOTALL)
    assert len(ours) < 100_000 < len(page)
    assert "default-src 'none'" in ours
    assert "http://" not in ours
    assert "https://" not in ours
    assert "<img" not in ours
    assert "<b>new" not in ours
    assert "{{ 7 * 7 }}" in ours


def test_a_page_that_cannot_be_written_is_a_config_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(ConfigError, match="cannot be written"):
        render_html(hostile_report(), tmp_path / "file" / "report.html")


@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs a browser: apt-get install -y chromium")
def test_a_browser_draws_every_plot_and_runs_nothing_from_the_data(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    render_html(hostile_report(), path, title="as given")
    command = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync"]
    command += ["--disable-background-networking", "--disable-component-update", f"--user-data-dir={tmp_path / 'user'}"]
    command += ["--virtual-time-budget=8000", "--window-size=1200,6000", "--dump-dom", path.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    assert "<title>as given</title>" in done.stdout
    assert done.stdout.count('class="plot js-plotly-plot"') == 4
    assert "<img" not in re.sub(r"<script>/\*\*.*?</script>", "", done.stdout, count=1, flags=re.DOTALL)
