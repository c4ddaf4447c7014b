"""What an alert rests on: the bins that moved, the segments that contribute most, ids of rows, links to plots."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol, Self

from mlops_runtime.monitoring.points import Point
from mlops_runtime.monitoring.rules.document import Rule

__all__ = ["Evidence", "EvidenceSource", "MovedBin", "Segment", "top_segments"]

_TOP = 5


@dataclass(frozen=True, slots=True)
class MovedBin:
    """A bin or category: its share of the values before and now."""

    label: str
    reference: float
    current: float


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of the alert's rows: its labels beyond the alert's, its own value and rows, its share of the trouble."""

    labels: Mapping[str, str]
    value: float
    n: int
    share: float


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that is known; what is not is empty. rows: ids. links: addresses or files. notes: what went wrong."""

    bins: tuple[MovedBin, ...] = ()
    segments: tuple[Segment, ...] = ()
    rows: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {name: list(values) for name, values in asdict(self).items()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Read what `to_dict` wrote."""
        return cls(
            tuple(MovedBin(**bin_) for bin_ in values["bins"]),
            tuple(Segment(**segment) for segment in values["segments"]),
            tuple(values["rows"]),
            tuple(values["links"]),
            tuple(values["notes"]),
        )


class EvidenceSource(Protocol):
    """Finds evidence when an alert begins to fire. beside: all points of windows that end when the point's does."""

    def __call__(self, rule: Rule, point: Point, beside: Sequence[Point]) -> Evidence:
        """Return what is known."""


def top_segments(rule: Rule, point: Point, beside: Sequence[Point]) -> tuple[Segment, ...]:
    """Return the segments of a point that contribute most to what the rule objects to, the worst first.

    Segments are points of the same metric and span with more labels. One contributes its rows times the distance of its
    value from the limit at which the rule is well again (from the alert's own value, for a rule about changes).
    """
    limits = rule.when.limits(())
    level = limits[1] if limits else point.value
    parts: list[tuple[float, Point]] = []
    for other in beside:
        if other.metric == point.metric and other.span == point.span and point.labels.items() < other.labels.items():
            excess = other.n * rule.when.sign * (other.value - level)
            if not math.isnan(excess) and excess > 0:
                parts.append((excess, other))
    parts.sort(key=lambda part: (-part[0], sorted(part[1].labels.items())))
    total = sum(excess for excess, _ in parts)
    return tuple(
        Segment(dict(sorted(other.labels.items() - point.labels.items())), other.value, other.n, excess / total)
        for excess, other in parts[:_TOP]
    )
