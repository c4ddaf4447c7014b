"""`mlrt drift`: compare two data sets of any size column by column."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console

from mlops_runtime.cli.current import Current, open_current
from mlops_runtime.cli.output import emit, json_option, stage_progress
from mlops_runtime.cli.reference import Batches, Progress, open_reference
from mlops_runtime.core.errors import SchemaError
from mlops_runtime.data import short_name
from mlops_runtime.monitoring import DriftReport, Monitor
from mlops_runtime.monitoring.report.drift import build_report

__all__ = ["drift"]

_DRIFTED_EXIT_CODE = 3


@click.command(epilog="Example: mlrt drift last-month.csv today.csv --html drift.html")
@click.argument("reference")
@click.argument("current")
@click.option(
    "--html", "html_path", type=click.Path(path_type=Path), help="Also write a page with plots; opens offline."
)
@click.option("--columns", help="Compare only these columns, separated by commas.")
@click.option("--fail-on-drift", is_flag=True, help="Exit with 3 when a column has drifted.")
@json_option
def drift(
    reference: str, current: str, html_path: Path | None, columns: str | None, fail_on_drift: bool, as_json: bool
) -> int:
    """Compare the data CURRENT with REFERENCE column by column.

    Each is a file, a folder, a glob in quotes or a URL of CSV, Parquet or Arrow, of any size: read once, in batches.
    REFERENCE may also be a bundle or a file that `mlrt monitor fit` wrote.

    A column has drifted when the change is significant and large enough to matter: distribution, missing and infinite
    shares, new categories. Exit code 0 either way, unless --fail-on-drift is given.
    """
    with stage_progress("drift") as progress:
        report = compare_data(reference, current, columns=columns.split(",") if columns else None, progress=progress)
    if html_path is not None:
        from mlops_runtime.monitoring.report.html import render_html

        render_html(report, html_path, title=f"Drift: {short_name(reference)} → {short_name(current)}")

    def render(console: Console) -> None:
        for drawn in report.tables():
            console.print(drawn)
        for note in report.notes:
            console.print(f"note: {note}", markup=False)
        if html_path is not None:
            console.print(f"page with plots: {html_path}", markup=False)

    emit(report.to_dict(), as_json=as_json, render=render)
    return _DRIFTED_EXIT_CODE if fail_on_drift and report.dataset.drifted else 0


def compare_data(reference: str, current: str, *, columns: Sequence[str] | None, progress: Progress) -> DriftReport:
    """Read both data sets batch by batch, the current one by the reference's kinds, and compare them.

    Columns of the current one that are missing, extra, or unreadable as the reference's kind become notes.
    """
    before = open_reference(reference, columns=columns, progress=progress)
    now = open_current([current], before)
    try:
        monitor = _count(now, progress)
    except SchemaError:
        readable = now.without_unreadable()
        if readable is now:
            raise
        now = readable
        monitor = _count(now, progress)
    notes = dict.fromkeys((*before.notes, *now.source.notes, *now.notes))
    return build_report(now.reference.baseline.columns, monitor.summaries(), rows=monitor.rows, notes=tuple(notes))


def _count(current: Current, progress: Progress) -> Monitor:
    monitor = Monitor(current.reference.baseline)
    for table in Batches(current.source, progress, "current", start=0.5):
        monitor.update(table)
    return monitor
