"""The join's file: every batch and every closed window is in it whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from mlops_runtime.core.errors import ConfigError, MlrtError, problem
from mlops_runtime.core.rowfile import RowFile
from mlops_runtime.monitoring.performance.join.spec import JoinSpec

__all__ = ["Store"]

FORMAT_VERSION = 1


class Store(RowFile):
    """One open file. Raises ConfigError when it was made for another spec, else as `RowFile` does."""

    def __init__(self, path: Path, spec: JoinSpec) -> None:
        super().__init__(path)
        try:
            self._lay_out(spec)
        except MlrtError:
            self.close()
            raise

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

    def _lay_out(self, spec: JoinSpec) -> None:
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
                    where=str(self.path),
                    next_step="give that one, or choose another folder",
                )
            )


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
