"""Points of one metric as a series: one slot for every span, gaps where there was no point."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from mlops_runtime.core.errors import DataError, problem
from mlops_runtime.monitoring.points import Point, Span

__all__ = ["Anomaly", "Series", "series_of"]

F64 = NDArray[np.float64]

_MAX_SLOTS = 1_000_000
_REVISION = "restated"


@dataclass(frozen=True, slots=True)
class Series:
    """A metric over time, a value for each span.

    values: float64[slots], NaN where there is none. start_s: of the first slot, since 1970; step_s: of a slot.
    Raises DataError for a step that is not positive.
    """

    metric: str
    values: F64
    start_s: float = 0.0
    step_s: float = 1.0
    labels: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.step_s > 0.0:
            _refuse("a step of more than 0 s", f"{self.step_s} s", "give the length of a span")

    def span(self, slot: int) -> Span:
        """Return the span of one slot."""
        begin = self.start_s + slot * self.step_s
        return Span.of_seconds(begin, begin + self.step_s)

    def until(self, end: datetime) -> Series:
        """Return the series with gaps up to a time: what should have come by then and did not."""
        slots = min(_MAX_SLOTS, int((end.astimezone(UTC).timestamp() - self.start_s) // self.step_s))
        gaps = np.full(max(0, slots - len(self.values)), np.nan)
        return Series(self.metric, np.concatenate([self.values, gaps]), self.start_s, self.step_s, self.labels)


@dataclass(frozen=True, slots=True)
class Anomaly:
    """How far a value is out of the ordinary.

    score: in standard deviations of a normal distribution that are as improbable, signed, at most 37: with no anomaly
    it is beyond ±3 in 0.3 % of slots, beyond ±4 in 0.006 %. expected: what was. reason: in words.
    """

    slot: int
    value: float
    expected: float
    score: float
    reason: str

    def point(self, series: Series, method: str) -> Point:
        """Return the point `anomaly_score`, the score without its sign; its labels name the metric and the method."""
        labels = {**series.labels, "metric": series.metric, "method": method}
        return Point("anomaly_score", abs(self.score), series.span(self.slot), 1, labels=labels)


def series_of(points: Iterable[Point]) -> list[Series]:
    """Sort points into series by metric and labels; of two for one span the later in the list stays (restated ones).

    Raises DataError for spans of different lengths in one series, spans that overlap, or more than a million slots.
    """
    found: dict[tuple[str, tuple[tuple[str, str], ...]], dict[Span, float]] = {}
    for point in points:
        labels = tuple(sorted((name, value) for name, value in point.labels.items() if name != _REVISION))
        found.setdefault((point.metric, labels), {})[point.span] = point.value
    return [_series(metric, dict(labels), values) for (metric, labels), values in found.items()]


def _series(metric: str, labels: dict[str, str], values: dict[Span, float]) -> Series:
    first = min(values)
    step_s = (first.end - first.start).total_seconds()
    if any((span.end - span.start).total_seconds() != step_s for span in values) or step_s == 0.0:
        _refuse("spans of one length", "several", f"give the points of `{metric}` by window length")
    places = {span: (span.start - first.start).total_seconds() / step_s for span in values}
    if any(place != int(place) for place in places.values()) or max(places.values()) >= _MAX_SLOTS:
        _refuse(f"spans side by side, at most {_MAX_SLOTS:,}", "others", f"give the windows of `{metric}` in a row")
    slots = np.full(int(max(places.values())) + 1, np.nan)
    for span, place in places.items():
        slots[int(place)] = values[span]
    return Series(metric, slots, first.start.timestamp(), step_s, labels)


def _refuse(expected: str, got: str, next_step: str) -> None:
    raise DataError(problem(expected=expected, got=got, where="Series", next_step=next_step))
