"""From the outboxes to the sinks: each sink at its own pace, in order, trying again for as long as it takes.

A sink that is down keeps its own queue waiting and nothing else: rounds only write files, and each sink has a thread.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self

from mlops_runtime.core.clock import monotonic_s
from mlops_runtime.core.errors import DataError, MlrtError
from mlops_runtime.core.lock import try_exclusive
from mlops_runtime.core.logs import get_logger
from mlops_runtime.monitoring.alerts.outbox import Outbox
from mlops_runtime.monitoring.alerts.sinks.opening import Sink

__all__ = ["Couriers", "Delivered", "deliver"]

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 300.0

log = get_logger("alerts")


@dataclass(frozen=True, slots=True)
class Delivered:
    """What became of a sink's queue: how many notifications it took, refused, and has yet to get; its last error."""

    sent: int = 0
    refused: int = 0
    waiting: int = 0
    error: str | None = None


def deliver(outbox: Outbox, sink: Sink, stop: threading.Event | None = None) -> Delivered:
    """Send what waits, oldest first, until the queue is empty, the sink fails or `stop` is set.

    Nothing is sent while another process delivers from the same outbox.
    """
    sent = refused = 0
    error = None
    if not outbox.folder.is_dir():
        return Delivered()
    lock = outbox.folder / "lock"
    lock.touch()
    with try_exclusive(lock) as free:
        for path in outbox.waiting() if free else []:
            if stop is not None and stop.is_set():
                break
            try:
                sink.send(outbox.read(path))
                outbox.done(path)
                sent += 1
            except DataError as problem:
                outbox.refuse(path)
                refused, error = refused + 1, str(problem)
            except (MlrtError, OSError) as problem:
                error = str(problem)
                break
    return Delivered(sent, refused, len(outbox.waiting()), error)


class Couriers:
    """A thread for each sink, as long as the block runs; what is not delivered when it ends waits for the next."""

    def __init__(self, outboxes: Mapping[str, Outbox], sinks: Mapping[str, Sink]) -> None:
        self._stop = threading.Event()
        self._wake = {name: threading.Event() for name in sinks}
        self._idle = {name: threading.Event() for name in sinks}
        self._total = {name: Delivered() for name in sinks}
        self._threads = [
            threading.Thread(target=self._run, args=(name, outboxes[name], sink), name=f"alerts-{name}", daemon=True)
            for name, sink in sinks.items()
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        for wake in self._wake.values():
            wake.set()

    def wake(self) -> None:
        """Say that there may be something to deliver."""
        for name, wake in self._wake.items():
            self._idle[name].clear()
            wake.set()

    def settle(self, patience_s: float) -> dict[str, Delivered]:
        """Wait until every queue is empty or has failed once, at most `patience_s`.

        Return what became of each queue since the block began, and its last error.
        """
        deadline = monotonic_s() + patience_s
        for idle in self._idle.values():
            idle.wait(max(0.0, deadline - monotonic_s()))
        return dict(self._total)

    def _run(self, name: str, outbox: Outbox, sink: Sink) -> None:
        failures = 0
        while not self._stop.is_set():
            self._wake[name].clear()
            done = self._deliver(name, outbox, sink)
            failures = failures + 1 if done.waiting else 0
            if failures or not self._wake[name].is_set():
                self._idle[name].set()
            if failures:
                self._stop.wait(_pause_s(failures))
            else:
                self._wake[name].wait()

    def _deliver(self, name: str, outbox: Outbox, sink: Sink) -> Delivered:
        """Deliver once and add to the totals; a thread outlives whatever its folder does."""
        try:
            done = deliver(outbox, sink, self._stop)
        except OSError as problem:
            done = Delivered(waiting=1, error=str(problem))
        if done.error:
            log.warning("not delivered", extra={"fields": {"sink": name, "error": done.error}})
        total = self._total[name]
        self._total[name] = replace(done, sent=total.sent + done.sent, refused=total.refused + done.refused)
        return done


def _pause_s(failures: int) -> float:
    """Return how long to wait after so many failures in a row: twice as long each time, out of step with others."""
    longest = min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2.0 ** min(failures - 1, 30))
    return random.uniform(longest / 2, longest)
