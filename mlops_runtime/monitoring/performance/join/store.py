"""The join's file: SQLite, because every batch and every closed window must be in it whole or not at all.

It holds rows of data, not changes to the platform, so it is neither the database of `core.db` nor part of its audit
log: millions of rows would wait for that one's single writer. What a process was killed in the middle of is undone when
the file is next opened; any number of processes may write, one at a time.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

from mlops_runtime.core.errors import CapacityError, ConfigError, IntegrityError, MlrtError, problem
from mlops_runtime.monitoring.performance.join.spec import JoinSpec

__all__ = ["Store"]

FORMAT_VERSION = 1
_BUSY_TIMEOUT_S = 30


class Store:
    """One open file.

    Raises ConfigError when it cannot be opened or was made for another spec, IntegrityError when it is damaged,
    CapacityError when the disk is full.
    """

    def __init__(self, path: Path, spec: JoinSpec) -> None:
        self._path = path
        with self._translated():
            path.parent.mkdir(parents=True, exist_ok=True)
            self.connection = sqlite3.connect(path, timeout=_BUSY_TIMEOUT_S, isolation_level=None)
        try:
            self._open(spec)
        except MlrtError:
            self.connection.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self.connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

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

    def state(self, name: str) -> int:
        """Return a number that was `put` or counted; 0 at first."""
        found = self.rows("SELECT value FROM state WHERE name = ?", (name,))
        return int(found[0][0]) if found else 0

    def put(self, name: str, value: int) -> None:
        """Keep a number, within a transaction."""
        self.connection.execute("INSERT OR REPLACE INTO state VALUES (?, ?)", (name, value))

    def count(self, name: str, more: int) -> None:
        """Add to a number, within a transaction."""
        if more:
            self.put(name, self.state(name) + more)

    def _open(self, spec: JoinSpec) -> None:
        with self._translated():
            for pragma in ("journal_mode = WAL", "synchronous = FULL", "trusted_schema = OFF"):
                self.connection.execute(f"PRAGMA {pragma}")
        document = json.dumps({"format_version": FORMAT_VERSION, **spec.to_dict()}, sort_keys=True)
        with self.transaction() as connection:
            if not connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'state'").fetchone():
                for statement in _tables(len(spec.scores), len(spec.groups)):
                    connection.execute(statement)
                connection.execute("INSERT INTO state VALUES ('spec', ?)", (document,))
            made_for = connection.execute("SELECT value FROM state WHERE name = 'spec'").fetchone()[0]
        if made_for != document:
            raise ConfigError(
                problem(
                    expected=f"the spec that the file was made for, {made_for}",
                    got=document,
                    where=str(self._path),
                    next_step="give that one, or choose another folder",
                )
            )

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
            got = error.strerror or str(error)
            raise ConfigError(
                problem(
                    expected="a folder that can be made", got=got, where=str(self._path), next_step="choose another"
                )
            ) from error

    def _translate(self, error: sqlite3.DatabaseError) -> MlrtError | None:
        """Return the error for what is wrong with the file; None for what is wrong with a statement."""
        name = getattr(error, "sqlite_errorname", "")
        if name == "SQLITE_FULL":
            return CapacityError(f"{self._path}: no space left — free some; nothing was changed")
        if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
            expected, next_step = "a file of ours, undamaged", "restore it, or remove it and send the rows again"
            return IntegrityError(
                problem(expected=expected, got=str(error), where=str(self._path), next_step=next_step)
            )
        if name.startswith(("SQLITE_BUSY", "SQLITE_CANTOPEN", "SQLITE_IOERR", "SQLITE_LOCKED", "SQLITE_READONLY")):
            expected, next_step = "a file that can be written", "choose another folder, or wait for the other writer"
            return ConfigError(problem(expected=expected, got=str(error), where=str(self._path), next_step=next_step))
        return None


def _tables(scores: int, groups: int) -> Iterator[str]:
    columns = ", ".join([*(f"s{at} REAL NOT NULL" for at in range(scores)), *(f"g{at} TEXT" for at in range(groups))])
    yield "CREATE TABLE state (name TEXT PRIMARY KEY, value ANY NOT NULL) STRICT, WITHOUT ROWID"
    yield (
        "CREATE TABLE prediction (id TEXT PRIMARY KEY, time INTEGER NOT NULL, start INTEGER NOT NULL, "
        f"{columns}) STRICT, WITHOUT ROWID"
    )
    yield "CREATE INDEX prediction_start ON prediction (start)"
    yield ("CREATE TABLE label (id TEXT PRIMARY KEY, time INTEGER NOT NULL, value REAL NOT NULL) STRICT, WITHOUT ROWID")
    yield "CREATE INDEX label_time ON label (time)"
    yield (
        "CREATE TABLE window (start INTEGER PRIMARY KEY, dirty INTEGER NOT NULL, revision INTEGER NOT NULL DEFAULT 0)"
        " STRICT"
    )
    yield (
        "CREATE TABLE published (sequence INTEGER PRIMARY KEY AUTOINCREMENT, start INTEGER NOT NULL UNIQUE, "
        "revision INTEGER NOT NULL, points TEXT NOT NULL) STRICT"
    )
