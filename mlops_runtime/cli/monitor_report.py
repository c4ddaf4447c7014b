"""`mlrt monitor report`: what the windows of a store say."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mlops_runtime.cli.drift_output import give, report_options
from mlops_runtime.cli.labels import read_labels
from mlops_runtime.cli.output import json_option
from mlops_runtime.cli.times import read_moment
from mlops_runtime.core.errors import ConfigError, EmptyInputError, problem

if TYPE_CHECKING:
    from mlops_runtime.monitoring import Baseline
    from mlops_runtime.monitoring.multivariate import MultivariateReference
    from mlops_runtime.monitoring.report.timeline import Timeline
    from mlops_runtime.monitoring.windows import Window, WindowStore

__all__ = ["report"]


@click.command(epilog="Example: mlrt monitor report --store windows --since 2026-02-01 --html drift.html")
@click.option("--store", type=click.Path(path_type=Path), required=True, help="Folder of the windows.")
@click.option("--baseline", help="Only windows counted over this bundle or baseline file; else that of the newest one.")
@click.option("--since", callback=read_moment, metavar="TIME", help="Only windows that end after this time.")
@click.option("--until", callback=read_moment, metavar="TIME", help="Only windows that begin before this time.")
@click.option(
    "--label", "labels", multiple=True, metavar="NAME=VALUE", callback=read_labels, help="Only windows of this key."
)
@report_options
@json_option
def report(
    store: Path,
    baseline: str | None,
    since: dt.datetime | None,
    until: dt.datetime | None,
    labels: dict[str, str],
    **outputs: Any,
) -> int:
    """Compare the windows of a store with the baseline they were counted over: together, one by one, by segment.

    The store may be written meanwhile, by `mlrt monitor update` or by servers. Verdicts are sequential, from the first
    window of the report on: look as often as you like, at the same --since. Windows that were counted so are judged by
    all columns together, too.
    """
    from mlops_runtime.monitoring.windows import WindowStore

    opened = WindowStore(store)
    windows = opened.windows(since=since, until=until, key=labels)
    if not windows:
        got, next_step = f"none in {store}", "check the folder and the filters, or run `mlrt monitor update` first"
        raise EmptyInputError(problem(expected="a window", got=got, where="monitor report", next_step=next_step))
    return give(_timeline(opened, windows, baseline), title=f"Drift: {store.name}", **outputs)


def _timeline(store: WindowStore, windows: Sequence[Window], path: str | None) -> Timeline:
    """Report on the windows of one baseline, and say how many are of others."""
    from mlops_runtime.cli.reference import require_stored
    from mlops_runtime.monitoring.report.looks import judged_in_sequence
    from mlops_runtime.monitoring.report.timeline import build_timeline

    digests = list(dict.fromkeys(window.baseline for window in reversed(windows)))
    if path is not None:
        given = require_stored(path).baseline
        digests = [digest for digest in digests if _is_of(store.baseline(digest), given)]
        if not digests:
            got, next_step = "windows over others", "leave --baseline out, or name the one that was counted over"
            raise ConfigError(problem(expected="windows over this baseline", got=got, where=path, next_step=next_step))
    chosen = [window for window in windows if window.baseline == digests[0]]
    others = len(windows) - len(chosen)
    notes = [f"{others:,} windows were counted over another baseline: left out"] if others else []
    over = store.baseline(digests[0])
    timeline = build_timeline(chosen, over, notes=notes, multivariate=_together(store, chosen))
    return judged_in_sequence(timeline, chosen, over)


def _together(store: WindowStore, windows: Sequence[Window]) -> MultivariateReference | None:
    """Return what all columns together of the newest window were counted against; None where none was."""
    counted = [window.multivariate.reference for window in windows if window.multivariate is not None]
    return store.multivariate(counted[-1]) if counted else None


def _is_of(baseline: Baseline, given: Baseline) -> bool:
    """Whether a baseline is the given one, or part of it: a store's has no time column."""
    columns = given.columns
    return all(name in columns and one.to_dict() == columns[name].to_dict() for name, one in baseline.columns.items())
