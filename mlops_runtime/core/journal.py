"""A journal: an append-only file of records, each hashed, that survives kill -9, a power loss and a full disk.

    magic           8 bytes, `MLRTJNL1`
    a record        4 bytes `\\xffREC`, uint32 little-endian size, SHA-256 of size and payload, payload

A record is on the disk when `append` returns. One process writes a journal, which it holds locked; any number read it
meanwhile. What follows the last whole record is a torn tail, left by a writer that did not end well: readers leave it
out and count its bytes. Damage before a whole record is an error, and so is a file that is no journal.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from mlops_runtime.core.blob import read_regular
from mlops_runtime.core.durable import fsync_directory, unwritten
from mlops_runtime.core.errors import CapacityError, IntegrityError, problem

__all__ = ["Journal", "JournalRecords", "journal_bytes", "read_journal"]

_MAGIC = b"MLRTJNL1"
_MARK = b"\xffREC"
_SIZE = struct.Struct("<I")
_HEAD_BYTES = len(_MARK) + _SIZE.size + 32
_MOST_BYTES = 1 << 28
_MOST_MARKS = 64


@dataclass(frozen=True, slots=True)
class JournalRecords:
    """The payloads of a journal, in order. size: of the file that was read. torn_bytes: after the last whole record."""

    payloads: tuple[bytes, ...]
    size: int
    torn_bytes: int


class Journal:
    """A journal that this process writes. Raises ConfigError or CapacityError when it cannot be made."""

    def __init__(self, path: Path) -> None:
        """Make the file; there must be none. It is readable by its owner alone."""
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
            self._file = os.open(path, flags, 0o600)
            fcntl.flock(self._file, fcntl.LOCK_EX)
            self._size = 0
            self._write(_MAGIC)
            fsync_directory(path.parent)
        except OSError as error:
            raise unwritten(error, path) from error

    @property
    def size(self) -> int:
        """Bytes that are on the disk."""
        return self._size

    def append(self, payloads: Iterable[bytes]) -> None:
        """Write records, at once; they are durable when this returns. After a crash some may be left.

        Raises CapacityError for more than 256 MiB or when the disk is full, ConfigError when the file cannot be
        written; then the journal is as it was.
        """
        records = b"".join(map(_framed, payloads))
        if len(records) > _MOST_BYTES:
            raise CapacityError(f"{self.path}: {len(records):,} bytes at once — append at most {_MOST_BYTES:,}")
        try:
            self._write(records)
        except OSError as error:
            raise unwritten(error, self.path) from error

    def close(self) -> None:
        """End writing; the lock ends with it."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _write(self, data: bytes) -> None:
        """Write all or, as far as the disk lets us, nothing: what came of a failed write is cut off."""
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(self._file, rest) :]
            os.fsync(self._file)
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, self._size)
            raise
        self._size += len(data)


def journal_bytes(payloads: Iterable[bytes]) -> bytes:
    """Return a whole journal, for who writes it at once (`durable_write`)."""
    return b"".join((_MAGIC, *map(_framed, payloads)))


def _framed(payload: bytes) -> bytes:
    size = _SIZE.pack(len(payload))
    return b"".join((_MARK, size, _digest(size, payload), payload))


def read_journal(path: Path, *, limit: int = _MOST_BYTES * 2) -> JournalRecords:
    """Return the records of a journal, of a file that is being written, too.

    Raises IntegrityError when it is not there, larger than `limit` bytes or no journal, and for damage before a whole
    record.
    """
    data = read_regular(path, limit=limit)
    if not _MAGIC.startswith(data[: len(_MAGIC)]):
        raise _damaged(path, "a journal", repr(data[: len(_MAGIC)]))
    payloads, place = [], len(_MAGIC)
    while (payload := _record_at(data, place)) is not None:
        payloads.append(payload)
        place += _HEAD_BYTES + len(payload)
    if _any_record_after(data, place):
        raise _damaged(path, "whole records", f"a damaged one at byte {place:,}, before whole ones")
    return JournalRecords(tuple(payloads), len(data), max(0, len(data) - place))


def _record_at(data: bytes, place: int) -> bytes | None:
    """Return the payload of the record that begins at `place`; None when no whole one does."""
    head = data[place : place + _HEAD_BYTES]
    if len(head) < _HEAD_BYTES or not head.startswith(_MARK):
        return None
    size = head[len(_MARK) : len(_MARK) + _SIZE.size]
    end = place + _HEAD_BYTES + _SIZE.unpack(size)[0]
    payload = data[place + _HEAD_BYTES : end]
    return payload if end <= len(data) and head[-32:] == _digest(size, payload) else None


def _any_record_after(data: bytes, place: int) -> bool:
    """Whether a whole record follows; also said of more marks than chance leaves in a torn one, without hashing on."""
    found = place - 1
    for _ in range(_MOST_MARKS):
        found = data.find(_MARK, found + 1)
        if found < 0:
            return False
        if _record_at(data, found) is not None:
            return True
    return True


def _digest(size: bytes, payload: bytes) -> bytes:
    return hashlib.sha256(size + payload).digest()


def _damaged(path: Path, expected: str, got: str) -> IntegrityError:
    next_step = "the bytes changed; restore the file, or move it away to go on without it"
    return IntegrityError(problem(expected=expected, got=got, where=str(path), next_step=next_step))
