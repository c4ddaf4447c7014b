"""Work ahead: a thread makes the next items of an iterator while the caller uses the present one."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

__all__ = ["prefetched"]

_Item = TypeVar("_Item")
_POLL_S = 0.1


def prefetched(make: Callable[[], Iterator[_Item]], *, depth: int = 2) -> Iterator[_Item]:
    """Yield what `make()` yields, made by a thread that is at most `depth` items ahead.

    The thread starts with the first item asked for; what it raises is raised here. Closing this iterator stops the
    thread, which closes its own iterator, and waits for it.

    >>> list(prefetched(lambda: iter([1, 2, 3])))
    [1, 2, 3]
    """
    ahead = _Ahead(make, depth)
    ahead.start()
    try:
        while (made := ahead.items.get()) is not None:
            yield made[0]
        if ahead.error is not None:
            raise ahead.error
    finally:
        ahead.stop()


class _Ahead(threading.Thread, Generic[_Item]):
    """Makes items until there are none, one fails, or it is told to stop."""

    def __init__(self, make: Callable[[], Iterator[_Item]], depth: int) -> None:
        super().__init__(name="mlrt-prefetch", daemon=True)
        self.items: queue.Queue[tuple[_Item] | None] = queue.Queue(depth)
        self.error: BaseException | None = None
        self._make = make
        self._stopped = threading.Event()

    def run(self) -> None:
        try:
            items = self._make()
            try:
                for item in items:
                    if not self._put((item,)):
                        return
            finally:
                if close := getattr(items, "close", None):
                    close()
        except BaseException as error:  # the caller raises it, whatever it is
            self.error = error
        self._put(None)

    def _put(self, made: tuple[_Item] | None) -> bool:
        while not self._stopped.is_set():
            try:
                self.items.put(made, timeout=_POLL_S)
            except queue.Full:
                continue
            return True
        return False

    def stop(self) -> None:
        self._stopped.set()
        self.join()
