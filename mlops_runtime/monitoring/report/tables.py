"""The report in a terminal: every column by severity, what moved, then windows and segments."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich import box
from rich.table import Table
from rich.text import Text

from mlops_runtime.monitoring.report.drift import DriftReport, write_p
from mlops_runtime.monitoring.report.timeline import Timeline
from mlops_runtime.monitoring.report.together import TOGETHER, drifted_names, together_level, together_rows
from mlops_runtime.monitoring.report.verdicts import each_in_words, level_in_words
from mlops_runtime.monitoring.statistics.effects import percent

__all__ = ["report_tables", "timeline_tables"]

_MOST_BINS, _MOST_WINDOWS, _MOST_SEGMENTS, _MOST_NAMES = 3, 30, 20, 4
_WORDS = frozenset({"column", "bin", "verdict", "from", "segment", "drifted columns", "statistic"})


def timeline_tables(timeline: Timeline) -> list[Table]:
    """Return the tables of a report, then the newest windows, the largest segments and what these contribute."""
    return [*report_tables(timeline.total), *_windows(timeline), *_segments(timeline), *_contributions(timeline)]


def report_tables(report: DriftReport) -> list[Table]:
    """Return every column by severity, the bins that moved in the drifted ones, and all columns together."""
    return [_overview(report), *_moved(report), *_together(report)]


def _overview(report: DriftReport) -> Table:
    dataset = report.dataset
    together = ", and all together" if report.multivariate is not None and report.multivariate.drifted else ""
    title = f"{len(report.drifted)} of {len(report.columns)} columns drifted{together}"
    sizes = f"{dataset.n_reference:,} reference rows, {dataset.n_current:,} current"
    drawn = _table(f"{title} ({sizes})", ("column", "PSI", "KS/TV", "JS", "W1", "missing", "p", "verdict"))
    for column in report.columns:
        distance = column.ks if column.ks is not None else column.total_variation
        before, now = column.missing_share_reference, column.missing_share
        missing = percent(before or 0.0) if before == now else f"{_share(before)} -> {_share(now)}"
        numbers = (_number(value) for value in (column.psi, distance, column.js, column.wasserstein))
        mark = f"DRIFT: {column.reason}" if column.drifted else column.reason
        drawn.add_row(Text(column.name), *numbers, missing, write_p(column.p_value), Text(mark))
    drawn.caption, drawn.caption_justify = f"Verdicts are {level_in_words(report)}.", "left"
    return drawn


def _moved(report: DriftReport) -> Iterator[Table]:
    drawn = _table("What moved", ("column", "bin", "reference", "current"))
    for column in report.columns:
        for bin_ in column.moved[:_MOST_BINS] if column.drifted else ():
            drawn.add_row(Text(column.name), Text(bin_.label), percent(bin_.reference), percent(bin_.current))
    if drawn.row_count:
        yield drawn


def _together(report: DriftReport) -> Iterator[Table]:
    if report.multivariate is not None:
        drawn = _table("All columns together", ("statistic", *TOGETHER))
        for row in together_rows(report.multivariate):
            drawn.add_row(*row)
        drawn.caption, drawn.caption_justify = together_level(report.multivariate), "left"
        yield drawn


def _windows(timeline: Timeline) -> Iterator[Table]:
    if timeline.windows:
        shown, count = timeline.windows[-_MOST_WINDOWS:], len(timeline.windows)
        title = f"{count} windows" + (f", the last {len(shown)}" if len(shown) < count else "")
        drawn = _table(f"{title}; {each_in_words(timeline.total)}", ("from", "rows", "drifted", "drifted columns"))
        for window in shown:
            start = window.span.start.strftime("%Y-%m-%d %H:%M")
            drawn.add_row(start, *_verdict(window.report))
        yield drawn


def _segments(timeline: Timeline) -> Iterator[Table]:
    if timeline.segments:
        title = f"Segments, each against the whole reference; {each_in_words(timeline.total)}"
        drawn = _table(title, ("segment", "rows", "drifted", "drifted columns"))
        for segment in timeline.segments[:_MOST_SEGMENTS]:
            drawn.add_row(Text(f"{segment.name} = {segment.value}"), *_verdict(segment.report))
        yield drawn


def _contributions(timeline: Timeline) -> Iterator[Table]:
    if timeline.contributors:
        drawn = _table("Segments that contribute", ("column", "segment", "share of rows", "part of the drift"))
        for one in timeline.contributors[:_MOST_SEGMENTS]:
            part = (percent(one.share), f"{one.contribution:.0%}")
            drawn.add_row(Text(one.column), Text(f"{one.name} = {one.value}"), *part)
        yield drawn


def _verdict(report: DriftReport) -> tuple[str, str, Text]:
    every = drifted_names(report)
    named = every[:_MOST_NAMES]
    more = len(every) - len(named)
    names = ", ".join((*named, *([f"and {more} more"] if more else [])))
    return f"{report.dataset.n_current:,}", percent(report.dataset.share_drifted), Text(names)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _share(value: float | None) -> str:
    return "none" if value is None else percent(value)


def _table(title: str, headers: Sequence[str]) -> Table:
    drawn = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, show_edge=False)
    drawn.padding = (0, 1, 0, 0)
    for header in headers:
        words = header in _WORDS
        drawn.add_column(header, justify="left" if words else "right", overflow="fold", min_width=len(header))
    return drawn
