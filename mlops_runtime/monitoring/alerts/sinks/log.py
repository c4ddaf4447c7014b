"""A file of JSON lines, one for each notification; the simplest sink, and what the others can be compared with."""

from __future__ import annotations

import json
import os
from pathlib import Path

from mlops_runtime.core.durable import unwritten
from mlops_runtime.monitoring.alerts.alert import Notification

__all__ = ["LogSink"]


class LogSink:
    """Appends to a file, durably; what a crash cut off in the middle is ended before the next line begins."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def send(self, notification: Notification) -> None:
        """Append. Raises ConfigError or CapacityError when it cannot be written."""
        line = json.dumps(notification.to_dict(), allow_nan=False, sort_keys=True).encode() + b"\n"
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a+b") as stream:
                end = stream.seek(0, os.SEEK_END)
                if end:
                    stream.seek(end - 1)
                    line = line if stream.read(1) == b"\n" else b"\n" + line
                stream.write(line)
                stream.flush()
                os.fsync(stream.fileno())
        except OSError as error:
            raise unwritten(error, self._path) from error
