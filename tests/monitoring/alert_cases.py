"""What tests of alerts share: points of hourly windows, and times counted in hours."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from mlops_runtime.monitoring.points import Point, Span
from mlops_runtime.monitoring.rules.document import RuleSet

START = datetime(2026, 1, 1, tzinfo=UTC)


def hour(number: float) -> datetime:
    """The time so many hours after the start."""
    return START + timedelta(hours=number)


def point(window: int, value: float, *, metric: str = "psi", n: int = 1000, **labels: str) -> Point:
    """The value of a metric over the hour that ends at `hour(window + 1)`."""
    return Point(metric, value, Span(hour(window), hour(window + 1)), n, labels=labels)


def rules(text: str, head: str = "") -> RuleSet:
    """A rule file of rules in flow style, one a line, after other entries."""
    return RuleSet.from_yaml(head + "\nrules:\n" + "".join(f"  - {{{line}}}\n" for line in text.strip().splitlines()))
