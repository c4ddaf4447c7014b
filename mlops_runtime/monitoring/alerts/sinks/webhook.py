"""A webhook: each notification as one signed POST of JSON."""

from __future__ import annotations

import json

from mlops_runtime.core import clock
from mlops_runtime.monitoring.alerts.alert import Notification
from mlops_runtime.monitoring.alerts.sinks.signing import signed_headers
from mlops_runtime.monitoring.alerts.sinks.transport import post
from mlops_runtime.monitoring.rules.sinks import WebhookSettings

__all__ = ["WebhookSink"]


class WebhookSink:
    """Sends to one URL. The secret is read for each sending, so that a new one needs no restart."""

    def __init__(self, settings: WebhookSettings) -> None:
        self._settings = settings

    def send(self, notification: Notification) -> None:
        """Deliver. Raises UnavailableError, DataError as `transport.post`, ConfigError without a usable secret."""
        settings = self._settings
        body = json.dumps(notification.to_dict(), allow_nan=False, sort_keys=True).encode()
        headers = signed_headers(notification.id, body, settings.secret.read(), at=clock.now())
        timeout_s = settings.timeout.total_seconds()
        post(settings.url, body, headers, timeout_s=timeout_s, ca_file=settings.ca_file)
