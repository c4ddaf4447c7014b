"""The entry point: exit codes, and errors as text and as JSON."""

from __future__ import annotations

import json
import subprocess
import sys

import click
import pytest

from mlops_runtime import __version__
from mlops_runtime.cli import main as entry
from mlops_runtime.core.errors import ConfigError, MlrtError, PolicyError, SchemaError


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(["--version"], 0), (["--help"], 0), (["nonsense"], 2), (["doctor", "--nonsense"], 2), (["drift", "only-one"], 2)],
)
def test_the_exit_code_says_how_it_went(arguments: list[str], code: int) -> None:
    assert entry.run(arguments) == code


def test_the_version_is_the_packages() -> None:
    done = subprocess.run([sys.executable, "-m", "mlops_runtime.cli", "--version"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, f"mlrt, version {__version__}\n")


@pytest.mark.parametrize(
    ("error", "code"), [(MlrtError, 1), (SchemaError, 1), (ConfigError, 2), (PolicyError, 3), (click.Abort, 130)]
)
def test_each_kind_of_error_has_its_exit_code(
    error: type[Exception], code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entry, "cli", _fails_with(error("no")))
    assert entry.run([]) == code


def test_an_error_is_one_line_on_stderr_and_one_object_on_stdout(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(entry, "cli", _fails_with(SchemaError("data.csv: expected column `y`, got a, b")))
    assert entry.run(["--json"]) == 1
    shown = capsys.readouterr()
    assert shown.err == "SchemaError: data.csv: expected column `y`, got a, b\n"
    assert json.loads(shown.out)["error"] == {
        "type": "SchemaError",
        "message": "data.csv: expected column `y`, got a, b",
    }


def _fails_with(error: Exception) -> click.Command:
    def fail(**_: object) -> None:
        raise error

    return click.Command("mlrt", params=[click.Option(["--json", "as_json"], is_flag=True)], callback=fail)
