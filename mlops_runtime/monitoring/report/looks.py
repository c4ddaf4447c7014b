"""A timeline whose windows are judged one after the other, as they came: for who looks at it again and again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from mlops_runtime.monitoring.multivariate.report import LEVEL
from mlops_runtime.monitoring.points import Span
from mlops_runtime.monitoring.report.drift import DriftReport
from mlops_runtime.monitoring.report.timeline import SegmentDrift, Timeline, WindowDrift
from mlops_runtime.monitoring.report.verdicts import with_verdicts
from mlops_runtime.monitoring.state.baseline import Baseline
from mlops_runtime.monitoring.state.summary import ColumnSummary
from mlops_runtime.monitoring.statistics.sequential import SequentialVerdict
from mlops_runtime.monitoring.windows.window import Window, merge_summaries

__all__ = ["judged_in_sequence"]

_Part = tuple[str, str]


def judged_in_sequence(timeline: Timeline, windows: Iterable[Window], baseline: Baseline) -> Timeline:
    """Return a timeline in which each window is judged as the latest of all up to it, and the whole as the last one is.

    windows: those that the timeline is of, in any order. Segments are judged in sequence, too. A window that overlaps
    an earlier one would count rows twice: it is judged as that one was, and not by all columns together. The same
    windows give the same verdicts.
    """
    in_turn = _side_by_side(one.span for one in timeline.windows)
    whole = SequentialVerdict(baseline.columns)
    found, judged, looks = whole.verdicts(), list[WindowDrift](), 0
    for one in timeline.windows:
        report = one.report if one.span in in_turn else replace(one.report, multivariate=None)
        if one.span in in_turn:
            found = whole.update({column.name: column.current for column in one.report.columns})
            looks += report.multivariate is not None and bool(report.multivariate.statistics)
        judged.append(WindowDrift(one.span, with_verdicts(_spend(report, looks), found, level=whole.level)))
    return replace(
        timeline,
        total=with_verdicts(_spend(timeline.total, looks), found, level=whole.level),
        windows=tuple(judged),
        segments=_segments(timeline.segments, [one for one in windows if one.span in in_turn], baseline),
    )


def _spend(report: DriftReport, look: int) -> DriftReport:
    """Return a report whose verdict on all columns together has its part of the level of all looks: 5 %.

    Look n gets 1 / n (n + 1) of it, one half for the window and one for all rows up to it: a chance of at most the sum
    of all parts, whatever windows have in common (they share a reference). A window of too few rows is no look.
    Source: alpha spending, Lan and DeMets, Biometrika 70 (1983), by Bonferroni.
    """
    if report.multivariate is None or look == 0:
        return report
    return replace(report, multivariate=replace(report.multivariate, level=LEVEL / (2 * look * (look + 1))))


def _segments(
    segments: Sequence[SegmentDrift], windows: Iterable[Window], baseline: Baseline
) -> tuple[SegmentDrift, ...]:
    """Judge each segment by its own sequence; the column that tells segments apart is not judged in them."""
    sequences = {(one.name, one.value): SequentialVerdict(_without(baseline, one.name)) for one in segments}
    by_span: dict[Span, list[Window]] = defaultdict(list)
    for window in windows:
        by_span[window.span].append(window)
    for span in sorted(by_span):
        for part, summaries in _sums(by_span[span]).items():
            if part in sequences:
                sequences[part].update(summaries)
    judges = (sequences[one.name, one.value] for one in segments)
    return tuple(
        replace(one, report=with_verdicts(one.report, judge.verdicts(), level=judge.level))
        for one, judge in zip(segments, judges, strict=True)
    )


def _without(baseline: Baseline, column: str) -> dict[str, ColumnSummary]:
    return {name: summary for name, summary in baseline.columns.items() if name != column}


def _sums(windows: Iterable[Window]) -> dict[_Part, Mapping[str, ColumnSummary]]:
    """Add windows up by each part of their keys."""
    sums: dict[_Part, Mapping[str, ColumnSummary]] = {}
    for window in windows:
        for part in window.key.items():
            sums[part] = merge_summaries(sums[part], window.summaries) if part in sums else window.summaries
    return sums


def _side_by_side(spans: Iterable[Span]) -> frozenset[Span]:
    """Choose spans that do not overlap, from the oldest on: what was chosen once stays chosen."""

    def chosen() -> Iterator[Span]:
        end: datetime | None = None
        for span in sorted(spans):
            if end is None or span.start >= end:
                yield span
                end = span.end

    return frozenset(chosen())
