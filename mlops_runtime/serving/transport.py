"""uvicorn's HTTP/1.1 connection, with a deadline for receiving a request and refusals in the protocol's JSON."""

from __future__ import annotations

import asyncio
import json
from http import HTTPStatus
from typing import ClassVar

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

__all__ = ["connection_class"]


class _Connection(H11Protocol):
    """A connection that never waits longer than `receive_s` for the rest of a request, or for its first one.

    The clock runs from the connection or from the first byte of a request until its last byte has come, whether
    somebody waits for the body or it is being discarded; so a client that trickles bytes, or has sent too many, is
    cut off. Between requests uvicorn's own keep-alive clock runs.
    """

    receive_s: ClassVar[float]
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn does
        super().connection_made(transport)
        self._arm()

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        unfinished = self.conn.their_state is h11.SEND_BODY or (
            self.conn.their_state is h11.IDLE and self.conn.trailing_data[0] != b""
        )
        if unfinished:
            self._arm()
        else:
            self._disarm()

    def send_400_response(self, msg: str) -> None:
        self._refuse(HTTPStatus.BAD_REQUEST, msg)

    def _arm(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(self.receive_s, self._expire)

    def _disarm(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _expire(self) -> None:
        if not self.transport.is_closing():
            self._refuse(HTTPStatus.REQUEST_TIMEOUT, f"expected a whole request within {self.receive_s:g} s")

    def _refuse(self, status: HTTPStatus, message: str) -> None:
        """Answer once, if no answer has begun, and close."""
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            body = json.dumps({"error": f"HTTP: {message}"}).encode()
            headers = [
                ("content-type", "application/json"),
                ("content-length", str(len(body))),
                ("connection", "close"),
            ]
            for event in (
                h11.Response(status_code=status, headers=headers, reason=status.phrase.encode()),
                h11.Data(data=body),
                h11.EndOfMessage(),
            ):
                self.transport.write(self.conn.send(event) or b"")
        self.transport.close()


def connection_class(receive_s: float) -> type[_Connection]:
    """Return the connection class for one server: uvicorn makes the instances itself."""
    return type("Connection", (_Connection,), {"receive_s": receive_s})
