"""The report as Markdown: for pull requests, wikis and mail. Nothing in the data can become markup in it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from mlops_runtime.core.durable import durable_write
from mlops_runtime.monitoring.points import Point
from mlops_runtime.monitoring.report.drift import ColumnDrift, DriftReport, write_p
from mlops_runtime.monitoring.report.timeline import Timeline
from mlops_runtime.monitoring.report.together import TOGETHER, drifted_names, together_level, together_rows
from mlops_runtime.monitoring.report.verdicts import each_in_words, level_in_words
from mlops_runtime.monitoring.statistics.effects import percent

__all__ = ["render_markdown", "render_points_markdown", "write_markdown"]

_MARKUP = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~&:@$^=\"'])")
_MOST_BINS, _MOST_CONTRIBUTIONS = 3, 20


def render_markdown(timeline: Timeline, path: Path, *, title: str = "Drift report") -> None:
    """Write `write_markdown` to a file, durably. Raises ConfigError when `path` cannot be written."""
    durable_write(Path(path), write_markdown(timeline, title=title).encode())


def write_markdown(timeline: Timeline, *, title: str = "Drift report") -> str:
    """Return the report as GitHub-flavoured Markdown: verdict, columns alone and together, windows, segments, notes."""
    parts = [f"# {_text(title)}", _lead(timeline.total), _columns(timeline.total)]
    parts += [part for part in (_moved(timeline.total), _together(timeline.total), *_sections(timeline)) if part]
    notes = [f"- {_text(note)}" for note in timeline.total.notes]
    return "\n\n".join([*parts, *(["## Notes", "\n".join(notes)] if notes else [])]) + "\n"


def render_points_markdown(points: Sequence[Point], path: Path, *, title: str, notes: Sequence[str] = ()) -> None:
    """Write points to a file, durably, one a line of a table. Raises ConfigError when `path` cannot be written."""
    rows = []
    for point in points:
        of = _text(" ".join(f"{name}={value}" for name, value in sorted(point.labels.items())))
        interval = "" if point.low is None or point.high is None else f"{point.low:.4g} to {point.high:.4g}"
        value = "" if math.isnan(point.value) else f"{point.value:.4g}"
        rows.append((_text(point.metric), of, point.span.to_dict()["start"], value, interval, f"{point.n:,}"))
    headers = ("metric", "of", "from", "value", "95 % interval", "rows")
    parts = [f"# {_text(title)}", _table(headers, rows, words=(0, 1, 2)), *(f"- {_text(note)}" for note in notes)]
    durable_write(Path(path), ("\n\n".join(parts) + "\n").encode())


def _lead(report: DriftReport) -> str:
    sizes = f"{report.dataset.n_reference:,} reference rows, {report.dataset.n_current:,} current"
    verdicts = f"Verdicts are {level_in_words(report)}."
    together = ", **and all together**" if report.multivariate is not None and report.multivariate.drifted else ""
    return f"**{len(report.drifted)} of {len(report.columns)} columns drifted**{together} ({sizes}). {verdicts}"


def _columns(report: DriftReport) -> str:
    headers = ("column", "verdict", "PSI", "KS / TV", "JS", "W1", "missing", "p", "why")
    return _table(headers, (_row(column) for column in report.columns), words=(0, 1, 8))


def _row(column: ColumnDrift) -> tuple[str, ...]:
    distance = column.total_variation if column.ks is None else column.ks
    numbers = (_number(value) for value in (column.psi, distance, column.js, column.wasserstein))
    missing = f"{_share(column.missing_share_reference)} → {_share(column.missing_share)}"
    mark = "**drift**" if column.drifted else "ok"
    return _text(column.name), mark, *numbers, missing, _text(write_p(column.p_value)), _text(column.reason)


def _moved(report: DriftReport) -> str:
    rows = [
        (_text(column.name), _text(bin_.label), percent(bin_.reference), percent(bin_.current))
        for column in report.columns
        for bin_ in (column.moved[:_MOST_BINS] if column.drifted else ())
    ]
    return "## What moved\n\n" + _table(("column", "bin", "reference", "current"), rows, words=(0, 1)) if rows else ""


def _together(report: DriftReport) -> str:
    if report.multivariate is None:
        return ""
    rows = (tuple(_text(cell) for cell in row) for row in together_rows(report.multivariate))
    table = _table(("statistic", *TOGETHER), rows, words=(0, len(TOGETHER)))
    return f"## All columns together\n\n{together_level(report.multivariate)}\n\n{table}"


def _sections(timeline: Timeline) -> Iterator[str]:
    windows = [(one.span.to_dict()["start"], *_verdict(one.report)) for one in timeline.windows]
    segments = [(_text(f"{one.name} = {one.value}"), *_verdict(one.report)) for one in timeline.segments]
    parts = [
        (_text(one.column), _text(f"{one.name} = {one.value}"), percent(one.share), f"{one.contribution:.0%}")
        for one in timeline.contributors[:_MOST_CONTRIBUTIONS]
    ]
    drifted = ("rows", "share drifted", "drifted columns")
    level = f"Verdicts: {each_in_words(timeline.total)}.\n\n"
    for title, lead, headers, rows, words in (
        ("Windows", level, ("from", *drifted), windows, (0, 3)),
        ("Segments", level, ("segment", *drifted), segments, (0, 3)),
        ("Segments that contribute", "", ("column", "segment", "share of rows", "part of the drift"), parts, (0, 1)),
    ):
        if rows:
            yield f"## {title}\n\n{lead}{_table(headers, rows, words=words)}"


def _verdict(report: DriftReport) -> tuple[str, str, str]:
    return (
        f"{report.dataset.n_current:,}",
        percent(report.dataset.share_drifted),
        ", ".join(_text(name) for name in drifted_names(report)),
    )


def _table(headers: Sequence[str], rows: Iterable[Sequence[str]], *, words: Sequence[int]) -> str:
    """Draw a table. words: the columns of text, on the left."""
    rule = ("---" if place in words else "---:" for place in range(len(headers)))
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (headers, tuple(rule), *rows))


def _text(text: str) -> str:
    r"""Escape every character that Markdown, or HTML in it, could read as markup; lines become one.

    >>> print(_text("<b>a|b</b>"))
    \<b\>a\|b\</b\>
    """
    return _MARKUP.sub(r"\\\1", " ".join(text.split()))


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _share(value: float | None) -> str:
    return "none" if value is None else percent(value)
