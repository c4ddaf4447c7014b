"""What monitoring says of a stretch of time, in numbers: drift, performance, anomalies make points, rules read them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from mlops_runtime.core.errors import DataError, problem

__all__ = ["Point", "Span"]


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A stretch of time [start, end), in UTC. Raises DataError for times without a zone, or an end before the start.

    >>> Span.of_seconds(0, 60).end.isoformat()
    '1970-01-01T00:01:00+00:00'
    """

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.end.tzinfo is None:
            _refuse("times with a zone", f"{self.start} and {self.end}", "attach one: .replace(tzinfo=UTC)")
        if self.end < self.start:
            _refuse("an end that is not before the start", f"{self.start} and {self.end}", "swap them")

    @classmethod
    def of_seconds(cls, start: float, end: float) -> Span:
        """Make a span of two times in seconds since 1970."""
        return cls(datetime.fromtimestamp(start, UTC), datetime.fromtimestamp(end, UTC))

    def to_dict(self) -> dict[str, str]:
        """Return both ends as ISO 8601."""
        return {"start": self.start.astimezone(UTC).isoformat(), "end": self.end.astimezone(UTC).isoformat()}

    @classmethod
    def from_dict(cls, values: Mapping[str, str]) -> Span:
        """Read what `to_dict` wrote."""
        return cls(datetime.fromisoformat(values["start"]), datetime.fromisoformat(values["end"]))


@dataclass(frozen=True, slots=True)
class Point:
    """One value of one metric over a span: `psi` of column `age`, `auc` of group `F`.

    n: how many rows it rests on. low, high: its interval or certified bound, where there is one. labels: what it is of,
    for example column, segment, group, tenant, model. A value that could not be computed is NaN.
    """

    metric: str
    value: float
    span: Span
    n: int
    low: float | None = None
    high: float | None = None
    labels: Mapping[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, in which NaN is null."""
        return {
            "metric": self.metric,
            "value": None if math.isnan(self.value) else self.value,
            "span": self.span.to_dict(),
            "n": self.n,
            "low": self.low,
            "high": self.high,
            "labels": dict(self.labels),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Point:
        """Read what `to_dict` wrote."""
        value = math.nan if values["value"] is None else float(values["value"])
        span = Span.from_dict(values["span"])
        return cls(
            values["metric"], value, span, int(values["n"]), values["low"], values["high"], dict(values["labels"])
        )


def _refuse(expected: str, got: str, next_step: str) -> None:
    raise DataError(problem(expected=expected, got=got, where="Span", next_step=next_step))
