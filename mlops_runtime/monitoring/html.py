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
from mlops_runtime.monitoring.comparison import percent
from mlops_runtime.monitoring.evidence import BinShares, plot_bins
from mlops_runtime.monitoring.report import ColumnDrift, DriftReport

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
    environment.filters.update(percent=_percent, number=_number, p_value=_p_value)
    page = environment.from_string(_TEMPLATE.read_text(encoding="utf-8")).render(
        title=title,
        report=report,
        figures=figures,
        figures_json=jinja2.utils.htmlsafe_json_dumps(figures),
        plotly_js=get_plotlyjs(),
    )
    durable_write(Path(path), page.encode())


def _histogram(column: ColumnDrift) -> dict[str, Any]:
    """Reference and current shares over the same bins: overlaid for numbers, side by side for categories."""
    bins = plot_bins(column.reference, column.current)
    if not bins:
        return {"data": [], "layout": {}}
    if column.kind == "numeric":
        layout = {"barmode": "overlay", "bargap": 0, "xaxis": {"automargin": True}}
        where = {"x": [_middle(bin_) for bin_ in bins]}
    else:
        ticks = {"tickvals": list(range(len(bins))), "ticktext": [_label(bin_.label) for bin_ in bins]}
        layout = {"barmode": "group", "bargap": 0.25, "xaxis": {**ticks, "automargin": True}}
        where = {"x": list(range(len(bins)))}
    hover = [html.escape(bin_.label) for bin_ in bins]
    sides = (
        ("reference", _REFERENCE_COLOUR, [bin_.reference for bin_ in bins]),
        ("current", _CURRENT_COLOUR, [bin_.current for bin_ in bins]),
    )
    return {"data": [_bars(name, colour, shares, hover, where) for name, colour, shares in sides], "layout": layout}


def _missingness(columns: Sequence[ColumnDrift]) -> dict[str, Any]:
    """One horizontal pair of bars for each column that misses anything on either side."""
    some = [column for column in columns if column.missing_share_reference or column.missing_share]
    names = [html.escape(column.name) for column in some]
    where = {"y": list(range(len(some))), "orientation": "h"}
    sides = (
        ("reference", _REFERENCE_COLOUR, [column.missing_share_reference or 0.0 for column in some]),
        ("current", _CURRENT_COLOUR, [column.missing_share or 0.0 for column in some]),
    )
    ticks = {"tickvals": list(range(len(some))), "ticktext": [_label(column.name) for column in some]}
    layout = {
        "barmode": "group",
        "height": 110 + 34 * len(some),
        "xaxis": {"tickformat": ".0%", "rangemode": "tozero"},
        "yaxis": {**ticks, "autorange": "reversed", "automargin": True},
    }
    bars = [_bars(name, colour, shares, names, where) for name, colour, shares in sides] if some else []
    return {"data": bars, "layout": layout}


def _bars(
    name: str, colour: str, shares: Sequence[float], labels: Sequence[str], where: dict[str, Any]
) -> dict[str, Any]:
    along = "x" if where.get("orientation") == "h" else "y"
    return {
        "type": "bar",
        "name": name,
        "marker": {"color": colour, "opacity": 0.65},
        "hovertext": list(labels),
        "hovertemplate": f"%{{hovertext}}<br>{name}: %{{{along}:.2%}}<extra></extra>",
        along: list(shares),
        **where,
    }


def _middle(bin_: BinShares) -> float:
    return ((bin_.low or 0.0) + (bin_.high or 0.0)) / 2.0


def _label(text: str) -> str:
    short = text if len(text) <= _LABEL_CHARACTERS else f"{text[: _LABEL_CHARACTERS - 1]}…"
    return html.escape(short)


def _percent(share: float | None) -> str:
    return "–" if share is None else percent(share)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _p_value(value: float) -> str:
    return "< 1e-16" if value < 1e-16 else f"{value:.2g}"
