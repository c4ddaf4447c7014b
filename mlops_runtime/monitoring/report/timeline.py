"""Windows one after the other, and the segments that make the difference: what a report of a stretch of time shows."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, Generic, TypeVar

from mlops_runtime.core.errors import EmptyInputError, SchemaError, problem
from mlops_runtime.monitoring.multivariate import MultivariateReference
from mlops_runtime.monitoring.multivariate.comparison import compare_state
from mlops_runtime.monitoring.multivariate.state import MultivariateState
from mlops_runtime.monitoring.points import Span
from mlops_runtime.monitoring.report.drift import DriftReport, build_report
from mlops_runtime.monitoring.state.baseline import Baseline
from mlops_runtime.monitoring.state.summary import ColumnSummary
from mlops_runtime.monitoring.statistics.comparison import compare_summaries
from mlops_runtime.monitoring.windows.window import Window, merge_summaries

__all__ = ["Contribution", "SegmentDrift", "Timeline", "WindowDrift", "build_timeline"]

_WORST_COLUMNS = 10
_KEPT = (
    "drifted",
    "effect",
    "effect_name",
    "js",
    "ks",
    "missing_share",
    "p_value",
    "psi",
    "strength",
    "total_variation",
    "wasserstein",
)
_Key = TypeVar("_Key")


@dataclass(frozen=True, slots=True)
class WindowDrift:
    """All rows of one span, whatever their key, against the baseline."""

    span: Span
    report: DriftReport

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values: the span's ends, `dataset`, the main statistics of each column, `multivariate`."""
        together = self.report.multivariate
        return {
            **self.span.to_dict(),
            **_short(self.report),
            "multivariate": None if together is None else together.to_dict(),
        }


@dataclass(frozen=True, slots=True)
class SegmentDrift:
    """All rows with one value of one part of the key, of any span, against the whole baseline.

    The column that tells the segments apart is not judged in them. share: of all rows.
    """

    name: str
    value: str
    share: float
    report: DriftReport

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values: `name`, `value`, `share`, `dataset`, and the main statistics of each column."""
        return {"name": self.name, "value": self.value, "share": self.share, **_short(self.report)}


@dataclass(frozen=True, slots=True)
class Contribution:
    """What a segment adds to a column's drift: the part of its strength that goes when the segment's rows are left out.

    1 when nothing is left of it, negative when the segment hides drift of the others. share: of all rows.
    """

    name: str
    value: str
    column: str
    share: float
    contribution: float


@dataclass(frozen=True, slots=True)
class Timeline:
    """Windows in order of time, segments by how many rows they have, contributions the largest first.

    total: all rows together. Where windows overlap, those for it are chosen side by side, from the newest back.
    """

    total: DriftReport
    windows: tuple[WindowDrift, ...] = ()
    segments: tuple[SegmentDrift, ...] = ()
    contributions: tuple[Contribution, ...] = ()

    @property
    def contributors(self) -> tuple[Contribution, ...]:
        """The contributions above 0."""
        return tuple(one for one in self.contributions if one.contribution > 0.0)

    @property
    def any_drifted(self) -> bool:
        """Whether a column has drifted, or all of them together: in all rows, or in those of the last window."""
        last = self.windows[-1].report.multivariate if self.windows else None
        return self.total.any_drifted or (last is not None and last.drifted)

    def to_dict(self) -> dict[str, Any]:
        """Return the stable schema: that of a `DriftReport`, and `windows`, `segments`, `contributions`."""
        return {
            **self.total.to_dict(),
            "windows": [window.to_dict() for window in self.windows],
            "segments": [segment.to_dict() for segment in self.segments],
            "contributions": [asdict(contribution) for contribution in self.contributions],
        }


def build_timeline(
    windows: Iterable[Window],
    baseline: Baseline,
    *,
    total: DriftReport | None = None,
    notes: Sequence[str] = (),
    multivariate: MultivariateReference | None = None,
) -> Timeline:
    """Sum windows by span and by each part of their keys, and report on every sum.

    windows: counted over `baseline`, in any order; iterated twice, so that memory is that of the sums. total: the
    report on all rows, where there are some in no window. multivariate: with which to compare all columns together, of
    the windows that were counted against it. Raises SchemaError for windows counted over another baseline, and
    EmptyInputError when there is neither a window nor a total.
    """
    spans: _Sums[Span] = _Sums(baseline, multivariate)
    for window in windows:
        spans.add(window.span, window)
    chosen = frozenset(_side_by_side(spans.rows))
    whole: _Sums[None] = _Sums(baseline, multivariate)
    parts: _Sums[tuple[str, str]] = _Sums(baseline)
    for window in windows:
        if window.span in chosen:
            whole.add(None, window)
            for part in window.key.items():
                parts.add(part, window)
    if total is None:
        total = replace(whole.report(None), notes=tuple(notes))
    kept = _told_apart(parts.rows)
    n = sum(whole.rows.values())
    return Timeline(
        total=total,
        windows=tuple(WindowDrift(span, spans.report(span)) for span in sorted(spans.rows)),
        segments=tuple(
            SegmentDrift(*part, parts.rows[part] / max(n, 1), parts.report(part, without=part[0])) for part in kept
        ),
        contributions=tuple(_contributions(total, baseline, parts, kept)),
    )


class _Sums(Generic[_Key]):
    """Sums of windows, by what they have in common."""

    def __init__(self, baseline: Baseline, multivariate: MultivariateReference | None = None) -> None:
        self._baseline, self._digest, self._multivariate = baseline, baseline.digest, multivariate
        self._states: dict[_Key, MultivariateState] = {}
        self.rows: dict[_Key, int] = {}
        self.summaries: dict[_Key, Mapping[str, ColumnSummary]] = {}

    def add(self, key: _Key, window: Window) -> None:
        if window.baseline != self._digest:
            got, where = f"baseline {window.baseline[:16]}", f"window of {window.span.start.isoformat()}"
            next_step = "report on the windows of one baseline at a time"
            raise SchemaError(
                problem(expected=f"baseline {self._digest[:16]}", got=got, where=where, next_step=next_step)
            )
        so_far = self.summaries.get(key)
        self.summaries[key] = window.summaries if so_far is None else merge_summaries(so_far, window.summaries)
        self.rows[key] = self.rows.get(key, 0) + window.rows
        state = window.multivariate
        if state is not None and self._multivariate is not None and state.reference == self._multivariate.digest:
            self._states[key] = self._states[key].merge(state) if key in self._states else state

    def report(self, key: _Key, *, without: str | None = None) -> DriftReport:
        if key not in self.rows:
            raise EmptyInputError("report: expected a window, got none — widen the time, or update the store")
        columns = {name: summary for name, summary in self._baseline.columns.items() if name != without}
        report, state = build_report(columns, self.summaries[key], rows=self.rows[key]), self._states.get(key)
        if state is None or self._multivariate is None:
            return report
        return replace(report, multivariate=compare_state(self._multivariate, state))


def _side_by_side(spans: Iterable[Span]) -> Iterator[Span]:
    """Choose spans that do not overlap, from the newest back: sliding windows hold a row several times."""
    start: datetime | None = None
    for span in sorted(spans, key=lambda one: (one.end, one.start), reverse=True):
        if start is None or span.end <= start:
            yield span
            start = span.start


def _told_apart(rows: Mapping[tuple[str, str], int]) -> list[tuple[str, str]]:
    """Return the parts of keys that tell rows apart, those of most rows first: names with more than one value."""
    values = Counter(name for name, _ in rows)
    return sorted((part for part in rows if values[part[0]] > 1), key=lambda part: (-rows[part], part))


def _contributions(
    total: DriftReport, baseline: Baseline, parts: _Sums[tuple[str, str]], kept: Sequence[tuple[str, str]]
) -> list[Contribution]:
    found = []
    n = total.dataset.n_current
    for name in dict.fromkeys(name for name, _ in kept):
        of_name = [part for part in kept if part[0] == name]
        for column in total.drifted[:_WORST_COLUMNS]:
            reference, whole = (
                baseline.columns[column],
                _strength(baseline.columns[column], total.column(column).current),
            )
            rest = _without_each([parts.summaries[part][column] for part in of_name])
            for part, others in zip(of_name, rest, strict=True):
                gone = 1.0 - _strength(reference, others) / whole if whole else 0.0
                found.append(Contribution(*part, column, parts.rows[part] / max(n, 1), gone))
    return sorted(found, key=lambda one: (-one.contribution, one.column, one.name, one.value))


def _strength(reference: ColumnSummary, current: ColumnSummary) -> float:
    """Return the effect of a column's loudest evidence over its floor, significant or not."""
    return max((test.strength for test in compare_summaries(reference, current).tests), default=0.0)


def _without_each(summaries: Sequence[ColumnSummary]) -> list[ColumnSummary]:
    """Return, for each of two or more summaries, the sum of all others."""
    before = list(itertools.accumulate(summaries, _merge))
    after = list(itertools.accumulate(reversed(summaries), _merge))[::-1]
    inner = (_merge(one, other) for one, other in zip(before[:-2], after[2:], strict=True))
    return [after[1], *inner, before[-2]]


def _merge(one: ColumnSummary, other: ColumnSummary) -> ColumnSummary:
    return one.merge(other)  # type: ignore[arg-type]


def _short(report: DriftReport) -> dict[str, Any]:
    return {
        "dataset": asdict(report.dataset),
        "columns": {
            column.name: {**{key: getattr(column, key) for key in _KEPT}, "n_current": column.current.rows}
            for column in report.columns
        },
    }
