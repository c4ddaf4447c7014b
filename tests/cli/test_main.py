"""The entry point: exit codes, and errors as text and as JSON."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

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


@pytest.mark.parametrize("arguments", [["train", "--json"], ["nonsense", "--json"], ["doctor", "--json", "--nonsense"]])
def test_wrong_usage_is_one_object_on_stdout_too(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert entry.run(arguments) == 2
    assert json.loads(capsys.readouterr().out)["error"]["type"] == "UsageError"


def test_a_defect_of_ours_reaches_callers_in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entry, "cli", _fails_with(ZeroDivisionError("no")))
    with pytest.raises(ZeroDivisionError):
        entry.run([])


_WITH_A_DEFECT = (  # a command whose module cannot be used is the one defect that needs no patched code
    "import sys\n"
    "from mlops_runtime.cli import main as entry\n"
    "entry._COMMANDS['broken'] = entry.Entry('missing_module', 'fails')\n"
    "entry.main(['broken', *sys.argv[1:]])\n"
)


@pytest.mark.parametrize("level", ["WARNING", "DEBUG"])
def test_a_defect_of_ours_is_one_line_and_its_traceback_is_in_the_debug_log(level: str) -> None:
    environment = {**os.environ, "MLRT_LOG_LEVEL": level}
    command = [sys.executable, "-c", _WITH_A_DEFECT, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 1
    assert json.loads(done.stdout)["error"]["type"] == "InternalError"
    last = done.stderr.splitlines()[-1]
    assert re.match(r"internal error: ModuleNotFoundError: .* \(at cli/lazy.py, line \d+\) — set MLRT_LOG_LEVEL", last)
    assert ("Traceback" in done.stderr) == (level == "DEBUG")
    assert level == "DEBUG" or done.stderr.count("\n") == 1


def test_a_terminal_without_a_character_gets_its_number(tmp_path: Path) -> None:
    data = tmp_path / "data.csv"
    data.write_text("größe,y\n1,a\n2,b\n", encoding="utf-8")
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    command = [sys.executable, "-m", "mlops_runtime.cli", "data", "inspect", str(data)]
    done = subprocess.run(command, capture_output=True, env=environment, check=True)
    assert b"gr\\xf6\\xdfe" in done.stdout
    as_json = subprocess.run([*command, "--json"], capture_output=True, env=environment, check=True)
    assert json.loads(as_json.stdout)["columns"][0]["name"] == "größe"


def test_a_reader_that_closes_the_pipe_gets_no_traceback(tmp_path: Path) -> None:
    data = tmp_path / "data.csv"
    data.write_text(",".join(f"column{n}" for n in range(5000)) + "\n" + ",".join(["1"] * 5000) + "\n")
    command = [sys.executable, "-m", "mlops_runtime.cli", "data", "inspect", str(data)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.readline()
        running.stdout.close()
        assert running.stderr.read() == ""
    assert running.returncode == 1


def _fails_with(error: Exception) -> click.Command:
    def fail(**_: object) -> None:
        raise error

    return click.Command("mlrt", params=[click.Option(["--json", "as_json"], is_flag=True)], callback=fail)
