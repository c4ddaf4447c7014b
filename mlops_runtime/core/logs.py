"""Structured logs on stderr: one line an event, text for people or JSON for machines."""

from __future__ import annotations

import json
import logging
import sys
from typing import Any

from mlops_runtime.core.clock import timestamp
from mlops_runtime.core.settings import settings

__all__ = ["configure_logging", "get_logger"]


class _JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": timestamp(),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= getattr(record, "fields", {})
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, ensure_ascii=False)


class _TextFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        fields = " ".join(f"{key}={value}" for key, value in getattr(record, "fields", {}).items())
        text = f"{timestamp()} {record.levelname:<7} {record.name}: {record.getMessage()} {fields}".rstrip()
        return f"{text}\n{self.formatException(record.exc_info)}" if record.exc_info else text


def configure_logging() -> None:
    """Send the package's logs to stderr in the form and at the level the settings ask for; call once per process."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonFormatter() if settings().log_format == "json" else _TextFormatter())
    root = logging.getLogger("mlops_runtime")
    root.handlers[:] = [handler]
    root.setLevel(settings().log_level)
    root.propagate = False


def get_logger(name: str) -> logging.Logger:
    """Return a logger whose calls take structured fields: `log.info("served", extra={"fields": {"rows": 64}})`."""
    return logging.getLogger(f"mlops_runtime.{name}")
