"""`mlrt monitor labels`: labels joined to predictions, and how good these were."""

from __future__ import annotations

import datetime as dt
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from mlops_runtime.cli.labels import read_labels
from mlops_runtime.cli.output import emit, json_option, table
from mlops_runtime.cli.points_output import points_options, write_pages
from mlops_runtime.cli.scoring import scoring_of, scoring_options
from mlops_runtime.cli.times import read_duration

if TYPE_CHECKING:
    from mlops_runtime.data import Source
    from mlops_runtime.monitoring.performance.join import JoinSpec, Published
    from mlops_runtime.monitoring.points import Point

__all__ = ["labels"]


@click.command(epilog="Example: mlrt monitor labels paid.csv --predictions scored.csv --score fraud --label paid")
@click.argument("files", metavar="LABELS...", nargs=-1, required=True)
@click.option("--predictions", multiple=True, required=True, metavar="FILE", help="Predictions; may be repeated.")
@scoring_options
@click.option("--id", "id_column", default="id", show_default=True, help="The column of the prediction's id, of both.")
@click.option("--time", default="time", show_default=True, help="The column of the time, of both.")
@click.option("--label", default="label", show_default=True, help="The label's column.")
@click.option(
    "--window", callback=read_duration, default="1d", show_default=True, help="How long a window is: 15m, 6h, 1d."
)
@click.option("--delay", callback=read_duration, default="0s", help="How long after its end a window waits for labels.")
@click.option(
    "--horizon", callback=read_duration, default="30d", show_default=True, help="How long after that rows are kept."
)
@click.option(
    "--keep", callback=read_duration, default="730d", show_default=True, help="How long measured points are kept."
)
@click.option(
    "--store", type=click.Path(path_type=Path), help="Folder to keep the join in, for labels that come another day."
)
@click.option(
    "--point-label",
    "named",
    multiple=True,
    metavar="NAME=VALUE",
    callback=read_labels,
    help="Say whose rows these are.",
)
@points_options
@json_option
def labels(  # noqa: PLR0913 - a command's options
    files: tuple[str, ...],
    predictions: tuple[str, ...],
    task: str,
    id_column: str,
    time: str,
    scores: tuple[str, ...],
    label: str,
    classes: str | None,
    threshold: float,
    groups: tuple[str, ...],
    window: dt.timedelta,
    delay: dt.timedelta,
    horizon: dt.timedelta,
    keep: dt.timedelta,
    store: Path | None,
    named: dict[str, str],
    html_path: Path | None,
    markdown_path: Path | None,
    as_json: bool,
) -> None:
    """Join LABELS to predictions by id, and measure these by window of their time, over all and by group.

    Rows may come in any order and more than once; the label of the latest time holds. With --store the rows are kept:
    windows that have closed are measured, and again when a later label changes them. Without it all windows are.
    """
    from mlops_runtime.monitoring.performance.join import JoinSpec

    spec = JoinSpec(
        scoring=scoring_of(task, classes, threshold),
        window_s=int(window.total_seconds()),
        delay_s=int(delay.total_seconds()),
        horizon_s=int(horizon.total_seconds()),
        points_s=int(keep.total_seconds()),
        id=id_column,
        time=time,
        scores=scores,
        value=label,
        groups=groups,
        labels=named,
    )
    payload, published = _join(spec, predictions, files, store)
    points = [point for each in published for point in each.points]
    write_pages(points, title="Performance with labels", html_path=html_path, markdown_path=markdown_path)
    emit(payload, as_json=as_json, render=lambda console: _render(console, published, payload))


def _join(
    spec: JoinSpec, predictions: tuple[str, ...], labels: tuple[str, ...], store: Path | None
) -> tuple[dict[str, object], list[Published]]:
    from mlops_runtime.monitoring.performance.join import LabelJoin

    sides = {
        "predictions": _open(predictions, spec, (*spec.scores, *spec.groups)),
        "labels": _open(labels, spec, (spec.value,)),
    }
    with ExitStack() as stack:
        folder = store or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mlrt-labels-")))
        join = stack.enter_context(LabelJoin(folder, spec))
        for batch in sides["predictions"].batches():
            join.add_predictions(batch.table)
        for batch in sides["labels"].batches():
            join.add_labels(batch.table)
        published = join.close(all_windows=store is None)
        payload: dict[str, object] = {
            "windows": [each.to_dict() for each in published],
            "status": join.status().to_dict(),
            "notes": [f"{name}: {note}" for name, side in sides.items() for note in side.notes],
        }
    return payload, published


def _open(paths: tuple[str, ...], spec: JoinSpec, others: tuple[str, ...]) -> Source:
    """Ids are read as texts, times as times unless they are numbers: seconds since 1970."""
    from mlops_runtime.data import Column, Schema, open_source

    columns, ids = (spec.id, spec.time, *others), Column(spec.id, "string")
    source = open_source(paths, schema=Schema((ids,)), columns=columns)
    if source.schema.column(spec.time).kind == "string":
        source = open_source(paths, schema=Schema((ids, Column(spec.time, "timestamp"))), columns=columns)
    return source


def _render(console: Console, published: list[Published], payload: dict[str, object]) -> None:
    for each in published:
        overall = [point for point in each.points if "group" not in point.labels]
        begin = f"{each.points[0].span.start:%Y-%m-%d %H:%M}"
        title = begin if each.revision == 1 else f"{begin}, restated ({each.revision})"
        grouped = [point for point in each.points if "group" in point.labels]
        rows = [_cells(point) for point in (*overall, *grouped)]
        console.print(table(title, ("metric", "group", "value", "95 % interval", "rows"), rows))
    status = payload["status"]
    assert isinstance(status, dict)
    waiting = f"{status['waiting']:,} predictions wait for a label, {status['orphans']:,} labels for a prediction"
    console.print(f"{len(published):,} windows measured, {status['open_windows']:,} open; {waiting}", markup=False)
    unreadable = sum(status["counts"].get(f"{kind}.unreadable", 0) for kind in ("prediction", "label"))
    if unreadable:
        console.print(f"note: {unreadable:,} rows could not be read", style="yellow", markup=False)
    for note in payload["notes"] if isinstance(payload["notes"], list) else ():
        console.print(f"note: {note}", style="yellow", markup=False)


def _cells(point: Point) -> tuple[str, ...]:
    interval = "" if point.low is None else f"{point.low:.4f} to {point.high:.4f}"
    return point.metric, point.labels.get("group", ""), f"{point.value:.4f}", interval, f"{point.n:,}"
