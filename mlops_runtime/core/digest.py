"""Digests and canonical JSON: the two things an identity is made of.

Canonical JSON is RFC 8785, which refuses NaN, infinities and integers above 2^53-1 and loses -0.0. So floats travel as
C99 hexadecimal strings (`float.hex`), which are exact, and large integers as decimal strings.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import rfc8785

__all__ = ["canonical_json", "from_hex_float", "hex_float", "sha256_bytes", "sha256_file"]

_CHUNK_BYTES = 1 << 20


def sha256_bytes(data: bytes) -> str:
    """Return the SHA-256 of `data` in lower-case hex."""
    return hashlib.sha256(data).hexdigest()


def sha256_file(path: Path) -> str:
    """Return the SHA-256 of a file's bytes in lower-case hex, reading it in 1 MiB pieces."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def canonical_json(value: Any) -> bytes:
    """Serialise to RFC 8785 bytes: the same value gives the same bytes everywhere.

    Raises rfc8785.CanonicalizationError (a ValueError) for NaN, infinities and integers above 2^53-1.

    >>> canonical_json({"b": 1, "a": "x"})
    b'{"a":"x","b":1}'
    """
    return rfc8785.dumps(value)


def hex_float(value: float) -> str:
    """Write a float exactly, as C99 hex.

    >>> hex_float(0.1)
    '0x1.999999999999ap-4'
    """
    return float(value).hex()


def from_hex_float(text: str) -> float:
    """Read what `hex_float` wrote, bit for bit, -0.0, infinities and NaN included."""
    return float.fromhex(text)
