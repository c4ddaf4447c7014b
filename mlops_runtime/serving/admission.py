"""A bound on what the requests in flight hold together, so that overload costs an answer and not the process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from starlette.exceptions import HTTPException

__all__ = ["Admission", "Ticket"]

_OVERLOADED = 503
_RETRY_AFTER = {"Retry-After": "1"}


class Admission:
    """Counts admitted requests and the bytes of their bodies. Used from the event loop alone: it needs no lock."""

    def __init__(self, *, requests: int, body_bytes: int) -> None:
        self._requests_limit = requests
        self._bytes_limit = body_bytes
        self.requests = 0
        self.body_bytes = 0

    @contextmanager
    def admit(self) -> Iterator[Ticket]:
        """Admit one request for the length of the block. Raises HTTPException 503 when there are too many."""
        if self.requests >= self._requests_limit:
            raise HTTPException(_OVERLOADED, f"expected at most {self._requests_limit} requests at once", _RETRY_AFTER)
        ticket = Ticket(self)
        self.requests += 1
        try:
            yield ticket
        finally:
            self.requests -= 1
            self.body_bytes -= ticket.body_bytes

    def has_room(self, size: int) -> bool:
        """Say whether `size` more bytes of body fit now."""
        return self.body_bytes + size <= self._bytes_limit


class Ticket:
    """One admitted request and the bytes of its body so far."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self.body_bytes = 0

    def take(self, size: int) -> None:
        """Account for `size` more bytes of body. Raises HTTPException 503 when the requests hold too many together."""
        if not self._admission.has_room(size):
            raise HTTPException(_OVERLOADED, "the bodies of the requests in flight fill their memory", _RETRY_AFTER)
        self.body_bytes += size
        self._admission.body_bytes += size
