"""SQLite files of data rows: their sole opener, so that durability, permissions and later encryption have one place.

Such a file holds rows of data, not changes to the platform: it is no part of the database of `core.db` nor of its audit
log, whose single writer millions of rows would wait for. What a process was killed in the middle of is undone when the
file is next opened; any number of processes may write, one at a time.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mlops_runtime.core.errors import CapacityError, ConfigError, IntegrityError, MlrtError, problem

__all__ = ["RowFile"]

_BUSY_TIMEOUT_S = 30
_PRAGMAS = ("journal_mode = WAL", "synchronous = FULL", "trusted_schema = OFF", "secure_delete = ON")


class RowFile:
    """One open file, which its owner alone may read; rows that were deleted are overwritten.

    Raises ConfigError when it cannot be opened or written, IntegrityError when it is damaged, CapacityError when the
    disk is full.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._translated():
            path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
            self.connection = sqlite3.connect(path, timeout=_BUSY_TIMEOUT_S, isolation_level=None)
        try:
            with self._translated():
                for pragma in _PRAGMAS:
                    self.connection.execute(f"PRAGMA {pragma}")
        except MlrtError:
            self.connection.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self.connection.close()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Hold the write lock; what was written stays, durably, unless the block ends with an error."""
        with self._translated():
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                yield self.connection
                self.connection.execute("COMMIT")
            finally:
                if self.connection.in_transaction:
                    self.connection.execute("ROLLBACK")

    def rows(self, statement: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        """Return all rows of a query."""
        with self._translated():
            return self.connection.execute(statement, values).fetchall()

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            translated = self._translate(error)
            if translated is None:
                raise
            raise translated from error
        except OSError as error:
            expected, got = "a file and a folder that can be made", error.strerror or str(error)
            raise ConfigError(
                problem(expected=expected, got=got, where=str(self.path), next_step="choose another")
            ) from error

    def _translate(self, error: sqlite3.DatabaseError) -> MlrtError | None:
        """Return the error for what is wrong with the file; None for what is wrong with a statement."""
        name = getattr(error, "sqlite_errorname", "")
        if name == "SQLITE_FULL":
            return CapacityError(f"{self.path}: no space left — free some; nothing was changed")
        if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
            expected, next_step = "a file of ours, undamaged", "restore it, or remove it and send the rows again"
            return IntegrityError(problem(expected=expected, got=str(error), where=str(self.path), next_step=next_step))
        if name.startswith(("SQLITE_BUSY", "SQLITE_CANTOPEN", "SQLITE_IOERR", "SQLITE_LOCKED", "SQLITE_READONLY")):
            expected, next_step = "a file that can be written", "choose another folder, or wait for the other writer"
            return ConfigError(problem(expected=expected, got=str(error), where=str(self.path), next_step=next_step))
        return None
