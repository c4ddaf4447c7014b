"""Content codings of bodies: gzip, and deflate in its zlib form, as the HTTP standard has it."""

from __future__ import annotations

import gzip
import zlib

from mlops_runtime.core.errors import CapacityError, DataError

__all__ = ["CODINGS", "choose_coding", "compress", "decompress"]

CODINGS = ("gzip", "deflate")

_WINDOW_BITS = {"gzip": 31, "deflate": 15}
_LEVEL = 1  # answers are small and sent once: speed before size
_WORTH_BYTES = 1024


def decompress(body: bytes, coding: str, *, limit: int) -> bytes:
    """Return the plain body. Raises CapacityError above `limit` bytes, DataError when it is not one whole stream."""
    stream = zlib.decompressobj(_WINDOW_BITS[coding])
    try:
        plain = stream.decompress(body, limit + 1)
    except zlib.error as error:
        raise DataError(f"request body: expected {coding} data, got something else ({error})") from error
    if len(plain) > limit:
        raise CapacityError(
            f"request body: expected at most {limit} bytes after {coding}, got more — send smaller batches"
        )
    if not stream.eof or stream.unused_data:
        got = "trailing bytes" if stream.eof else "data cut short"
        raise DataError(f"request body: expected one whole {coding} stream, got {got}")
    return plain


def compress(body: bytes, coding: str) -> bytes:
    """Return the body in one of `CODINGS`, the same bytes for the same body."""
    if coding == "gzip":
        return gzip.compress(body, _LEVEL, mtime=0)
    return zlib.compress(body, _LEVEL)


def choose_coding(accept: str, size: int) -> str | None:
    """Pick the coding for an answer of `size` bytes from an `Accept-Encoding` header; None sends it as it is.

    >>> choose_coding("gzip, deflate", 4096), choose_coding("deflate;q=1, gzip;q=0", 4096), choose_coding("gzip", 64)
    ('gzip', 'deflate', None)
    """
    if size < _WORTH_BYTES:
        return None
    accepted = set()
    for item in accept.lower().split(","):
        name, _, quality = item.partition(";")
        if quality.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000"):
            accepted.add(name.strip())
    return next((coding for coding in CODINGS if coding in accepted), None)
