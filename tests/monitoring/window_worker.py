"""What tests of the window store run in processes of their own: `python window_worker.py COMMAND FOLDER …`."""

from __future__ import annotations

import resource
import signal
import sys
from pathlib import Path

from window_cases import BASELINE, MINUTE, rows_at

from mlops_runtime.core.errors import MlrtError
from mlops_runtime.monitoring.windows import Tumbling, Window, WindowedMonitor, WindowStore


def windows_of(number: int, writer: str) -> list[Window]:
    """The windows of one pane, of two tenants, whose rows say which pane it is."""
    monitor = WindowedMonitor(BASELINE, Tumbling(MINUTE), keys=["tenant"], labels={"writer": writer})
    monitor.update(rows_at([number] * (number % 7 + 2), tenant=["a"] + ["b"] * (number % 7 + 1)), time="at")
    return monitor.close()


def append_forever(folder: Path, writer: str, segment_bytes: int) -> None:
    """Append one pane after another, and say when each is durable, until killed."""
    store = WindowStore(folder, segment_bytes=segment_bytes)
    number = 0
    while True:
        store.append(windows_of(number, writer), BASELINE)
        print(number, flush=True)
        number += 1


def append_limited(folder: Path, writer: str, limit: int) -> None:
    """Append while no file may be larger than `limit` bytes; print how many panes were refused and taken."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    store = WindowStore(folder)
    store.append(windows_of(0, writer), BASELINE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    outcomes = []
    for number in range(1, 8):
        try:
            store.append(windows_of(number, writer), BASELINE)
            outcomes.append(f"{number} taken")
        except MlrtError as error:
            outcomes.append(f"{number} {type(error).__name__}")
    print("\n".join(outcomes))


if __name__ == "__main__":
    command, folder, writer, size = sys.argv[1:]
    {"forever": append_forever, "limited": append_limited}[command](Path(folder), writer, int(size))
