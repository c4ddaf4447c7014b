"""`mlrt monitor anomalies`: values of metrics that are out of the ordinary, and traffic that does not come."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from mlops_runtime.cli.output import emit, json_option, table
from mlops_runtime.cli.points_output import points_options, write_pages
from mlops_runtime.cli.times import read_duration, read_moment
from mlops_runtime.core import clock

if TYPE_CHECKING:
    from mlops_runtime.monitoring.anomalies import Judged
    from mlops_runtime.monitoring.points import Point

__all__ = ["anomalies"]

_FOUND_EXIT_CODE = 3


@click.command(epilog="Example: mlrt monitor anomalies --store windows --metric rows --metric psi --period 1d")
@click.option("--store", type=click.Path(path_type=Path), help="The store of windows that `monitor update` fills.")
@click.option("--points", "files", multiple=True, type=click.Path(path_type=Path), help="A file of points; repeatable.")
@click.option("--metric", "metrics", multiple=True, help="Judge only this metric; may be repeated.")
@click.option("--period", callback=read_duration, help="How long a season is, as 1d: also judge by the time of it.")
@click.option("--newest", type=click.IntRange(1), default=24, show_default=True, help="How many last windows to judge.")
@click.option("--since", callback=read_moment, metavar="TIME", help="Read a store's windows that end after this time.")
@click.option("--until", callback=read_moment, metavar="TIME", help="Windows should have come until then.")
@click.option("--score", type=float, default=4.0, show_default=True, help="What counts as found, in deviations.")
@click.option("--fail-on-anomaly", is_flag=True, help="Exit with 3 when one is found.")
@points_options
@json_option
def anomalies(  # noqa: PLR0913 - a command's options
    store: Path | None,
    files: tuple[Path, ...],
    metrics: tuple[str, ...],
    period: dt.timedelta | None,
    newest: int,
    since: dt.datetime | None,
    until: dt.datetime | None,
    score: float,
    fail_on_anomaly: bool,
    html_path: Path | None,
    markdown_path: Path | None,
    as_json: bool,
) -> int:
    """Judge each metric of a store, or of files of points, by its own past, and with --period by its season.

    A score is in standard deviations that are as improbable: without an anomaly it is beyond 4 in 0.006 % of windows.
    The metric `rows` is traffic: windows that did not come count as empty. --json holds all scores as points.
    """
    from mlops_runtime.monitoring.anomalies import judge_points

    if store is None and not files:
        raise click.UsageError("expected --store or --points, got neither")
    given = _points(store, files, since, only_rows=set(metrics) == {"rows"})
    points = [point for point in given if not metrics or point.metric in metrics]
    period_s = None if period is None else period.total_seconds()
    judged = judge_points(points, period_s=period_s, newest=newest, until=until)
    scores = [one.point() for one in judged]
    write_pages(scores, title="Anomaly scores", html_path=html_path, markdown_path=markdown_path)
    found = [one for one in judged if abs(one.anomaly.score) >= score]

    def render(console: Console) -> None:
        title = f"{len(found):,} anomalies; {len(judged):,} values judged"
        console.print(table(title, ("window (UTC)", "method", "of", "what"), map(_cells, found)))

    payload: dict[str, Any] = {
        "judged": len(judged),
        "found": [{**one.point().to_dict(), "reason": one.anomaly.reason} for one in found],
        "points": [point.to_dict() for point in scores],
    }
    emit(payload, as_json=as_json, render=render)
    return _FOUND_EXIT_CODE if fail_on_anomaly and found else 0


def _points(store: Path | None, files: tuple[Path, ...], since: dt.datetime | None, *, only_rows: bool) -> list[Point]:
    from mlops_runtime.monitoring.alerts.reading import PointsFile

    points = [point for file in files for point in PointsFile(file).read()]
    return points if store is None else points + _of_windows(store, since, only_rows=only_rows)


def _of_windows(folder: Path, since: dt.datetime | None, *, only_rows: bool) -> list[Point]:
    """Return the points of windows that are over; the rows of a window are known without a report on it."""
    from mlops_runtime.monitoring.points import Point
    from mlops_runtime.monitoring.report.points import drift_points
    from mlops_runtime.monitoring.windows import WindowStore

    store, now = WindowStore(folder), clock.now()
    windows = [window for window in store.windows(since=since) if window.span.end <= now]
    if only_rows:
        return [Point("rows", float(one.rows), one.span, one.rows, labels=one.key) for one in windows]
    baselines = {digest: store.baseline(digest) for digest in {window.baseline for window in windows}}
    return [point for one in windows for point in drift_points(one.report(baselines[one.baseline]), one.span, one.key)]


def _cells(one: Judged) -> tuple[str, ...]:
    labels = " ".join(f"{name}={value}" for name, value in sorted(one.series.labels.items()))
    start = one.series.span(one.anomaly.slot).start
    return f"{start:%Y-%m-%d %H:%M}", one.method, labels, one.anomaly.reason
