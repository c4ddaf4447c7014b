"""`mlrt monitor check`: new points against rules; alerts told to the sinks of the rule file."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from mlops_runtime.cli.output import emit, json_option, table
from mlops_runtime.cli.times import read_duration
from mlops_runtime.core import clock

if TYPE_CHECKING:
    from mlops_runtime.monitoring.alerts.alert import Alert
    from mlops_runtime.monitoring.alerts.delivery import Delivered
    from mlops_runtime.monitoring.alerts.engine import AlertEngine, Round
    from mlops_runtime.monitoring.alerts.evidence import Evidence
    from mlops_runtime.monitoring.alerts.reading import PointsFile, WindowReader
    from mlops_runtime.monitoring.alerts.rows import RowSource

__all__ = ["check"]

_FIRES_EXIT_CODE = 3


@click.command(epilog="Example: mlrt monitor check --store windows --rules rules.yaml")
@click.option("--rules", type=click.Path(path_type=Path), help="A rule file; by default the rules of `monitor rules`.")
@click.option("--store", type=click.Path(path_type=Path), help="The store of windows that `monitor update` fills.")
@click.option("--points", multiple=True, type=click.Path(path_type=Path), help="A file of points, one JSON a line.")
@click.option("--state", type=click.Path(path_type=Path), help="Folder of alerts; by default `alerts` beside the data.")
@click.option("--follow", is_flag=True, help="Go on until interrupted, instead of one round.")
@click.option("--every", callback=read_duration, default="10s", show_default=True, help="How often to look, then.")
@click.option("--over", multiple=True, metavar="KEY", help="Judge windows also added up over this key of segments.")
@click.option(
    "--settle",
    callback=read_duration,
    default="5s",
    show_default=True,
    help="Leave windows alone until so long after their end.",
)
@click.option("--pages", type=click.Path(path_type=Path), help="Folder for a drift page of each window with an alert.")
@click.option("--pages-url", default="", help="Where readers of alerts find that folder.")
@click.option("--rows", help="The rows behind the windows (file, folder, glob): alerts name a few of them.")
@click.option("--row-id", metavar="COLUMN", help="The column of their ids.")
@click.option("--row-time", metavar="COLUMN", help="The column of their times.")
@click.option("--textfile", type=click.Path(path_type=Path), help="Write what is judged as Prometheus text, too.")
@click.option(
    "--patience", callback=read_duration, default="10s", show_default=True, help="How long to wait for sinks."
)
@json_option
def check(**options: Any) -> int:
    """Judge what is new by rules, tell the sinks what began or ended, and show what fires. Exit code 3 while it does.

    Points that were judged before are skipped, so this may run as often as you like, from cron or with --follow; what
    the sinks did not take waits on disk for the next time. With --points alone the time is that of the last point.
    Drift in a store is judged over all looks together, window by window.
    """
    given = [*options["points"], *([options["store"]] if options["store"] else [])]
    if not given:
        raise click.UsageError("expected --store or --points, got neither")
    if options["rows"] and not options["row_id"]:
        raise click.UsageError("expected --row-id with --rows: the column of the rows' ids")
    state = options["state"] or (options["store"] or given[0].parent) / "alerts"
    firing = False
    for found, delivered in _rounds(options, state):
        firing = bool(found.firing)
        if not options["follow"] or found.notifications:
            _show(found, delivered, as_json=options["as_json"])
    return _FIRES_EXIT_CODE if firing else 0


def _rounds(options: dict[str, Any], state: Path) -> Iterator[tuple[Round, dict[str, Delivered]]]:
    """Yield one round and what became of its notifications; with `follow`, one after another."""
    from mlops_runtime.monitoring.alerts.delivery import Couriers
    from mlops_runtime.monitoring.alerts.engine import AlertEngine
    from mlops_runtime.monitoring.alerts.reading import PointsFile
    from mlops_runtime.monitoring.alerts.sinks.opening import open_sinks
    from mlops_runtime.monitoring.alerts.textfile import write_textfile
    from mlops_runtime.monitoring.alerts.window_evidence import WindowEvidence
    from mlops_runtime.monitoring.rules.document import RuleSet, default_rules

    rules = RuleSet.load(options["rules"]) if options["rules"] else default_rules()
    reader = _reader(options)
    pages, address, rows = options["pages"], options["pages_url"], _rows(options)
    evidence = WindowEvidence(reader, pages=pages, address=address, rows=rows) if reader else None
    engine = AlertEngine(rules, state, evidence=evidence)
    files = [PointsFile(path) for path in options["points"]]
    follow, textfile = options["follow"], options["textfile"]
    with Couriers(engine.outboxes, open_sinks(rules, state)) as couriers:
        while True:
            found = _round(engine, reader, files, live=follow)
            couriers.wake()
            if textfile is not None:
                write_textfile(engine.latest(), textfile)
            yield found, couriers.settle(0.0 if follow else options["patience"].total_seconds())
            if not follow:
                return
            time.sleep(options["every"].total_seconds())


def _round(engine: AlertEngine, reader: WindowReader | None, files: list[PointsFile], *, live: bool) -> Round:
    """Read what is new and judge it. live: the time is the clock's, also where there are only files of points."""
    points = [point for file in files for point in file.read()]
    ends = [point.span.end for point in points]
    now = max(ends) if ends and reader is None and not live else clock.now()
    cursor = engine.cursor()
    if reader is not None:
        windows, cursor = reader.read(cursor=cursor, now=now)
        points += windows
    return engine.observe(points, now=now, cursor=cursor)


def _reader(options: dict[str, Any]) -> WindowReader | None:
    if options["store"] is None:
        return None
    from mlops_runtime.monitoring.alerts.reading import WindowReader
    from mlops_runtime.monitoring.windows import WindowStore

    settle: dt.timedelta = options["settle"]
    return WindowReader(WindowStore(options["store"]), over=options["over"], settle=settle)


def _rows(options: dict[str, Any]) -> RowSource | None:
    if options["rows"] is None:
        return None
    from mlops_runtime.data import open_source
    from mlops_runtime.monitoring.alerts.rows import RowSource

    source = open_source(options["rows"])
    return RowSource(lambda: (batch.table for batch in source.batches()), options["row_id"], options["row_time"])


def _show(found: Round, delivered: Mapping[str, Delivered], *, as_json: bool) -> None:
    delivery = {name: asdict(done) for name, done in delivered.items()}
    payload = {**found.to_dict(), "delivery": delivery}
    emit(payload, as_json=as_json, render=lambda console: _render(console, found, delivered))


def _render(console: Console, found: Round, delivered: Mapping[str, Delivered]) -> None:
    rows = [
        (alert.summary, _labels(alert), alert.severity, f"{alert.fired_at:%Y-%m-%d %H:%M}", _evidence(alert.evidence))
        for alert in found.firing
    ]
    told = sum(len(note.alerts) for note in found.notifications)
    late = f", {found.late} of windows before the last, which change nothing" if found.late else ""
    title = f"{len(rows)} firing, {found.pending} pending; {found.points} new points{late}, {told} alerts to tell"
    console.print(table(title, ("alert", "of", "severity", "since (UTC)", "evidence"), rows))
    for name, done in delivered.items():
        problem = f" — {done.error}" if done.error else ""
        console.print(f"{name}: {done.sent} told, {done.waiting} waiting{problem}", markup=False)


def _labels(alert: Alert) -> str:
    return " ".join(f"{name}={value}" for name, value in sorted(alert.labels.items()) if name != "column")


def _evidence(evidence: Evidence) -> str:
    bins = [f"{bin_.label}: {bin_.reference:.0%} -> {bin_.current:.0%}" for bin_ in evidence.bins[:2]]
    segments = [f"{' '.join(one.labels.values())} {one.share:.0%}" for one in evidence.segments[:2]]
    rows = [f"rows {', '.join(evidence.rows[:3])}"] if evidence.rows else []
    return "; ".join([*bins, *segments, *rows, *evidence.links])
