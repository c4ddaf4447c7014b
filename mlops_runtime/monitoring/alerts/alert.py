"""What sinks are told: alerts, and the notifications that carry a group of them. Both are plain JSON on the way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Self

from mlops_runtime.core.digest import canonical_json, sha256_bytes
from mlops_runtime.monitoring.alerts.evidence import Evidence

__all__ = ["Alert", "Notification", "alert_id"]

_ID_DIGITS = 32


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert, as told once.

    id: of this firing of this series; the same whenever it is told, so that receivers can tell repetitions. telling:
    how often it was told, from 1. value, low, high, n, span: of the point that was judged last; value is None where
    there was none. condition: the rule's, in words. held_back: firings of the series within the cool-down that ended
    untold. missing: it fires because no values come.
    """

    id: str
    state: Literal["firing", "resolved"]
    telling: int
    rule: str
    severity: str
    metric: str
    labels: Mapping[str, str]
    condition: str
    value: float | None
    low: float | None
    high: float | None
    n: int
    span: Mapping[str, str]
    fired_at: datetime
    resolved_at: datetime | None
    summary: str
    evidence: Evidence
    held_back: int = 0
    missing: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        ended = self.resolved_at.isoformat() if self.resolved_at else None
        return values | {
            "labels": dict(self.labels),
            "span": dict(self.span),
            "fired_at": self.fired_at.isoformat(),
            "resolved_at": ended,
            "evidence": self.evidence.to_dict(),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Read what `to_dict` wrote."""
        ended = values["resolved_at"]
        return cls(
            **{name: value for name, value in values.items() if name not in ("fired_at", "resolved_at", "evidence")},
            fired_at=datetime.fromisoformat(values["fired_at"]),
            resolved_at=datetime.fromisoformat(ended) if ended else None,
            evidence=Evidence.from_dict(values["evidence"]),
        )


@dataclass(frozen=True, slots=True)
class Notification:
    """A group of alerts that are told together; delivered at least once, under one id.

    group: the labels they share. overflow: how many notifications a sink lost because its queue was full; the alerts of
    such a notification are all that fire now.
    """

    id: str
    created: datetime
    group: Mapping[str, str]
    alerts: tuple[Alert, ...]
    overflow: int = 0

    @classmethod
    def of(cls, group: Mapping[str, str], alerts: Sequence[Alert], created: datetime, *, overflow: int = 0) -> Self:
        """Make a notification whose id follows from what it says."""
        said = [[alert.id, alert.state, alert.telling] for alert in alerts]
        return cls(_id("ntf", [dict(group), said, overflow]), created, dict(group), tuple(alerts), overflow)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        alerts = [alert.to_dict() for alert in self.alerts]
        group, created = dict(self.group), self.created.isoformat()
        return {"id": self.id, "created": created, "group": group, "alerts": alerts, "overflow": self.overflow}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Read what `to_dict` wrote."""
        alerts = tuple(map(Alert.from_dict, values["alerts"]))
        created = datetime.fromisoformat(values["created"])
        return cls(values["id"], created, dict(values["group"]), alerts, values["overflow"])


def alert_id(rule: str, labels: Mapping[str, str], fired: datetime) -> str:
    """Return the id of the alert of a series that began to fire then."""
    return _id("alr", [rule, dict(labels), fired.isoformat()])


def _id(prefix: str, content: Any) -> str:
    return f"{prefix}_{sha256_bytes(canonical_json(content))[:_ID_DIGITS]}"
