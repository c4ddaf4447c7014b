"""A file of a data set, wherever it lies: opened, hashed, or brought here, with errors that name it."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.fs as pafs

from mlops_runtime.core.digest import sha256_file
from mlops_runtime.core.errors import ConfigError, DataError, MlrtError, problem

__all__ = ["READ_ERRORS", "StoredFile", "Written", "damaged", "unreadable", "written"]

Written = tuple[int | None, int | None]  # size in bytes, time of writing in nanoseconds; None where nobody keeps it

READ_ERRORS = (pa.ArrowException, OSError, MemoryError, ValueError)  # what decoding damaged bytes raises

_COPY_BYTES = 1 << 20
_SECOND_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class StoredFile:
    """One file. path: in its file system. name: relative to the data set, with `/`. where: for messages.

    written: as it was when it was found. partition: what its place in the data set stands for, key by key; None is a
    missing value. named: whether the user chose it, and did not just name a folder above it.
    """

    filesystem: pafs.FileSystem
    path: str
    name: str
    where: str
    written: Written
    partition: Mapping[str, str | None] = field(default_factory=dict)
    named: bool = True

    @property
    def local(self) -> Path | None:
        """Where it lies on this machine, if it does."""
        return Path(self.path) if isinstance(self.filesystem, pafs.LocalFileSystem) else None

    def open(self) -> pa.NativeFile:
        """Open it for random access. Raises ConfigError when it cannot be opened."""
        try:
            return self.filesystem.open_input_file(self.path)
        except OSError as error:
            raise unreadable(self.where, error) from error

    def sha256(self) -> str:
        """Return the SHA-256 of its bytes, in lower-case hex."""
        if self.local is not None:
            return sha256_file(self.local)
        with self.open() as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()

    @contextlib.contextmanager
    def unchanged(self) -> Iterator[None]:
        """Raise DataError when, after what is done here, the file is not as it was found; else as `explained`."""
        with self.explained():
            yield
        self._check_unchanged(None)

    @contextlib.contextmanager
    def explained(self) -> Iterator[None]:
        """Raise DataError in place of an error when a file has another size or time of writing than when it was found.

        Of a file that has not: ConfigError in place of an OSError.
        """
        try:
            yield
        except MlrtError as error:
            self._check_unchanged(error)
            raise
        except OSError as error:
            self._check_unchanged(error)
            raise unreadable(self.where, error) from error

    def _check_unchanged(self, cause: Exception | None) -> None:
        try:
            info = self.filesystem.get_file_info(self.path)
        except OSError as error:
            raise unreadable(self.where, error) from error
        if written(self.filesystem, info) != self.written:
            raise DataError(
                problem(
                    expected="the file that was opened",
                    got="none in its place" if info.type == pafs.FileType.NotFound else "another one in its place",
                    where=self.where,
                    next_step="open the data set again when nobody writes it",
                )
            ) from cause

    @contextlib.contextmanager
    def brought_here(self) -> Iterator[Path]:
        """Give a local path to its bytes: its own, or of a copy that is removed afterwards."""
        if self.local is not None:
            yield self.local
            return
        with tempfile.NamedTemporaryFile(prefix="mlrt-", suffix=Path(self.path).suffix) as copy:
            with self.open() as stream:
                shutil.copyfileobj(stream, copy, _COPY_BYTES)
            copy.flush()
            yield Path(copy.name)


def written(system: pafs.FileSystem, info: pafs.FileInfo) -> Written:
    """Return what tells the content of a file from what may be written in its place.

    Of times elsewhere only the seconds: servers list milliseconds that they leave out when asked for one file.
    """
    if info.mtime_ns is None or isinstance(system, pafs.LocalFileSystem):
        return info.size, info.mtime_ns
    return info.size, info.mtime_ns // _SECOND_NS * _SECOND_NS


def unreadable(where: str, error: OSError) -> ConfigError:
    """Return the error for a path that cannot be opened."""
    reason = os.strerror(error.errno).lower() if error.errno else str(error).splitlines()[0][:200]
    return ConfigError(
        problem(
            expected="a readable data file",
            got=f"an error: {reason}",
            where=where,
            next_step="pass CSV, Parquet or Arrow IPC files that this user may read",
        )
    )


def damaged(where: str, kind: str, error: BaseException) -> DataError:
    """Return the error for bytes that are not what their format says."""
    return DataError(
        problem(
            expected=f"a whole {kind} file",
            got=(str(error).splitlines() or [type(error).__name__])[0][:200],
            where=where,
            next_step="the file is truncated or damaged: copy or write it again",
        )
    )
