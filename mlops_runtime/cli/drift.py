"""`mlrt drift`: compare two data sets of any size column by column."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any, NamedTuple

import click

from mlops_runtime.cli.current import Current, open_current
from mlops_runtime.cli.drift_output import give, report_options
from mlops_runtime.cli.drift_rows import CurrentRows, ReferenceRows, rows_options
from mlops_runtime.cli.output import json_option, stage_progress
from mlops_runtime.cli.reference import Batches, Progress, Reference, categorical_option, open_reference
from mlops_runtime.cli.times import read_duration
from mlops_runtime.cli.windowing import Cut, left_out
from mlops_runtime.core.errors import SchemaError
from mlops_runtime.data import short_name
from mlops_runtime.monitoring import Monitor
from mlops_runtime.monitoring.report.drift import build_report
from mlops_runtime.monitoring.report.timeline import Timeline, build_timeline
from mlops_runtime.monitoring.windows import Window

__all__ = ["drift"]


@click.command(epilog="Example: mlrt drift last-month.csv today.csv --html drift.html")
@click.argument("reference")
@click.argument("current")
@click.option("--columns", help="Compare only these columns, separated by commas.")
@categorical_option
@click.option("--time", metavar="COLUMN", help="The column of each row's time: also report window by window.")
@click.option("--window", callback=read_duration, default="1d", show_default=True, help="How long a window is.")
@click.option(
    "--segment", "segments", multiple=True, metavar="COLUMN", help="Also report by its values; may be repeated."
)
@rows_options
@report_options
@json_option
def drift(
    reference: str,
    current: str,
    columns: str | None,
    categorical: tuple[str, ...],
    time: str | None,
    window: dt.timedelta,
    segments: tuple[str, ...],
    rows: ReferenceRows,
    **outputs: Any,
) -> int:
    """Compare the data CURRENT with REFERENCE column by column.

    Each is a file, a folder, a glob in quotes or a URL of CSV, Parquet or Arrow, of any size: read once, in batches.
    REFERENCE may also be a bundle, or a file that `mlrt monitor fit` wrote.

    A column has drifted when the change is significant and large enough to matter: distribution, missing and infinite
    shares, new categories. Exit code 0 either way, unless --fail-on-drift is given.

    With --multivariate all columns but times are tested together, too: by principal components, a kernel distance and a
    classifier. With --exact every number of both sides is held in memory, and REFERENCE must be data; verdicts rest on
    the counts all the same.
    """
    cut = Cut(time, window, segments) if time or segments else None
    with stage_progress("drift") as progress:
        wanted = columns.split(",") if columns else None
        before = open_reference(reference, columns=wanted, categorical=categorical, progress=progress, look=rows.offer)
        rows.require(before, where=reference)
        timeline = compare_data(before, current, rows=rows, cut=cut, progress=progress)
    return give(timeline, title=f"Drift: {short_name(reference)} → {short_name(current)}", **outputs)


def compare_data(
    before: Reference, current: str, *, rows: ReferenceRows, cut: Cut | None, progress: Progress
) -> Timeline:
    """Read the current data batch by batch, by the reference's kinds, and compare them.

    Columns that are missing, extra, or unreadable as the reference's kind become notes.
    """
    now = open_current([current], before, time=cut.time if cut else None, segments=cut.segments if cut else ())
    try:
        counted = _count(now, rows.beside(now), cut, progress)
    except SchemaError:
        readable = now.without_unreadable()
        if readable is now:
            raise
        now, counted = readable, _count(readable, rows.beside(readable), cut, progress)
    baseline, monitor = now.reference.baseline, counted.monitor
    notes = tuple(dict.fromkeys((*before.notes, *now.source.notes, *now.notes, *counted.rows.notes, *counted.notes)))
    total = build_report(baseline.columns, monitor.summaries(), rows=monitor.rows, notes=notes)
    total = counted.rows.taken.add_to(total)
    timeline = build_timeline(counted.windows, baseline, total=total)
    return timeline if cut and cut.time else replace(timeline, windows=())


class _Counted(NamedTuple):
    monitor: Monitor
    rows: CurrentRows
    windows: list[Window]
    notes: tuple[str, ...]


def _count(current: Current, rows: CurrentRows, cut: Cut | None, progress: Progress) -> _Counted:
    """Count all rows, and, when they are told apart, those of each window."""
    baseline, batches = current.reference.baseline, Batches(current.source, progress, "current", start=0.5)
    monitor = Monitor(baseline)
    if cut is None:
        for table in batches:
            monitor.update(table)
            rows.taken.update(table)
        return _Counted(monitor, rows, [], ())
    windowed, windows = cut.monitor(baseline), list[Window]()
    for table in batches:
        monitor.update(table)
        rows.taken.update(table)
        windows += windowed.update(table, time=cut.time)
    return _Counted(monitor, rows, [*windows, *windowed.close()], left_out(windowed))
