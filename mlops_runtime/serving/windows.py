"""From the watches of a server to a log of windows on the disk, in the background: no request waits for a disk."""

from __future__ import annotations

from collections import deque

from mlops_runtime.core.clock import monotonic_s
from mlops_runtime.core.errors import MlrtError
from mlops_runtime.core.logs import get_logger
from mlops_runtime.core.settings import settings
from mlops_runtime.monitoring.windows import Window, WindowStore
from mlops_runtime.serving.models import ModelTable
from mlops_runtime.serving.watch import DriftWatch

__all__ = ["WindowKeeper", "served_windows"]

_GIB = 1 << 30
_MOST_WAITING = 1000
_RETIRED_S = 120.0  # longer than a request of a retired version may take

_log = get_logger("serving.windows")


def served_windows() -> WindowStore:
    """Return the store to which the servers of this home write their windows, `<home>/windows`."""
    return WindowStore(settings().home / "windows", max_bytes=int(settings().windows_gib * _GIB))


class WindowKeeper:
    """Writes the windows of every version that was served, retired ones to their last row. For one thread at a time.

    When the store cannot be written, the newest thousand lots of windows wait, and requests are served all the same.
    """

    def __init__(self, table: ModelTable, store: WindowStore) -> None:
        self._table, self._store = table, store
        self._watches: dict[int, DriftWatch] = {}
        self._served_s: dict[int, float] = {}
        self._waiting: deque[tuple[DriftWatch, list[Window]]] = deque(maxlen=_MOST_WAITING)
        self._complaint = ""
        self._whole_s = monotonic_s()

    def collect(self, *, end: bool = False) -> None:
        """Count what is pending and write the windows that ended.

        Every `settings().window_write_s`, and at the end, what the present windows hold is written too, as parts that
        add up when they are read: a server that is killed loses no more than that, and nothing is counted twice.
        """
        write_open = end or monotonic_s() - self._whole_s >= settings().window_write_s
        self._whole_s = monotonic_s() if write_open else self._whole_s
        for served in self._table.versions():
            self._watches[id(served.watch)], self._served_s[id(served.watch)] = served.watch, monotonic_s()
        for name, watch in list(self._watches.items()):
            if windows := watch.collect(write_open=write_open):
                self._waiting.append((watch, windows))
            elif monotonic_s() - self._served_s[name] > _RETIRED_S and watch.is_idle:
                del self._watches[name], self._served_s[name]
        self._write()
        if end:
            self._store.close()

    def _write(self) -> None:
        while self._waiting:
            watch, windows = self._waiting[0]
            try:
                self._store.append(windows, watch.baseline, watch.multivariate)
            except MlrtError as error:
                self._complain(str(error))
                return
            self._waiting.popleft()
        self._complaint = ""

    def _complain(self, reason: str) -> None:
        """Log a failure once, until it is over or another."""
        if reason != self._complaint:
            _log.error("windows wait to be written: %s", reason)
        self._complaint = reason
