"""The page and the Markdown of a timeline: everything is drawn, and nothing in the data becomes markup."""

from __future__ import annotations

import datetime as dt
import io
import re
import shutil
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from report_cases import hostile
from rich.console import Console

from mlops_runtime.monitoring import Baseline
from mlops_runtime.monitoring.report.html import render_html
from mlops_runtime.monitoring.report.looks import judged_in_sequence
from mlops_runtime.monitoring.report.markdown import render_markdown, write_markdown
from mlops_runtime.monitoring.report.tables import timeline_tables
from mlops_runtime.monitoring.report.timeline import Timeline, build_timeline
from mlops_runtime.monitoring.windows import Tumbling, Window, WindowedMonitor

TITLE = "as *given* <b>"


@cache
def counted() -> tuple[Baseline, list[Window]]:
    rows = hostile(800, shift=1.0, seed=2)
    baseline = Baseline.fit(hostile(800, shift=0.0, seed=1).drop_columns(["t"]))
    monitor = WindowedMonitor(baseline, Tumbling(dt.timedelta(days=1)), keys=("part`",))
    return baseline, [*monitor.update(rows, time="t"), *monitor.close()]


@cache
def timeline() -> Timeline:
    """Four windows and three segments, whose names and values would all be markup."""
    baseline, windows = counted()
    return build_timeline(windows, baseline, notes=("[note](http://x) <i>",))


def in_sequence() -> Timeline:
    baseline, windows = counted()
    return judged_in_sequence(timeline(), windows, baseline)


def without_library(page: str) -> str:
    return re.sub(r"<script>/\*\*.*?</script>", "", page, count=1, flags=re.DOTALL)


def test_a_page_with_windows_and_segments_holds_no_markup_from_the_data(tmp_path: Path) -> None:
    render_html(timeline(), tmp_path / "page.html", title=TITLE)
    ours = without_library((tmp_path / "page.html").read_text(encoding="utf-8"))
    for drawn in ("timeline", "traffic", "contributions", "plot-0", "plot-1", "plot-2"):
        assert f'id="{drawn}"' in ours
    assert "<img" not in ours
    assert ours.count("</script>") == 2


@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs a browser: apt-get install -y chromium")
def test_a_browser_draws_windows_and_segments_without_an_error(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    render_html(timeline(), page, title=TITLE)
    command = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync"]
    command += ["--disable-background-networking", "--disable-component-update", f"--user-data-dir={tmp_path / 'user'}"]
    command += ["--enable-logging=stderr", "--virtual-time-budget=8000", "--window-size=1200,6000", "--dump-dom"]
    done = subprocess.run([*command, page.as_uri()], capture_output=True, text=True, check=True, timeout=120)
    assert "CONSOLE" not in done.stderr
    assert "<title>as *given* &lt;b&gt;</title>" in done.stdout
    assert done.stdout.count('class="plot js-plotly-plot"') == 6
    assert done.stdout.count("heatmaplayer") >= 1
    assert "<img" not in without_library(done.stdout)


def test_markdown_shows_names_as_they_are_and_makes_nothing_of_them(tmp_path: Path) -> None:
    render_markdown(timeline(), tmp_path / "report.md", title=TITLE)
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert text == write_markdown(timeline(), title=TITLE)
    html = MarkdownIt("gfm-like", {"html": True, "linkify": False}).render(text)
    assert set(re.findall(r"<(\w+)", html)) <= {
        "h1", "h2", "p", "strong", "table", "thead", "tbody", "tr", "th", "td", "ul", "li",
    }  # fmt: skip
    assert "<h1>as *given* &lt;b&gt;</h1>" in html
    assert "[red]w|ords*" in html
    assert "[note](http://x)" in html
    assert html.count("<table>") == 5
    cells = {len(re.findall("<t[dh]", row)) for row in re.findall("<tr>.*?</tr>", html, re.DOTALL)}
    assert cells == {9, 4}


def test_the_strongest_drift_is_said_first() -> None:
    lines = write_markdown(timeline()).splitlines()
    assert lines[2].startswith("**1 of 3 columns drifted** (800 reference rows, 800 current).")
    first = next(line for line in lines if "**drift**" in line)
    assert "onerror" in first


@pytest.mark.parametrize(
    ("found", "looks", "each"),
    [
        (timeline, "for one look: without drift it alarms with a chance of at most 5 %", "each at 5 % for one look"),
        (in_sequence, "sequential: without drift it alarms with a chance of at most 5 %", "each at 5 % over all looks"),
    ],
)
def test_every_form_says_for_how_many_looks_its_verdicts_hold(
    tmp_path: Path, found: Callable[[], Timeline], looks: str, each: str
) -> None:
    report = found()
    render_html(report, tmp_path / "page.html")
    console = Console(width=200, record=True, file=io.StringIO())
    for drawn in timeline_tables(report):
        console.print(drawn)
    page = without_library((tmp_path / "page.html").read_text(encoding="utf-8"))
    for text in (page, write_markdown(report), console.export_text()):
        assert looks in text
        assert text.count(each) == 2
