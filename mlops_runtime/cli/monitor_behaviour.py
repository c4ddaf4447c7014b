"""`mlrt monitor behaviour`: how a model's behaviour changed, from scored rows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from mlops_runtime.cli.labels import read_labels
from mlops_runtime.cli.output import json_option, stage_progress
from mlops_runtime.cli.points_output import give_points, points_options
from mlops_runtime.cli.scoring import scoring_of, scoring_options
from mlops_runtime.cli.times import read_duration
from mlops_runtime.core import clock

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from mlops_runtime.monitoring.performance.drift import Behaviour, Contributions
    from mlops_runtime.monitoring.performance.scored_table import ScoredColumns
    from mlops_runtime.monitoring.performance.scoring import ScoredRows
    from mlops_runtime.monitoring.points import Span

__all__ = ["behaviour"]

_METRICS = ("psi", "ks", "wasserstein", "p_value", "drifted")  # of scores and labels; --json has all


@click.command(epilog="Example: mlrt monitor behaviour march.csv april.csv --label paid --group sex --json")
@click.argument("reference")
@click.argument("current")
@scoring_options
@click.option("--label", help="The label's column, if there is one; rows may lack it.")
@click.option("--attributions", metavar="PREFIX", help="Columns that begin so hold what each feature added, as shap_.")
@click.option("--time", metavar="COLUMN", help="The column of each row's time: compare window by window.")
@click.option("--window", callback=read_duration, default="1d", show_default=True, help="How long a window is.")
@click.option(
    "--point-label", "named", multiple=True, metavar="NAME=VALUE", callback=read_labels, help="Say whose rows they are."
)
@points_options
@json_option
def behaviour(  # noqa: PLR0913 - a command's options
    reference: str,
    current: str,
    task: str,
    scores: tuple[str, ...],
    classes: str | None,
    threshold: float,
    groups: tuple[str, ...],
    label: str | None,
    attributions: str | None,
    time: str | None,
    window: dt.timedelta,
    named: dict[str, str],
    **outputs: Any,
) -> None:
    """Compare how a model behaves on CURRENT with how it did on REFERENCE: files of scored rows.

    Scores, and with labels what came true: PSI, KS, W1 and verdicts. With labels of a two-class model also whether a
    score means what it meant (calibration) and, with --group, whether groups fare alike. With --attributions whether
    the model relies on other features.
    """
    from mlops_runtime.monitoring.performance.drift import BehaviourReference
    from mlops_runtime.monitoring.performance.scored_table import ScoredColumns

    columns = ScoredColumns(scoring_of(task, classes, threshold), scores, label, groups)
    with stage_progress("monitor behaviour") as progress:
        progress("reference", 0.0)
        before = _read(reference, columns, attributions, None)
        progress("current", 0.4)
        now = _read(current, columns, attributions, time)
        progress("compare", 0.8)
        known = BehaviourReference(before.rows, columns.scoring, before.contributions)
        found = [(span, known.compare(*rows)) for span, rows in _windows(now, int(window.total_seconds()))]
    points = [point for span, one in found for point in one.points(span, named)]
    shown = [point for point in points if "column" not in point.labels or point.metric in _METRICS]
    give_points(
        points,
        shown=shown,
        title=f"Behaviour since {reference}",
        notes=[*before.notes, *now.notes],
        more={"compared": [_told(span, one) for span, one in found]},
        **outputs,
    )


class _Side(NamedTuple):
    rows: ScoredRows
    contributions: Contributions | None
    times_us: NDArray[np.int64] | None
    notes: tuple[str, ...]


def _read(path: str, columns: ScoredColumns, prefix: str | None, time: str | None) -> _Side:
    """Read a side whole: its scores, labels, groups and attributions."""
    import pyarrow as pa

    from mlops_runtime.data import Column, Schema, open_source
    from mlops_runtime.monitoring.windows.times import row_times

    names = list(columns.names)
    features = [name for name in open_source(path).columns if prefix and name.startswith(prefix)]
    schema = Schema((Column(time, "timestamp"),)) if time else None
    source = open_source(path, schema=schema, columns=[*names, *features, *([time] if time else [])])
    table = pa.concat_tables([batch.table for batch in source.batches()])
    rows, kept = columns.read(table)
    left_out = table.num_rows - rows.rows
    notes = (*source.notes, *([f"{path}: {left_out:,} rows have no score: left out"] if left_out else []))
    return _Side(
        rows,
        _contributions(table, features, prefix or "", kept),
        row_times(table, time)[kept] if time else None,
        notes,
    )


def _contributions(
    table: pa.Table, features: Sequence[str], prefix: str, kept: NDArray[np.intp]
) -> Contributions | None:
    import numpy as np

    from mlops_runtime.monitoring.performance.columns import numbers_of
    from mlops_runtime.monitoring.performance.drift import Contributions

    if not features:
        return None
    values = np.stack([numbers_of(table.column(name), name).to_numpy() for name in features], axis=1)
    return Contributions(tuple(name.removeprefix(prefix) for name in features), values[kept].astype(np.float64))


def _windows(side: _Side, window_s: int) -> Iterator[tuple[Span, tuple[ScoredRows, Contributions | None]]]:
    """Yield the rows of each window, or all of them with the present moment for a span."""
    from mlops_runtime.monitoring.performance.by_window import by_window
    from mlops_runtime.monitoring.points import Span

    if side.times_us is None:
        now = clock.now()
        yield Span(now, now), (side.rows, side.contributions)
        return
    for span, rows in by_window(side.times_us, window_s):
        yield span, (side.rows.take(rows), side.contributions.take(rows) if side.contributions else None)


def _told(span: Span, found: Behaviour) -> dict[str, object]:
    return {"span": span.to_dict(), **found.to_dict()}
