"""Alerts that belong together wait for each other and are told in one notification."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Self

from mlops_runtime.monitoring.alerts.alert import Alert, Notification

__all__ = ["Groups"]

_Key = tuple[tuple[str, str], ...]


@dataclass(slots=True)
class _Group:
    since: datetime
    alerts: list[Alert] = field(default_factory=list)


@dataclass(slots=True)
class Groups:
    """Alerts that are yet to be told, by the labels they share."""

    waiting: dict[_Key, _Group] = field(default_factory=dict)

    def add(self, alert: Alert, by: Sequence[str], now: datetime) -> None:
        """Put an alert into its group. by: names of labels; `rule` and `severity` are labels here, too."""
        labels = {**alert.labels, "rule": alert.rule, "severity": alert.severity}
        key = tuple(sorted((name, labels[name]) for name in set(by) if name in labels))
        self.waiting.setdefault(key, _Group(now)).alerts.append(alert)

    def take(self, wait: timedelta, now: datetime) -> list[Notification]:
        """Remove and return the groups whose first alert has waited long enough."""
        ready = [key for key, group in self.waiting.items() if now - group.since >= wait]
        return [Notification.of(dict(key), self.waiting.pop(key).alerts, now) for key in ready]

    def to_list(self) -> list[dict[str, Any]]:
        """Return plain values for JSON."""
        return [
            {"labels": dict(key), "since": group.since.isoformat(), "alerts": [one.to_dict() for one in group.alerts]}
            for key, group in self.waiting.items()
        ]

    @classmethod
    def from_list(cls, values: Sequence[Mapping[str, Any]]) -> Self:
        """Read what `to_list` wrote."""
        groups = cls()
        for group in values:
            alerts = list(map(Alert.from_dict, group["alerts"]))
            key = tuple(sorted(group["labels"].items()))
            groups.waiting[key] = _Group(datetime.fromisoformat(group["since"]), alerts)
        return groups
