"""One server process: a bound socket, uvicorn on it, and an end that drops nothing.

On SIGTERM or SIGINT: readiness turns false and every answer says `Connection: close`, while new requests are still
answered for `drain_s`, so that balancers and clients leave on their own; then the socket closes, what is in flight is
finished, and the process ends with 0. A second SIGINT ends it at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import signal
import socket
from collections.abc import Callable, Iterator

import uvicorn

from mlops_runtime.core.clock import monotonic_s
from mlops_runtime.core.errors import ConfigError, PolicyError
from mlops_runtime.serving.app import create_app
from mlops_runtime.serving.service import Service
from mlops_runtime.serving.transport import connection_class

__all__ = ["bind", "run"]

_BACKLOG = 2048
_FINISH_S = 30
_KEEP_ALIVE_S = 75
_DRAIN_STEP_S = 0.05
_PORT_LIMIT = 65_535


def bind(address: str, *, insecure: bool) -> socket.socket:
    """Bind `HOST:PORT` (port 0: a free one) and listen.

    Raises PolicyError for a host that is not loopback unless `insecure`, ConfigError when it cannot be bound.
    """
    host, _, port = address.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not (port.isascii() and port.isdigit()) or int(port) > _PORT_LIMIT:
        raise ConfigError(f"--http: expected HOST:PORT, got {address!r} — for example 127.0.0.1:8000")
    try:
        found = socket.getaddrinfo(host, int(port), type=socket.SOCK_STREAM)
        family, _, _, _, target = found[0]
        if not insecure and not ipaddress.ip_address(target[0]).is_loopback:
            raise PolicyError(
                f"--http {address}: expected a loopback address, got {target[0]}, where anybody could use "
                "this server without authentication or encryption — put a proxy before 127.0.0.1, or say --insecure"
            )
        listener = socket.create_server(target[:2], family=family, backlog=_BACKLOG)
        # Accepted sockets inherit it. asyncio would not set it on a socket made with proto 0: each reply took 40 ms.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listener
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConfigError(
            f"--http {address}: cannot be bound ({reason}) — choose another, port 0 takes a free one"
        ) from error


def run(service: Service, listener: socket.socket, *, on_ready: Callable[[], None]) -> None:
    """Serve until a signal comes. on_ready: called once, when requests are answered."""
    config = uvicorn.Config(
        create_app(service),
        http=connection_class(service.options.receive_s),
        ws="none",
        lifespan="on",
        log_config=None,
        log_level="error",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=_FINISH_S,
    )
    _Server(config, service, on_ready).run(sockets=[listener])


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, service: Service, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._service = service
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._service.draining = True
        deadline_s = monotonic_s() + self._service.options.drain_s
        while monotonic_s() < deadline_s and not self.force_exit:
            await asyncio.sleep(_DRAIN_STEP_S)
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take the signals, and unlike uvicorn do not raise them again at the end: a clean stop is exit code 0."""
        signals = (signal.SIGINT, signal.SIGTERM)
        before = [signal.signal(number, self.handle_exit) for number in signals]
        try:
            yield
        finally:
            for number, handler in zip(signals, before, strict=True):
                signal.signal(number, handler)
