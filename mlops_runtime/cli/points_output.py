"""How commands that make points give them: as a table, or as JSON, which `mlrt monitor check --points` reads."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from mlops_runtime.cli.output import emit, table

if TYPE_CHECKING:
    from mlops_runtime.monitoring.points import Point

__all__ = ["give_points", "point_table"]

_MOST_ROWS = 200


def give_points(
    points: Sequence[Point],
    *,
    title: str,
    as_json: bool,
    notes: Iterable[str] = (),
    more: Mapping[str, Any] | None = None,
) -> None:
    """Print points, and notes on them. more: what the JSON object holds beside `points` and `notes`."""
    said = list(notes)

    def render(console: Console) -> None:
        console.print(point_table(title, points[-_MOST_ROWS:]))
        if len(points) > _MOST_ROWS:
            console.print(f"… the last {_MOST_ROWS} of {len(points):,}; --json prints all", markup=False)
        for note in said:
            console.print(f"note: {note}", style="yellow", markup=False)

    payload = {**(more or {}), "points": [point.to_dict() for point in points], "notes": said}
    emit(payload, as_json=as_json, render=render)


def point_table(title: str, points: Iterable[Point]) -> Table:
    """Draw points, one a row."""
    return table(title, ("metric", "of", "from (UTC)", "value", "95 % interval", "rows"), map(_cells, points))


def _cells(point: Point) -> tuple[str, ...]:
    labels = " ".join(f"{name}={value}" for name, value in sorted(point.labels.items()))
    interval = "" if point.low is None or point.high is None else f"{point.low:.4g} to {point.high:.4g}"
    value = "–" if math.isnan(point.value) else f"{point.value:.4g}"
    return point.metric, labels, f"{point.span.start:%Y-%m-%d %H:%M}", value, interval, f"{point.n:,}"
