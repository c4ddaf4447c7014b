"""From what a rule file says of sinks to the sinks."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from mlops_runtime.monitoring.alerts.alert import Notification
from mlops_runtime.monitoring.alerts.sinks.alertmanager import AlertmanagerSink
from mlops_runtime.monitoring.alerts.sinks.log import LogSink
from mlops_runtime.monitoring.alerts.sinks.webhook import WebhookSink
from mlops_runtime.monitoring.rules.document import RuleSet

__all__ = ["Sink", "open_sinks"]

_REPETITIONS_TO_MISS = 3


class Sink(Protocol):
    """Delivers a notification, or raises: DataError when it will never be taken, another MlrtError to try again."""

    def send(self, notification: Notification) -> None:
        """Deliver; returns when the other side has it."""


def open_sinks(rules: RuleSet, folder: Path) -> dict[str, Sink]:
    """Return the sinks of a rule file by name. folder: of the state, in which relative paths of logs lie."""
    sinks: dict[str, Sink] = {one.name: LogSink(folder / one.path) for one in rules.sinks.log}
    sinks |= {one.name: WebhookSink(one) for one in rules.sinks.webhook}
    valid_for = _REPETITIONS_TO_MISS * rules.repeat_every
    sinks |= {one.name: AlertmanagerSink(one, valid_for=valid_for) for one in rules.sinks.alertmanager}
    return sinks
