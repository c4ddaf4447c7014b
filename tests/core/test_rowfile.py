"""SQLite files of rows: theirs alone, whole or not at all, and clear about what is wrong with them."""

from __future__ import annotations

import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlops_runtime.core.errors import CapacityError, ConfigError, IntegrityError
from mlops_runtime.core.rowfile import RowFile


@pytest.fixture
def file(tmp_path: Path) -> Iterator[RowFile]:
    opened = RowFile(tmp_path / "deep" / "rows.db")
    with opened.transaction() as connection:
        connection.execute("CREATE TABLE t (x)")
    yield opened
    opened.close()


def test_only_the_owner_reads_it(file: RowFile) -> None:
    with file.transaction() as connection:
        connection.execute("INSERT INTO t VALUES (1)")
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in file.path.parent.iterdir()}
    assert modes == {"rows.db": 0o600, "rows.db-wal": 0o600, "rows.db-shm": 0o600}


def test_a_block_that_fails_leaves_nothing(file: RowFile) -> None:
    with pytest.raises(sqlite3.ProgrammingError), file.transaction() as connection:
        connection.executemany("INSERT INTO t VALUES (?)", [(1,), (object(),)])
    assert file.rows("SELECT * FROM t") == []


def test_another_process_sees_what_is_written(file: RowFile) -> None:
    with file.transaction() as connection:
        connection.execute("INSERT INTO t VALUES (?)", (7,))
    other = RowFile(file.path)
    assert other.rows("SELECT x FROM t WHERE x = ?", (7,)) == [(7,)]
    other.close()


def test_a_deleted_row_is_overwritten(file: RowFile) -> None:
    with file.transaction() as connection:
        connection.execute("INSERT INTO t VALUES ('a very private text')")
    with file.transaction() as connection:
        connection.execute("DELETE FROM t")
    file.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert b"private" not in file.path.read_bytes()


def test_a_full_disk_is_said(file: RowFile) -> None:
    pages = file.rows("PRAGMA page_count")[0][0]
    file.connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(CapacityError, match="no space left"), file.transaction() as connection:
        connection.execute("INSERT INTO t VALUES (zeroblob(100000))")
    assert file.rows("SELECT * FROM t") == []


def test_a_wrong_statement_is_no_matter_of_the_file(file: RowFile) -> None:
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        file.rows("SELECT * FROM other")


def test_what_is_no_file_of_ours_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_bytes(b"some other text, long enough to have a header" * 9)
    with pytest.raises(IntegrityError, match=r"text.db: expected a file of ours, undamaged"):
        RowFile(tmp_path / "text.db")
    (tmp_path / "link.db").symlink_to(tmp_path / "elsewhere.db")
    with pytest.raises(ConfigError, match=r"link.db: expected a file and a folder that can be made"):
        RowFile(tmp_path / "link.db")
    assert not (tmp_path / "elsewhere.db").exists()
    with pytest.raises(ConfigError):
        RowFile(tmp_path / "text.db" / "below")
