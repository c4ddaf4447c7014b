"""The content-addressed store: bytes go in by copy, come out only if their SHA-256 still matches.

This module is the only opener of persistent artefact bytes, so that encryption at rest has one place to live.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from pathlib import Path

from mlops_runtime.core.digest import sha256_bytes
from mlops_runtime.core.durable import durable_write
from mlops_runtime.core.errors import IntegrityError, RegistryError, problem

__all__ = ["BlobStore", "read_regular", "read_verified"]

_SHA256 = re.compile(r"[0-9a-f]{64}\Z")
_OPEN_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # a FIFO must not hang us


def read_regular(path: Path, *, limit: int | None = None) -> bytes:
    """Return the bytes of a regular file of at most `limit` bytes; links and devices are refused.

    Raises IntegrityError when the file is absent, unreadable, not a regular file or larger than `limit`.
    """
    try:
        with os.fdopen(os.open(path, _OPEN_FLAGS), "rb") as stream:
            status = os.fstat(stream.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise _damaged(path, "a regular file", "a directory or a device")
            if limit is not None and status.st_size > limit:
                raise _damaged(path, f"at most {limit:,} bytes", f"{status.st_size:,}")
            return stream.read()
    except OSError as error:
        got = "a symbolic link" if error.errno == errno.ELOOP else str(error.strerror)
        raise _damaged(path, "a readable file", got) from error


def _damaged(path: Path, expected: str, got: str) -> IntegrityError:
    return IntegrityError(
        problem(expected=expected, got=got, where=str(path), next_step="the bytes changed; restore it from its source")
    )


def read_verified(path: Path, sha256: str, *, size: int | None = None) -> bytes:
    """Return a file's bytes after checking them against `sha256`; nothing is parsed before this.

    size: the most bytes to read, so that a swapped file cannot exhaust memory.
    Raises IntegrityError when the file is absent, unreadable or its content does not match.
    """
    data = read_regular(path, limit=size)
    actual = sha256_bytes(data)
    if actual != sha256:
        raise _damaged(path, f"sha256 {sha256[:16]}…", f"{actual[:16]}…")
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

    def names(self) -> list[str]:
        """Return the SHA-256 of every blob that is there, in order."""
        found = ("".join(path.parts[-2:]) for path in self.root.glob("??/*"))
        return sorted(name for name in found if _SHA256.match(name))

    def remove(self, sha256: str) -> int:
        """Remove a blob and return its bytes; 0 when there is none. Raises RegistryError as `path` does."""
        path = self.path(sha256)
        try:
            size = path.stat().st_size
            path.unlink()
        except FileNotFoundError:
            return 0
        return size

    def put(self, data: bytes) -> str:
        """Store `data` durably and return its SHA-256; bytes that are there undamaged are not written again."""
        sha256 = sha256_bytes(data)
        try:
            self.get(sha256)
        except IntegrityError:
            durable_write(self.path(sha256), data, mode=0o600)
        return sha256

    def get(self, sha256: str) -> bytes:
        """Return a blob's bytes, verified. Raises IntegrityError when it is absent or damaged."""
        return read_verified(self.path(sha256), sha256)
