"""Notifications on their way to one sink: a folder with a file for each, so that they survive this process.

outbox/SINK/00000000000000000007-ntf_….json   waits to be delivered, oldest first
outbox/SINK/refused/…                         the sink said it will never take it; kept for people
outbox/SINK/overflow.json                     how many were lost while the queue was full
"""

from __future__ import annotations

import json
from pathlib import Path

from mlops_runtime.core.durable import durable_write, fsync_directory
from mlops_runtime.core.errors import DataError, problem
from mlops_runtime.monitoring.alerts.alert import Notification

__all__ = ["Outbox"]

_OVERFLOW = "overflow.json"


class Outbox:
    """The queue of one sink. capacity: how many notifications it holds."""

    def __init__(self, folder: Path, *, capacity: int) -> None:
        self.folder = folder
        self.capacity = capacity

    def waiting(self) -> list[Path]:
        """Return the notifications that wait, oldest first."""
        return sorted(self.folder.glob("*-ntf_*.json"))

    def put(self, notification: Notification, number: int) -> bool:
        """Queue a notification durably; a full queue counts it as lost and returns False. number: its place in order.

        The same notification under the same number is queued once.
        """
        if len(self.waiting()) >= self.capacity:
            durable_write(self.folder / _OVERFLOW, json.dumps(self.lost + 1).encode())
            return False
        path = self.folder / f"{number:020d}-{notification.id}.json"
        durable_write(path, json.dumps(notification.to_dict(), allow_nan=False).encode(), mode=0o600)
        return True

    @property
    def lost(self) -> int:
        """How many notifications were lost since the sink was last told so."""
        path = self.folder / _OVERFLOW
        return int(json.loads(path.read_bytes())) if path.exists() else 0

    @property
    def owes_summary(self) -> bool:
        """Whether something was lost and there is room again to say so."""
        return self.lost > 0 and len(self.waiting()) < self.capacity

    def recovered(self) -> None:
        """Forget what was lost: a summary is on its way."""
        (self.folder / _OVERFLOW).unlink(missing_ok=True)

    def read(self, path: Path) -> Notification:
        """Return what waits there. Raises DataError when it is no notification of ours."""
        try:
            return Notification.from_dict(json.loads(path.read_bytes()))
        except (KeyError, TypeError, ValueError) as error:
            next_step = "it is put aside as refused"
            raise DataError(
                problem(expected="a notification", got=str(error), where=str(path), next_step=next_step)
            ) from error

    def done(self, path: Path) -> None:
        """Remove what was delivered."""
        path.unlink(missing_ok=True)
        fsync_directory(self.folder)

    def refuse(self, path: Path) -> None:
        """Put aside what the sink will never take; of these, too, only as many as the queue holds are kept."""
        aside = self.folder / "refused"
        aside.mkdir(exist_ok=True)
        path.rename(aside / path.name)
        for oldest in sorted(aside.glob("*.json"))[: -self.capacity]:
            oldest.unlink()
        fsync_directory(self.folder)
