"""Events of state changes, as CloudEvents 1.0 (https://github.com/cloudevents/spec)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from mlops_runtime.core.clock import timestamp
from mlops_runtime.core.ids import new_id

__all__ = ["Event"]


@dataclass(frozen=True, slots=True)
class Event:
    """One fact that happened: `type` is a dotted name such as `registry.alias.moved`, `subject` what it is about."""

    type: str
    subject: str
    data: dict[str, Any]
    actor: str = "local"
    tenant: str = "default"
    id: str = field(default_factory=lambda: new_id("evt"))
    time: str = field(default_factory=timestamp)

    def to_cloudevent(self) -> dict[str, Any]:
        """Return the event in the CloudEvents 1.0 JSON structure."""
        return {
            "specversion": "1.0",
            "id": self.id,
            "source": "/mlops_runtime",
            "type": f"mlops_runtime.{self.type}",
            "subject": self.subject,
            "time": self.time,
            "datacontenttype": "application/json",
            "tenant": self.tenant,
            "actor": self.actor,
            "data": self.data,
        }
