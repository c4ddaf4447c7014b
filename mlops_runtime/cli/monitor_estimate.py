"""`mlrt monitor estimate`: how good a model is on rows whose labels are not there yet."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mlops_runtime.cli.labels import read_labels
from mlops_runtime.cli.output import json_option, stage_progress
from mlops_runtime.cli.points_output import give_points, points_options
from mlops_runtime.cli.times import read_duration
from mlops_runtime.core.errors import ConfigError, problem

if TYPE_CHECKING:
    from mlops_runtime.data import Source
    from mlops_runtime.monitoring.performance.estimate import Estimator
    from mlops_runtime.monitoring.points import Point
    from mlops_runtime.registry import Bundle

__all__ = ["estimate"]


@click.command(epilog="Example: mlrt monitor estimate claims-bundle today.csv --time filed --window 1d --json")
@click.argument("bundle")
@click.argument("files", metavar="[FILE...]", nargs=-1)
@click.option("--store", type=click.Path(path_type=Path), help="In place of files: the windows that a server counted.")
@click.option("--time", metavar="COLUMN", help="The column of each row's time: estimate window by window.")
@click.option("--window", callback=read_duration, default="1d", show_default=True, help="How long a window is.")
@click.option(
    "--label",
    "labels",
    multiple=True,
    metavar="NAME=VALUE",
    callback=read_labels,
    help="Of a store, only windows of this key; of files, say whose rows these are.",
)
@points_options
@json_option
def estimate(
    bundle: str,
    files: tuple[str, ...],
    store: Path | None,
    time: str | None,
    window: dt.timedelta,
    labels: dict[str, str],
    **outputs: Any,
) -> None:
    """Estimate how good the model of BUNDLE is on the rows of FILES, before anybody knows what came true.

    `mlrt train` fits the estimator on rows that the model did not learn from, and puts it into the bundle. The inputs
    may have drifted since; what they imply must not have. With --store what a server counted is enough.
    """
    from mlops_runtime.cli.bundles import open_bundle

    if bool(files) == (store is not None):
        raise click.UsageError("expected FILES or --store, got " + ("both" if files else "neither"))
    opened = open_bundle(bundle)
    estimator = _estimator(opened)
    if store is not None:
        points, notes = _of_windows(opened, estimator, store, labels)
    else:
        points, notes = _of_files(opened, estimator, files, time=time, window=window, labels=labels)
    title = f"Performance of {opened.manifest.name}, estimated"
    give_points(points, title=title, notes=notes, **outputs)


def _estimator(bundle: Bundle) -> Estimator:
    if bundle.estimator is None:
        expected, got = "a bundle with an estimator", "one without: it is older, or its held-out rows were too few"
        next_step = "train it again, with more rows"
        raise ConfigError(problem(expected=expected, got=got, where=str(bundle.path), next_step=next_step))
    return bundle.estimator


def _of_windows(
    bundle: Bundle, estimator: Estimator, folder: Path, labels: dict[str, str]
) -> tuple[list[Point], list[str]]:
    """Estimate from counts. Windows over another baseline are of another model."""
    from mlops_runtime.monitoring.performance.estimate import ConfidenceEstimator, estimate_counts
    from mlops_runtime.monitoring.windows import WindowStore

    classes, by_scores = bundle.manifest.classes, isinstance(estimator, ConfidenceEstimator)
    windows, digest = WindowStore(folder).windows(key=labels), bundle.baseline.digest
    points = [
        measured.point(window.span, {**window.key, "estimated": "confidence" if by_scores else "losses"})
        for window in windows
        if window.baseline == digest
        for measured in estimate_counts(estimator, window.summaries, classes)
    ]
    others = sum(window.baseline != digest for window in windows)
    return points, [f"{others:,} windows are of other bundles: left out"] if others else []


def _of_files(
    bundle: Bundle,
    estimator: Estimator,
    files: Sequence[str],
    *,
    time: str | None,
    window: dt.timedelta,
    labels: dict[str, str],
) -> tuple[list[Point], list[str]]:
    """Score batch by batch; memory holds the scores, not the rows."""
    from mlops_runtime.cli.streaming import watched
    from mlops_runtime.monitoring.performance.estimate import EstimatedWindows
    from mlops_runtime.monitoring.windows.times import row_times
    from mlops_runtime.registry import Model

    model, source = Model.load(bundle), _open(bundle, files, time)
    estimates = EstimatedWindows(estimator, window_s=int(window.total_seconds()) if time else None, labels=labels)
    with stage_progress("monitor estimate") as progress:
        for batch in watched(source, progress, "scoring"):
            inputs = batch.table.select(list(model.schema.names))
            times = row_times(batch.table, time) if time else None
            estimates.add(inputs, model.score(inputs).probability.astype("float64"), times)
    notes = [f"{estimates.undated:,} rows have no time: left out"] if estimates.undated else []
    return estimates.points(), [*source.notes, *notes]


def _open(bundle: Bundle, files: Sequence[str], time: str | None) -> Source:
    from mlops_runtime.data import Column, open_source

    schema = bundle.schema
    if time is not None and time not in schema.names:
        schema = replace(schema, columns=(*schema.columns, Column(time, "timestamp")))
    return open_source(files, schema=schema, columns=list(schema.names))
