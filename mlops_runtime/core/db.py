"""The database: one engine, one metadata, one migration chain, one unit of work.

Each layer declares its own tables on `metadata` (prefixed by the layer's name) and brings a revision in `migrations/`.
SQLite (WAL, one writer at a time) by default, PostgreSQL by `MLRT_DATABASE_URL`; the same code runs on both.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from mlops_runtime.core.errors import ConfigError
from mlops_runtime.core.settings import settings

__all__ = ["UnitOfWork", "engine", "metadata", "unit_of_work"]

metadata = sa.MetaData()

_BUSY_TIMEOUT_S = 30


@dataclass(frozen=True, slots=True)
class UnitOfWork:
    """One open transaction on behalf of one tenant. Only `governance.commit` ends it with changes."""

    connection: sa.Connection
    tenant: str


def _configure_sqlite(dbapi_connection: Any, _record: Any) -> None:
    dbapi_connection.isolation_level = None  # we send BEGIN ourselves, so that it can be IMMEDIATE
    cursor = dbapi_connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", f"busy_timeout={_BUSY_TIMEOUT_S * 1000}"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: sa.Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get("write") else "BEGIN")


def _upgrade(target: sa.Engine) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    with target.connect().execution_options(write=True) as connection, connection.begin():
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


@functools.lru_cache(maxsize=8)
def _engine(url: str) -> sa.Engine:
    parsed = sa.make_url(url)
    is_sqlite = parsed.get_backend_name() == "sqlite"
    try:
        if is_sqlite and parsed.database:
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        created = sa.create_engine(parsed, pool_pre_ping=not is_sqlite)
        if is_sqlite:
            sa.event.listen(created, "connect", _configure_sqlite)
            sa.event.listen(created, "begin", _begin_sqlite)
        _upgrade(created)
    except (sa.exc.SQLAlchemyError, OSError) as error:
        shown = parsed.render_as_string(hide_password=True)
        raise ConfigError(
            f"database {shown}: cannot be opened ({error}) — check MLRT_HOME or MLRT_DATABASE_URL"
        ) from error
    return created


def engine() -> sa.Engine:
    """Return the engine for the configured database, migrated to the newest revision on first use."""
    return _engine(settings().url)


@contextlib.contextmanager
def unit_of_work(*, write: bool = False, tenant: str = "default") -> Iterator[UnitOfWork]:
    """Open a transaction for one tenant; it is rolled back unless `governance.commit` committed it.

    write: take SQLite's single write lock at the start, so that a read-modify-write cannot be lost.
    """
    with engine().connect().execution_options(write=write) as connection:
        connection.begin()
        try:
            yield UnitOfWork(connection, tenant)
        finally:
            if connection.in_transaction():
                connection.rollback()
