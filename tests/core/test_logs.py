"""Logs are one line an event, for people or for machines, and never on stdout."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlops_runtime.core.logs import configure_logging, get_logger
from mlops_runtime.core.settings import settings


@pytest.fixture
def logging_as_found() -> Iterator[None]:
    root = logging.getLogger("mlops_runtime")
    handlers, level, propagate = root.handlers[:], root.level, root.propagate
    yield
    root.handlers[:], root.propagate = handlers, propagate
    root.setLevel(level)


def _configure(monkeypatch: pytest.MonkeyPatch, **variables: str) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(f"MLRT_{name.upper()}", value)
    settings.cache_clear()
    configure_logging()


@pytest.mark.usefixtures("home", "logging_as_found")
def test_json_logs_carry_their_fields_and_the_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _configure(monkeypatch, log_format="json", log_level="INFO")
    try:
        raise ValueError("بيانات")
    except ValueError:
        get_logger("serving").exception("request failed", extra={"fields": {"rows": 64, "path": Path("x")}})
    shown = capsys.readouterr()
    assert shown.out == ""
    line = json.loads(shown.err)
    assert (line["level"], line["logger"], line["message"]) == ("ERROR", "mlops_runtime.serving", "request failed")
    assert (line["rows"], line["path"]) == (64, "x")
    assert line["exception"].endswith("ValueError: بيانات")


@pytest.mark.usefixtures("home", "logging_as_found")
def test_text_logs_put_the_fields_behind_the_message(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _configure(monkeypatch, log_level="INFO")
    get_logger("serving").info("served", extra={"fields": {"rows": 64}})
    assert capsys.readouterr().err.endswith("INFO    mlops_runtime.serving: served rows=64\n")


@pytest.mark.usefixtures("home", "logging_as_found")
def test_the_level_holds_back_what_is_below_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _configure(monkeypatch)
    get_logger("serving").info("served")
    assert capsys.readouterr().err == ""


@pytest.mark.usefixtures("home", "logging_as_found")
def test_configuring_twice_prints_once(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    _configure(monkeypatch)
    _configure(monkeypatch)
    get_logger("serving").warning("slow")
    assert capsys.readouterr().err.count("slow") == 1
