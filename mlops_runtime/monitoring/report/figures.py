"""The plots of the page, as plotly reads them. Labels are escaped: plotly reads a little HTML in text."""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from mlops_runtime.monitoring.multivariate.report import FLOORS
from mlops_runtime.monitoring.report.drift import ColumnDrift, DriftReport
from mlops_runtime.monitoring.report.evidence import plot_bins, write_time
from mlops_runtime.monitoring.report.timeline import Contribution, Timeline, WindowDrift
from mlops_runtime.monitoring.report.together import together_words

__all__ = ["figures_of"]

_REFERENCE_COLOUR, _CURRENT_COLOUR = "#94a3b8", "#2563eb"
_STRENGTH_SCALE = {  # an effect over its floor: from 1 it is large enough to matter
    "zmin": 0.0,
    "zmax": 2.0,
    "colorscale": [[0.0, "#f8fafc"], [0.5, "#fde68a"], [0.5, "#fca5a5"], [1.0, "#b91c1c"]],
    "colorbar": {"title": {"text": "effect / floor"}, "thickness": 12},
}
_MISSING_SCALE = {
    "zmin": 0.0,
    "colorscale": [[0.0, "#f8fafc"], [1.0, "#7c3aed"]],
    "colorbar": {"tickformat": ".0%", "thickness": 12},
}
_LABEL_CHARACTERS = 22
_MOST_COLUMNS, _MOST_CONTRIBUTIONS = 60, 20

Figure = dict[str, Any]
_Cell = tuple[float | None, str]
_CellOf = Callable[[DriftReport, str], _Cell]
_NOTHING: _Cell = (None, "")
_MOST_STRENGTH = 100.0


def figures_of(timeline: Timeline) -> dict[str, Figure]:
    """Return the plots by the id of their element; none that would be empty.

    plot-<n>: the histograms of column n. missingness: missing shares on both sides. timeline, timeline-missing: columns
    x windows; timeline-together: the statistics of all columns together x windows. traffic: rows of each window.
    contributions: the segments that make the drift.
    """
    columns, windows = timeline.total.columns, timeline.windows
    figures = {f"plot-{number}": _histogram(column) for number, column in enumerate(columns)}
    figures["missingness"] = _missingness(columns)
    if windows:
        names = [column.name for column in columns[:_MOST_COLUMNS]]
        missing = [name for name in names if any(one.report.column(name).missing_share for one in windows)]
        together = tuple(FLOORS) if any(one.report.multivariate for one in windows) else ()
        figures["timeline"] = _heat_map(names, windows, _strength, _STRENGTH_SCALE)
        figures["timeline-together"] = _heat_map(together, windows, _of_all, _STRENGTH_SCALE)
        figures["timeline-missing"] = _heat_map(missing, windows, _missing, _MISSING_SCALE)
        figures["traffic"] = _traffic(windows)
    figures["contributions"] = _contributions(timeline.contributors[:_MOST_CONTRIBUTIONS])
    return {name: figure for name, figure in figures.items() if figure["data"]}


def _strength(report: DriftReport, name: str) -> _Cell:
    column = report.column(name)
    return column.strength, _words(column)


def _missing(report: DriftReport, name: str) -> _Cell:
    column = report.column(name)
    return column.missing_share, _words(column)


def _of_all(report: DriftReport, name: str) -> _Cell:
    together = report.multivariate
    if together is None or name not in together.statistics:
        return _NOTHING
    strength = min(together.effects[name] / FLOORS[name], _MOST_STRENGTH)
    return strength, f"{together_words(name)}: {together.verdict(name)}<br>{together.statistics[name].value:.4g}"


def _heat_map(names: Sequence[str], windows: Sequence[WindowDrift], cell_of: _CellOf, scale: Figure) -> Figure:
    """One cell a name and window: its number and its words.

    Where no window is, there is a gap; of windows that overlap, each shows its end.
    """
    edges: list[str] = []
    cells: list[WindowDrift | None] = []
    for window in windows:
        start, end = (_moment(one) for one in (window.span.start, window.span.end))
        if not edges or start > edges[-1]:
            cells += [None] if edges else []
            edges.append(start)
        cells.append(window)
        edges.append(end)
    found = [[_NOTHING if cell is None else cell_of(cell.report, name) for cell in cells] for name in names]
    trace = {
        "type": "heatmap",
        "x": edges,
        "y": list(range(len(names))),
        "z": [[number for number, _ in row] for row in found],
        "text": [[words for _, words in row] for row in found],
        "hovertemplate": "%{text}<br>%{x}<extra></extra>",
        "xgap": 1,
        "ygap": 1,
        **scale,
    }
    ticks = {"tickvals": list(range(len(names))), "ticktext": [_short(name) for name in names]}
    layout = {
        "height": 110 + 22 * len(names),
        "xaxis": {"type": "date"},
        "yaxis": {**ticks, "autorange": "reversed", "automargin": True},
    }
    return {"data": [trace] if names else [], "layout": layout}


def _words(column: ColumnDrift) -> str:
    numbers = (("PSI", column.psi), ("KS", column.ks), ("JS", column.js), ("missing", column.missing_share))
    said = ", ".join(f"{name} {value:.3f}" for name, value in numbers if value is not None)
    return f"{html.escape(column.name)}: {html.escape(column.reason)}<br>{said}"


def _traffic(windows: Sequence[WindowDrift]) -> Figure:
    trace = {
        "type": "bar",
        "name": "rows",
        "marker": {"color": _CURRENT_COLOUR, "opacity": 0.65},
        "x": [_moment(window.span.start) for window in windows],
        "y": [window.report.dataset.n_current for window in windows],
        "hovertemplate": "%{x}: %{y:,} rows<extra></extra>",
    }
    return {"data": [trace], "layout": {"height": 160, "yaxis": {"tickformat": ",", "gridcolor": "#e2e8f0"}}}


def _contributions(parts: Sequence[Contribution]) -> Figure:
    labels = [f"{part.column}: {part.name} = {part.value}" for part in parts]
    trace = {
        "type": "bar",
        "orientation": "h",
        "marker": {"color": _CURRENT_COLOUR, "opacity": 0.65},
        "y": list(range(len(parts))),
        "x": [part.contribution for part in parts],
        "hovertext": [html.escape(label) for label in labels],
        "hovertemplate": "%{hovertext}: %{x:.0%} of the drift<extra></extra>",
    }
    ticks = {"tickvals": list(range(len(parts))), "ticktext": [_short(label, most=48) for label in labels]}
    layout = {
        "height": 90 + 22 * len(parts),
        "xaxis": {"tickformat": ".0%", "gridcolor": "#e2e8f0"},
        "yaxis": {**ticks, "autorange": "reversed", "automargin": True},
    }
    return {"data": [trace] if parts else [], "layout": layout}


def _moment(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")


def _histogram(column: ColumnDrift) -> Figure:
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


def _missingness(columns: Sequence[ColumnDrift]) -> Figure:
    """One pair of bars for each column that misses anything on either side."""
    some = [column for column in columns if column.missing_share_reference or column.missing_share]
    before, now = (
        [column.missing_share_reference or 0.0 for column in some],
        [column.missing_share or 0.0 for column in some],
    )
    return _pairs([column.name for column in some], before, now)


def _pairs(labels: Sequence[str], before: Sequence[float], now: Sequence[float]) -> Figure:
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


def _short(text: str, *, most: int = _LABEL_CHARACTERS) -> str:
    short = text if len(text) <= most else f"{text[: most - 1]}…"
    return html.escape(short)
