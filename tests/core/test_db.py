"""The database: migrations, transactions, errors, on SQLite and PostgreSQL."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from mlops_runtime.core.db import engine, metadata, unit_of_work
from mlops_runtime.core.errors import ConfigError
from mlops_runtime.core.events import Event
from mlops_runtime.core.settings import settings
from mlops_runtime.governance import audit
from mlops_runtime.registry import tables


def test_migrations_make_exactly_the_declared_tables(database: str) -> None:
    assert "registry_version" in metadata.tables, tables.__name__
    with engine().connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_a_unit_of_work_that_is_not_committed_leaves_nothing(database: str) -> None:
    with unit_of_work(write=True) as uow:
        audit.append(uow, Event("test.done", "x", {}))
    assert audit.verify().size == 0


def test_an_error_inside_a_unit_of_work_rolls_back(database: str) -> None:
    def append_and_fail() -> None:
        with unit_of_work(write=True) as uow:
            audit.append(uow, Event("test.done", "x", {}))
            raise KeyError("on purpose")

    with pytest.raises(KeyError, match="on purpose"):
        append_and_fail()
    assert audit.verify().size == 0


def test_one_unit_of_work_writes_at_a_time(database: str) -> None:
    code = (
        "from mlops_runtime.core.db import unit_of_work\n"
        "from mlops_runtime.core.events import Event\n"
        "from mlops_runtime.governance import commit\n"
        "for turn in range(25):\n"
        "    with unit_of_work(write=True) as uow:\n"
        "        commit(uow, Event('test.turn', str(turn), {'turn': turn}))\n"
    )
    workers = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(3)]
    assert [worker.wait(timeout=120) for worker in workers] == [0, 0, 0]
    assert audit.verify().size == 75


def test_a_reader_neither_waits_for_a_writer_nor_sees_its_open_work(database: str) -> None:
    with unit_of_work(write=True) as writer:
        audit.append(writer, Event("test.done", "x", {}))
        assert audit.root().size == 0


def test_a_home_below_a_file_is_a_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("MLRT_HOME", str(tmp_path / "file" / "home"))
    settings.cache_clear()
    with pytest.raises(ConfigError, match="check MLRT_HOME"):
        engine()
    settings.cache_clear()


def test_a_file_that_is_no_database_is_a_clear_error(home: Path) -> None:
    home.mkdir()
    (home / "mlrt.db").write_bytes(b"this is no database" * 100)
    with pytest.raises(ConfigError, match=r"mlrt\.db: expected a usable database"):
        engine()


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("mysql://localhost/x", "expected sqlite or postgresql"),
        ("no url at all", "check MLRT_HOME or MLRT_DATABASE_URL"),
        ("postgresql://someone:secret@127.0.0.1:1/x", r"someone:\*\*\*@127"),
    ],
)
def test_an_unusable_url_is_a_clear_error_without_its_password(
    home: Path, monkeypatch: pytest.MonkeyPatch, url: str, message: str
) -> None:
    monkeypatch.setenv("MLRT_DATABASE_URL", url)
    settings.cache_clear()
    with pytest.raises(ConfigError, match=message) as caught:
        engine()
    assert "secret" not in str(caught.value)


def test_a_database_of_a_newer_version_is_refused(home: Path) -> None:
    with engine().begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    code = "from mlops_runtime.core.db import engine; engine()"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert result.returncode == 1
    assert "made by a newer mlops_runtime" in result.stderr
