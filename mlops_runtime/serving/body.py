"""Reading a request's body and framing headers, within bounds and before anything is parsed."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request

from mlops_runtime.core.errors import CapacityError, DataError
from mlops_runtime.serving.admission import Ticket
from mlops_runtime.serving.content import CODINGS

__all__ = ["header_bytes", "read_body", "request_coding"]

_HEADER_LENGTH = "inference-header-content-length"
_UNSUPPORTED_MEDIA_TYPE = 415
_DIGITS_LIMIT = 12


async def read_body(request: Request, ticket: Ticket, *, limit: int) -> bytes:
    """Return the whole body as sent. Raises CapacityError above `limit` bytes, DataError for contradictory framing."""
    if "content-length" in request.headers and "transfer-encoding" in request.headers:
        raise DataError("request: expected Content-Length or Transfer-Encoding, got both — send one")
    declared = int(request.headers.get("content-length", "0"))
    _check_size(declared, limit)
    ticket.take(declared)
    pieces: list[bytes] = []
    size = 0
    async for piece in request.stream():
        size += len(piece)
        _check_size(size, limit)
        if not declared:
            ticket.take(len(piece))
        pieces.append(piece)
    return b"".join(pieces)


def _check_size(size: int, limit: int) -> None:
    if size > limit:
        raise CapacityError(f"request body: expected at most {limit} bytes, got {size} or more — send smaller batches")


def request_coding(request: Request) -> str | None:
    """Return the body's content coding, None when it is plain. Raises HTTPException 415 for one we do not read."""
    coding = request.headers.get("content-encoding", "identity").strip().lower()
    if coding in ("", "identity"):
        return None
    if coding not in CODINGS:
        known = " or ".join(CODINGS)
        raise HTTPException(_UNSUPPORTED_MEDIA_TYPE, f"Content-Encoding: expected {known}, got {coding[:40]!r}")
    return coding


def header_bytes(request: Request) -> int | None:
    """Return what `Inference-Header-Content-Length` says, None without it. Raises DataError when it is no length."""
    values = request.headers.getlist(_HEADER_LENGTH)
    if not values:
        return None
    text = values[0].strip()
    if len(values) > 1 or not (text.isascii() and text.isdigit() and len(text) <= _DIGITS_LIMIT):
        raise DataError(
            f"Inference-Header-Content-Length: expected one length in bytes, got {', '.join(values)[:40]!r}"
        )
    return int(text)
