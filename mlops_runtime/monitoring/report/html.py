"""The drift report as one self-contained page: it opens offline, and nothing in the data can become code in it.

Text goes through Jinja's autoescaping; plots are JSON in an inert script element, with `<`, `>` and `&` written as
escapes; labels are escaped once more for plotly, which reads a little HTML in text. A content security policy forbids
every request.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2
from plotly.offline import get_plotlyjs

from mlops_runtime.core.durable import durable_write
from mlops_runtime.monitoring.report.drift import ColumnDrift, DriftReport, write_p
from mlops_runtime.monitoring.report.evidence import plot_bins, write_time
from mlops_runtime.monitoring.statistics.comparison import percent

__all__ = ["render_html"]

_TEMPLATE = Path(__file__).with_name("drift.html.j2")
_REFERENCE_COLOUR, _CURRENT_COLOUR = "#94a3b8", "#2563eb"
_LABEL_CHARACTERS = 22


def render_html(report: DriftReport, path: Path, *, title: str = "Drift report") -> None:
    """Write the report as an HTML page (about 5 MB, of which plotly.js is nearly all), durably.

    Raises ConfigError when `path` cannot be written.
    """
    figures = {f"plot-{number}": _histogram(column) for number, column in enumerate(report.columns)}
    figures = {name: figure for name, figure in figures.items() if figure["data"]}
    missing = _missingness(report.columns)
    if missing["data"]:
        figures["missingness"] = missing
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    environment.filters.update(percent=_percent, number=_number, p_value=write_p)
    page = environment.from_string(_TEMPLATE.read_text(encoding="utf-8")).render(
        title=title,
        report=report,
        figures=figures,
        figures_json=jinja2.utils.htmlsafe_json_dumps(figures),
        plotly_js=get_plotlyjs(),
    )
    durable_write(Path(path), page.encode())


def _histogram(column: ColumnDrift) -> dict[str, Any]:
    """Reference and current shares over the same bins: overlaid for numbers, in pairs for categories."""
    bins = plot_bins(column.reference, column.current)
    labels = [bin_.label for bin_ in bins]
    before, now = [bin_.reference for bin_ in bins], [bin_.current for bin_ in bins]
    if column.kind == "categorical":
        return _pairs(labels, before, now)
    middles = [((bin_.low or 0.0) + (bin_.high or 0.0)) / 2.0 for bin_ in bins]
    is_time = column.kind == "time"
    where = {"x": [write_time(middle) for middle in middles] if is_time else middles}
    layout = {"barmode": "overlay", "bargap": 0, "xaxis": {"automargin": True, **({"type": "date"} if is_time else {})}}
    return {"data": _bars("y", where, labels, before, now), "layout": layout}


def _missingness(columns: Sequence[ColumnDrift]) -> dict[str, Any]:
    """One pair of bars for each column that misses anything on either side."""
    some = [column for column in columns if column.missing_share_reference or column.missing_share]
    before, now = (
        [column.missing_share_reference or 0.0 for column in some],
        [column.missing_share or 0.0 for column in some],
    )
    return _pairs([column.name for column in some], before, now)


def _pairs(labels: Sequence[str], before: Sequence[float], now: Sequence[float]) -> dict[str, Any]:
    """Horizontal bars, two a label; labels are ticks over positions, so equal or number-like ones stay apart."""
    where = {"y": list(range(len(labels))), "orientation": "h"}
    ticks = {"tickvals": where["y"], "ticktext": [_short(label) for label in labels]}
    layout = {
        "barmode": "group",
        "bargap": 0.3,
        "height": 90 + 30 * len(labels),
        "xaxis": {"tickformat": ".0%", "rangemode": "tozero", "gridcolor": "#e2e8f0"},
        "yaxis": {**ticks, "autorange": "reversed", "automargin": True},
        "legend": {"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom"},
    }
    return {"data": _bars("x", where, labels, before, now), "layout": layout}


def _bars(
    along: str, where: dict[str, Any], labels: Sequence[str], before: Sequence[float], now: Sequence[float]
) -> list[dict[str, Any]]:
    """The two traces, reference then current; none when there is nothing to draw. along: the axis of the shares."""
    sides = (("reference", _REFERENCE_COLOUR, before), ("current", _CURRENT_COLOUR, now))
    return [
        {
            "type": "bar",
            "name": name,
            "marker": {"color": colour, "opacity": 0.65},
            "hovertext": [html.escape(label) for label in labels],
            "hovertemplate": f"%{{hovertext}}<br>{name}: %{{{along}:.2%}}<extra></extra>",
            along: list(shares),
            **where,
        }
        for name, colour, shares in sides
        if labels
    ]


def _short(text: str) -> str:
    short = text if len(text) <= _LABEL_CHARACTERS else f"{text[: _LABEL_CHARACTERS - 1]}…"
    return html.escape(short)


def _percent(share: float | None) -> str:
    return "–" if share is None else percent(share)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
