"""What a running server consists of: model table, metrics, admission, worker threads, and its background tasks."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

from mlops_runtime.core.logs import get_logger
from mlops_runtime.core.settings import settings
from mlops_runtime.serving.admission import Admission
from mlops_runtime.serving.metrics import Metrics
from mlops_runtime.serving.models import ModelTable
from mlops_runtime.serving.request import RequestLimits
from mlops_runtime.serving.windows import WindowKeeper, served_windows

__all__ = ["Service", "ServiceOptions"]

_T = TypeVar("_T")

_FLUSH_S = 0.25

_log = get_logger("serving")


@dataclass(frozen=True, slots=True)
class ServiceOptions:
    """Limits and intervals of one server.

    body_bytes: one body, before and after decompression. requests, bodies_bytes: all requests in flight together.
    score_s: from a body read to its answer. poll_s: how often aliases are read. drain_s: see `server.Server`.
    """

    limits: RequestLimits = field(default_factory=RequestLimits)
    body_bytes: int = 64 << 20
    requests: int = 512
    bodies_bytes: int = 256 << 20
    receive_s: float = 30.0
    score_s: float = 30.0
    poll_s: float = 1.0
    drain_s: float = 1.0


class Service:
    """One server's parts, shared by all routes. Create it before the event loop; `running` is its lifetime."""

    def __init__(self, table: ModelTable, options: ServiceOptions | None = None) -> None:
        self.options = options or ServiceOptions()
        self.table = table
        self.metrics = Metrics(table)
        self.admission = Admission(requests=self.options.requests, body_bytes=self.options.bodies_bytes)
        self.draining = False
        self._windows = WindowKeeper(table, served_windows())
        self._pool = ThreadPoolExecutor(settings().thread_count, thread_name_prefix="infer")

    async def in_worker(self, work: Callable[[], _T]) -> _T:
        """Run `work` in a worker thread. Raises TimeoutError after `score_s`; what has begun is not interrupted."""
        future = asyncio.get_running_loop().run_in_executor(self._pool, work)
        return await asyncio.wait_for(future, self.options.score_s)

    async def in_background(self, work: Callable[[], _T]) -> _T:
        """Run `work` in a thread apart from the workers: reports do not wait for, nor delay, inference."""
        return await asyncio.to_thread(work)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Follow aliases, count traffic and write windows in the background; at the end write the rest, and log."""
        background = [
            asyncio.create_task(self._every(self.options.poll_s, self.table.refresh)),
            asyncio.create_task(self._every(_FLUSH_S, self._windows.collect)),
        ]
        try:
            yield
        finally:
            for task in background:
                task.cancel()
            await asyncio.gather(*background, return_exceptions=True)
            self._pool.shutdown()
            self._windows.collect(end=True)
            self._log_drift()

    async def _every(self, seconds: float, work: Callable[[], None]) -> None:
        while True:
            await asyncio.sleep(seconds)
            try:
                await asyncio.to_thread(work)
            except Exception:
                _log.exception("a background task failed; it is tried again")

    def _log_drift(self) -> None:
        for served in self.table.versions():
            _log.info("drift at the end", extra={"fields": served.verdict()})
