"""The database: one engine, one metadata, one migration chain, one unit of work.

Each layer declares its own tables on `metadata` (prefixed by the layer's name) and brings a revision in `migrations/`.
SQLite (WAL) by default, PostgreSQL by `MLRT_DATABASE_URL`; the same code runs on both, and on both one unit of work
writes at a time: the audit log orders all changes anyway.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from mlops_runtime.core.errors import ConfigError
from mlops_runtime.core.settings import settings

__all__ = ["UnitOfWork", "engine", "metadata", "unit_of_work"]

metadata = sa.MetaData()

_BUSY_TIMEOUT_S = 30
_WRITE_LOCK = 0x6D6C7274  # "mlrt": our key among PostgreSQL's advisory locks
_MIGRATIONS = Path(__file__).parent / "migrations"


@dataclass(frozen=True, slots=True)
class UnitOfWork:
    """One open transaction on behalf of one tenant. Only `governance.commit` ends it with changes."""

    connection: sa.Connection
    tenant: str


def _configure_sqlite(dbapi_connection: Any, _record: Any) -> None:
    dbapi_connection.isolation_level = None  # we send BEGIN ourselves, so that it can be IMMEDIATE
    cursor = dbapi_connection.cursor()
    for pragma in (f"busy_timeout={_BUSY_TIMEOUT_S * 1000}", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: sa.Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get("write") else "BEGIN")


def _begin_postgresql(connection: sa.Connection) -> None:
    if connection.get_execution_options().get("write"):
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_WRITE_LOCK})")
    else:  # one snapshot for all reads of a unit of work, as SQLite gives
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")


def _upgrade(target: sa.Engine) -> None:
    """Bring the schema to the newest revision; take the write lock only when it is behind."""
    from alembic import command
    from alembic.config import Config
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    newest = ScriptDirectory.from_config(config).get_current_head()
    with target.connect() as connection:
        if MigrationContext.configure(connection).get_current_revision() == newest:
            return
    with target.connect().execution_options(write=True) as connection, connection.begin():
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _create_engine(parsed: sa.URL) -> sa.Engine:
    if parsed.get_backend_name() != "sqlite":
        created = sa.create_engine(parsed, pool_pre_ping=True)
        sa.event.listen(created, "begin", _begin_postgresql)
        return created
    if parsed.database:
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    created = sa.create_engine(parsed)
    sa.event.listen(created, "connect", _configure_sqlite)
    sa.event.listen(created, "begin", _begin_sqlite)
    return created


@functools.lru_cache(maxsize=8)
def _engine(url: str) -> sa.Engine:
    from alembic.util import CommandError

    try:
        parsed = sa.make_url(url)
        if parsed.get_backend_name() not in ("sqlite", "postgresql"):
            raise ConfigError(f"MLRT_DATABASE_URL: expected sqlite or postgresql, got {parsed.drivername} — change it")
        created = _create_engine(parsed)
        _upgrade(created)
    except ImportError as error:
        raise ConfigError(f"{error.name}: not installed — pip install 'mlops_runtime[pg]'") from error
    except CommandError as error:
        raise ConfigError(f"database: {error} — it was made by a newer mlops_runtime; upgrade this one") from error
    except (sa.exc.SQLAlchemyError, OSError) as error:
        raise _unusable(url, error) from error
    return created


def _unusable(url: str, error: Exception) -> ConfigError:
    reason = getattr(error, "orig", None) or error
    try:
        shown = sa.make_url(url).render_as_string(hide_password=True)
    except sa.exc.ArgumentError:
        shown = "MLRT_DATABASE_URL"
    return ConfigError(f"{shown}: expected a usable database, got: {reason} — check MLRT_HOME or MLRT_DATABASE_URL")


def engine() -> sa.Engine:
    """Return the engine for the configured database, migrated to the newest revision on first use.

    Raises ConfigError when the database cannot be opened.
    """
    return _engine(settings().url)


@contextlib.contextmanager
def unit_of_work(*, write: bool = False, tenant: str = "default") -> Iterator[UnitOfWork]:
    """Open a transaction for one tenant; it is rolled back unless `governance.commit` committed it.

    write: take the single write lock at the start, so that a read-modify-write cannot be lost.
    Raises ConfigError when the database stops answering, is full, or stays locked for 30 s.
    """
    try:
        with engine().connect().execution_options(write=write) as connection:
            connection.begin()
            try:
                yield UnitOfWork(connection, tenant)
            finally:
                if connection.in_transaction():
                    connection.rollback()
    except sa.exc.OperationalError as error:
        raise _unusable(settings().url, error) from error
