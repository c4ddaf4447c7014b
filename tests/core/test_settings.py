"""Settings come from `MLRT_*` variables, are checked once, and say what is wrong."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mlops_runtime.core.errors import ConfigError
from mlops_runtime.core.settings import settings


def test_the_home_is_where_the_variable_says(home: Path) -> None:
    assert settings().home == home
    assert settings().url == f"sqlite:///{home / 'mlrt.db'}"


def test_the_default_home_follows_the_xdg_standard(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLRT_HOME")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    settings.cache_clear()
    assert settings().home == tmp_path / "mlrt"


def test_a_database_url_replaces_sqlite(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLRT_DATABASE_URL", "postgresql+psycopg://db/mlrt")
    assert settings().url == "postgresql+psycopg://db/mlrt"


def test_threads_default_to_the_cores_this_process_may_use(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings().thread_count == len(os.sched_getaffinity(0))
    monkeypatch.setenv("MLRT_THREADS", "3")
    settings.cache_clear()
    assert settings().thread_count == 3


def test_settings_are_read_once(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = settings()
    monkeypatch.setenv("MLRT_LOG_LEVEL", "DEBUG")
    assert settings() is first
    assert first.log_level == "WARNING"


@pytest.mark.parametrize(
    ("name", "value"),
    [("MLRT_THREADS", "0"), ("MLRT_THREADS", "many"), ("MLRT_LOG_LEVEL", "LOUD"), ("MLRT_LOG_FORMAT", "xml")],
)
def test_a_bad_value_names_its_variable_and_what_came(
    name: str, value: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match=rf"^{name}: .*got '{value}' — correct or unset the variable"):
        settings()
