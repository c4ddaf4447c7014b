"""How commands that make points give them: as a table, or as JSON, which `mlrt monitor check --points` reads."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from rich.console import Console
from rich.table import Table

from mlops_runtime.cli.output import emit, table

if TYPE_CHECKING:
    from mlops_runtime.monitoring.points import Point

__all__ = ["give_points", "point_table", "points_options", "write_pages"]

_MOST_ROWS = 200

_F = TypeVar("_F", bound=Callable[..., Any])


def points_options(command: _F) -> _F:
    """Add `--html` and `--markdown`."""
    path = click.Path(path_type=Path)
    for option in (
        click.option("--markdown", "markdown_path", type=path, help="Also write the points as Markdown."),
        click.option("--html", "html_path", type=path, help="Also write a page with plots; opens offline."),
    ):
        command = option(command)
    return command


def give_points(
    points: Sequence[Point],
    *,
    title: str,
    as_json: bool,
    html_path: Path | None = None,
    markdown_path: Path | None = None,
    notes: Iterable[str] = (),
    shown: Sequence[Point] | None = None,
    more: Mapping[str, Any] | None = None,
) -> None:
    """Print points, and notes on them; write the pages that were asked for.

    shown: the points for human eyes, if not all. more: what the JSON object holds beside `points` and `notes`.
    """
    said, chosen = list(notes), points if shown is None else shown
    write_pages(chosen, title=title, html_path=html_path, markdown_path=markdown_path, notes=said)

    def render(console: Console) -> None:
        console.print(point_table(title, chosen[-_MOST_ROWS:]))
        if len(chosen) > _MOST_ROWS:
            console.print(f"… the last {_MOST_ROWS} of {len(chosen):,}; --json prints all", markup=False)
        for note in said:
            console.print(f"note: {note}", style="yellow", markup=False)

    payload = {**(more or {}), "points": [point.to_dict() for point in points], "notes": said}
    emit(payload, as_json=as_json, render=render)


def write_pages(
    points: Sequence[Point],
    *,
    title: str,
    html_path: Path | None,
    markdown_path: Path | None,
    notes: Sequence[str] = (),
) -> None:
    """Write the pages of `points_options` that were asked for."""
    if html_path is not None:
        from mlops_runtime.monitoring.report.point_page import render_point_page

        render_point_page(points, html_path, title=title, notes=notes)
    if markdown_path is not None:
        from mlops_runtime.monitoring.report.markdown import render_points_markdown

        render_points_markdown(points, markdown_path, title=title, notes=notes)


def point_table(title: str, points: Iterable[Point]) -> Table:
    """Draw points, one a row."""
    return table(title, ("metric", "of", "from (UTC)", "value", "95 % interval", "rows"), map(_cells, points))


def _cells(point: Point) -> tuple[str, ...]:
    labels = " ".join(f"{name}={value}" for name, value in sorted(point.labels.items()))
    interval = "" if point.low is None or point.high is None else f"{point.low:.4g} to {point.high:.4g}"
    value = "–" if math.isnan(point.value) else f"{point.value:.4g}"
    return point.metric, labels, f"{point.span.start:%Y-%m-%d %H:%M}", value, interval, f"{point.n:,}"
