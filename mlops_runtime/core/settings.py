"""Settings from the environment (`MLRT_*`), read once and validated."""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from mlops_runtime.core.errors import ConfigError

__all__ = ["Settings", "settings"]


def _default_home() -> Path:
    base = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(base) / "mlrt"


class Settings(BaseSettings):
    """Process-wide settings; each field is the environment variable `MLRT_<NAME>`."""

    model_config = SettingsConfigDict(env_prefix="MLRT_", frozen=True)

    home: Path = Field(default_factory=_default_home, description="where the registry, the blob store and records live")
    database_url: str | None = Field(default=None, description="SQLAlchemy URL; default: SQLite under `home`")
    threads: int | None = Field(default=None, ge=1, le=1024, description="worker threads; default: usable cores")
    cache_gib: float = Field(default=20.0, gt=0, description="what all cached rows may take on disk")
    window_minutes: float = Field(default=5.0, gt=0.001, le=1440, description="how long a server's drift windows are")
    window_write_s: float = Field(default=60.0, ge=0.1, le=86_400, description="what of a window a killed server loses")
    windows_gib: float = Field(default=0.25, gt=0, description="what the drift windows of servers may take on disk")
    windows_multivariate: bool = Field(default=False, description="whether servers count all inputs together, too")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "WARNING"
    log_format: Literal["text", "json"] = "text"

    @property
    def url(self) -> str:
        """The database URL that is in force."""
        return self.database_url or f"sqlite:///{self.home / 'mlrt.db'}"

    @property
    def thread_count(self) -> int:
        """Worker threads that are in force: `threads`, or the cores this process may use."""
        return self.threads or len(os.sched_getaffinity(0))


@functools.lru_cache(maxsize=1)
def settings() -> Settings:
    """Return the settings of this process; tests call `settings.cache_clear()` after changing the environment."""
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = "MLRT_" + "_".join(str(part) for part in first["loc"]).upper()
        raise ConfigError(f"{name}: {first['msg']}, got {first['input']!r} — correct or unset the variable") from error
