"""Windows: live counts cut into panes of time or of rows, by key, and a durable log of those that are closed."""

from __future__ import annotations

from mlops_runtime.monitoring.windows.keys import MISSING, OTHER, Segment
from mlops_runtime.monitoring.windows.rolling import roll
from mlops_runtime.monitoring.windows.spec import Decayed, Sliding, Tumbling
from mlops_runtime.monitoring.windows.store import WindowStore
from mlops_runtime.monitoring.windows.total import RunningTotal
from mlops_runtime.monitoring.windows.window import Window
from mlops_runtime.monitoring.windows.windowed import WindowedMonitor

__all__ = [
    "MISSING",
    "OTHER",
    "Decayed",
    "RunningTotal",
    "Segment",
    "Sliding",
    "Tumbling",
    "Window",
    "WindowStore",
    "WindowedMonitor",
    "roll",
]
