"""Where a rule file sends notifications: declarations only; secrets lie elsewhere, in a variable or a file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from mlops_runtime.core.blob import read_regular
from mlops_runtime.core.document import Strict
from mlops_runtime.core.errors import ConfigError, problem
from mlops_runtime.monitoring.rules.stretch import Duration, parse_duration

__all__ = ["AlertmanagerSettings", "LogSettings", "Secret", "SinkSettings", "WebhookSettings"]

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_SECRET_BYTES = 65_536
_NAME = r"[a-z][a-z0-9_-]{0,63}"


class Secret(Strict):
    """A secret that lies elsewhere: in an environment variable (`env`) or a file (`file`); each line is one."""

    env: str | None = Field(default=None, pattern=r"[A-Za-z_][A-Za-z0-9_]*")
    file: str | None = None

    @model_validator(mode="after")
    def _lies_in_one_place(self) -> Self:
        if (self.env is None) == (self.file is None):
            raise ValueError("expected `env:` with a variable's name or `file:` with a path")
        return self

    def read(self) -> tuple[str, ...]:
        """Return the lines of the secret, newest first. Raises ConfigError where there is none."""
        if self.env is not None:
            text, where = os.environ.get(self.env, ""), f"environment variable {self.env}"
        else:
            text, where = read_regular(Path(str(self.file)), limit=_SECRET_BYTES).decode(), str(self.file)
        lines = tuple(line.strip() for line in text.splitlines() if line.strip())
        if not lines:
            raise ConfigError(problem(expected="a secret", got="none", where=where, next_step="set it"))
        return lines


class SinkSettings(Strict):
    """What every sink has. queue: how many notifications may wait for it; what overflows is told as one summary."""

    name: str = Field(pattern=rf"^{_NAME}$")
    queue: int = Field(default=1000, ge=1, le=100_000)


class LogSettings(SinkSettings):
    """JSON lines appended to a file; relative paths lie in the folder of the alerts' state."""

    name: str = Field(default="log", pattern=rf"^{_NAME}$")
    path: str = "alerts.jsonl"


class _HttpSettings(SinkSettings):
    url: str
    ca_file: str | None = None
    timeout: Duration = parse_duration("10s")

    @field_validator("url")
    @classmethod
    def _is_safe(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.fragment:
            raise ValueError(f"expected a URL such as https://host/path without a user or a fragment, got {url!r}")
        if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
            raise ValueError(f"expected https beyond this machine, got {url!r}")
        return url


class WebhookSettings(_HttpSettings):
    """A URL that takes notifications as POST, signed as Standard Webhooks are; secret: `whsec_` and base64, or text."""

    name: str = Field(default="webhook", pattern=rf"^{_NAME}$")
    secret: Secret


class AlertmanagerSettings(_HttpSettings):
    """The base URL of an Alertmanager. token: for a bearer token, where one stands before it."""

    name: str = Field(default="alertmanager", pattern=rf"^{_NAME}$")
    token: Secret | None = None
