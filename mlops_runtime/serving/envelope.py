"""What wraps every response: the access log, the response counter, and `Connection: close` while draining."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mlops_runtime.core.clock import monotonic_s
from mlops_runtime.core.logs import get_logger
from mlops_runtime.serving.service import Service

__all__ = ["Envelope"]

_access = get_logger("serving.access")
_log = get_logger("serving")

_KNOWN_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"})


class Envelope:
    """ASGI middleware around the whole application, error pages included."""

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app = app
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or run the lifespan."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started_s = monotonic_s()
        status = 0
        sent_bytes = 0

        async def watched_send(message: Message) -> None:
            nonlocal status, sent_bytes
            if message["type"] == "http.response.start":
                status = message["status"]
                if self._service.draining:
                    message["headers"] = [*message.get("headers", []), (b"connection", b"close")]
            else:
                sent_bytes += len(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, receive, watched_send)
        except Exception:
            _log.exception("request failed", extra={"fields": {"path": scope["path"]}})
        method = scope["method"] if scope["method"] in _KNOWN_METHODS else "OTHER"
        if status:
            self._service.metrics.responded(method, status)
        fields = {
            "client": (scope.get("client") or ("", 0))[0],
            "method": method,
            "path": scope["path"],
            "status": status,
            "milliseconds": round((monotonic_s() - started_s) * 1000, 3),
            "bytes": sent_bytes,
            **scope.get("state", {}).get("fields", {}),
        }
        _access.info("request", extra={"fields": fields})
