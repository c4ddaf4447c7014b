"""Points as one self-contained page: each metric over time, with its interval. Made as safe as the drift page is."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2
from plotly.offline import get_plotlyjs

from mlops_runtime.core.durable import durable_write
from mlops_runtime.monitoring.points import Point

__all__ = ["render_point_page"]

_TEMPLATE = Path(__file__).with_name("points.html.j2")
_MOST_LINES, _MOST_ROWS = 12, 1000

Figure = dict[str, Any]


def render_point_page(points: Sequence[Point], path: Path, *, title: str, notes: Sequence[str] = ()) -> None:
    """Write points as an HTML page of about 5 MB, durably: a plot of each metric, then the newest 1,000 as a table.

    A plot has the twelve longest lines, one of each set of labels. Raises ConfigError when `path` cannot be written.
    """
    metrics = list(dict.fromkeys(point.metric for point in points))
    figures = [_figure([point for point in points if point.metric == metric]) for metric in metrics]
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    environment.filters.update(number=_number, labels=_labels)
    page = environment.from_string(_TEMPLATE.read_text(encoding="utf-8")).render(
        title=title,
        metrics=metrics,
        points=points[-_MOST_ROWS:],
        total=len(points),
        notes=notes,
        figures_json=jinja2.utils.htmlsafe_json_dumps(figures),
        plotly_js=get_plotlyjs(),
    )
    durable_write(Path(path), page.encode())


def _figure(points: Sequence[Point]) -> Figure:
    lines: dict[str, list[Point]] = {}
    for point in points:
        lines.setdefault(_labels(point), []).append(point)
    longest = sorted(lines.items(), key=lambda line: -len(line[1]))[:_MOST_LINES]
    layout = {"height": 260, "xaxis": {"type": "date"}, "yaxis": {"automargin": True, "gridcolor": "#e2e8f0"}}
    return {"data": [_line(name, line) for name, line in longest], "layout": layout}


def _line(name: str, points: Sequence[Point]) -> Figure:
    """Each value at the start of its span, with its interval as a bar."""
    above = [0.0 if point.high is None else max(0.0, point.high - point.value) for point in points]
    below = [0.0 if point.low is None else max(0.0, point.value - point.low) for point in points]
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": html.escape(name) or "all rows",
        "x": [point.span.to_dict()["start"] for point in points],
        "y": [_finite(point.value) for point in points],
        "error_y": {
            "type": "data",
            "symmetric": False,
            "array": [_finite(one) for one in above],
            "arrayminus": [_finite(one) for one in below],
            "thickness": 1,
        },
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _labels(point: Point) -> str:
    return " ".join(f"{name}={value}" for name, value in sorted(point.labels.items()))


def _number(value: float | None) -> str:
    return "–" if value is None or math.isnan(value) else f"{value:.4g}"
