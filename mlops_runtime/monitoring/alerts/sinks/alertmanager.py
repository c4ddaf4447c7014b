"""Prometheus Alertmanager, API v2 (https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml).

An alert is its labels: those of the series, `alertname` (the rule) and `severity`. It fires until it is sent with an
end in the past, or until `valid_for` after it was last sent: alerts of a monitor that died do not fire for ever.
"""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from typing import Any

from mlops_runtime.monitoring.alerts.alert import Alert, Notification
from mlops_runtime.monitoring.alerts.sinks.transport import post
from mlops_runtime.monitoring.rules.sinks import AlertmanagerSettings

__all__ = ["AlertmanagerSink"]

_NOT_A_LABEL = re.compile(r"[^A-Za-z0-9_]")


class AlertmanagerSink:
    """Posts the alerts of a notification to one Alertmanager. valid_for: see the module."""

    def __init__(self, settings: AlertmanagerSettings, *, valid_for: timedelta) -> None:
        self._settings = settings
        self._valid_for = valid_for

    def send(self, notification: Notification) -> None:
        """Deliver. Raises UnavailableError and DataError as `transport.post`."""
        settings = self._settings
        alerts = [_posted(alert, notification.created + self._valid_for) for alert in notification.alerts]
        token = {"Authorization": f"Bearer {settings.token.read()[0]}"} if settings.token else {}
        post(
            settings.url.rstrip("/") + "/api/v2/alerts",
            json.dumps(alerts).encode(),
            token,
            timeout_s=settings.timeout.total_seconds(),
            ca_file=settings.ca_file,
        )


def _posted(alert: Alert, until: datetime) -> dict[str, Any]:
    labels = {_label(name): value for name, value in alert.labels.items() if value}
    links = [link for link in alert.evidence.links if link.startswith(("http://", "https://"))]
    ended = alert.resolved_at
    return {
        "labels": {**labels, "alertname": alert.rule, "severity": alert.severity},
        "annotations": _annotations(alert),
        "startsAt": alert.fired_at.isoformat(),
        "endsAt": (until if ended is None else max(ended, alert.fired_at)).isoformat(),
        **({"generatorURL": links[0]} if links else {}),
    }


def _label(name: str) -> str:
    """Return a label's name as Prometheus takes it."""
    safe = _NOT_A_LABEL.sub("_", name)
    return f"_{safe}" if safe[:1].isdigit() or not safe else safe


def _annotations(alert: Alert) -> dict[str, str]:
    """Return what people read: the summary, the condition, the evidence."""
    evidence = alert.evidence
    bins = "; ".join(f"{bin_.label}: {bin_.reference:.1%} -> {bin_.current:.1%}" for bin_ in evidence.bins)
    segments = "; ".join(
        f"{', '.join(f'{key}={value}' for key, value in segment.labels.items())}: {segment.share:.0%}"
        for segment in evidence.segments
    )
    words = {
        "summary": alert.summary,
        "condition": alert.condition,
        "alert_id": alert.id,
        "moved_bins": bins,
        "segments": segments,
        "rows": ", ".join(evidence.rows),
        "links": " ".join(evidence.links),
    }
    return {name: text for name, text in words.items() if text}
