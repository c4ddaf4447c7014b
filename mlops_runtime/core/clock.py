"""Time: wall-clock stamps for records, a monotonic clock for durations."""

from __future__ import annotations

import datetime as dt
import time

__all__ = ["monotonic_s", "now", "timestamp"]


def now() -> dt.datetime:
    """Return the current time, time-zone aware, in UTC."""
    return dt.datetime.now(dt.UTC)


def timestamp() -> str:
    """Return the current time as RFC 3339 text with microseconds, for example `2026-11-23T05:46:00.000000Z`."""
    return now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def monotonic_s() -> float:
    """Return seconds on a clock that never steps back; only differences mean anything."""
    return time.monotonic()
