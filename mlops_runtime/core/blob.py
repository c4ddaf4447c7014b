"""The content-addressed store: bytes go in by copy, come out only if their SHA-256 still matches.

This module is the only opener of persistent artefact bytes, so that encryption at rest has one place to live.
"""

from __future__ import annotations

import re
from pathlib import Path

from mlops_runtime.core.digest import sha256_bytes
from mlops_runtime.core.durable import durable_write
from mlops_runtime.core.errors import IntegrityError, RegistryError

__all__ = ["BlobStore", "read_verified"]

_SHA256 = re.compile(r"[0-9a-f]{64}\Z")


def read_verified(path: Path, sha256: str) -> bytes:
    """Return a file's bytes after checking them against `sha256`; nothing is parsed before this.

    Raises IntegrityError when the file is absent, unreadable or its content does not match.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise IntegrityError(
            f"{path}: expected a readable file, got {error.strerror} — restore it from its source"
        ) from error
    actual = sha256_bytes(data)
    if actual != sha256:
        raise IntegrityError(
            f"{path}: expected sha256 {sha256[:16]}…, got {actual[:16]}… — bytes changed; restore it from its source"
        )
    return data


class BlobStore:
    """A directory of immutable blobs named by their SHA-256, fanned out over 256 folders."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, sha256: str) -> Path:
        """Return where a blob lives. Raises RegistryError when `sha256` is not 64 lower-case hex digits."""
        if not _SHA256.match(sha256):
            raise RegistryError(f"blob store: expected 64 hex digits, got {sha256[:80]!r} — pass a digest, not a path")
        return self.root / sha256[:2] / sha256[2:]

    def put(self, data: bytes) -> str:
        """Store `data` durably and return its SHA-256; storing the same bytes again writes nothing."""
        sha256 = sha256_bytes(data)
        target = self.path(sha256)
        if not target.exists():
            durable_write(target, data)
        return sha256

    def get(self, sha256: str) -> bytes:
        """Return a blob's bytes, verified. Raises IntegrityError when it is absent or damaged."""
        return read_verified(self.path(sha256), sha256)
