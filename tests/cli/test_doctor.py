"""`mlrt doctor` tells the truth about this machine and what is missing on it."""

from __future__ import annotations

import json
import os
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from mlops_runtime import active_isa
from mlops_runtime.cli.main import run
from mlops_runtime.core.settings import settings


def _examine(capsys: pytest.CaptureFixture[str], *, expected_code: int = 0) -> dict[str, Any]:
    assert run(["doctor", "--json"]) == expected_code
    facts: dict[str, Any] = json.loads(capsys.readouterr().out)
    return facts


def test_it_reports_this_processor_and_these_packages(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    facts = _examine(capsys)
    assert facts["machine"]["active_isa"] == active_isa()
    assert facts["machine"]["usable_cores"] == len(os.sched_getaffinity(0))
    assert facts["packages"]["numpy"] == metadata.version("numpy")
    assert facts["machine"]["measured"] is None


def test_it_leaves_no_trace(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _examine(capsys)["home"] == {"path": str(home), "problem": None}
    assert not home.exists()


def test_every_declared_extra_is_either_of_use_or_said_to_be_of_none(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    facts = _examine(capsys)
    declared = set(metadata.metadata("mlops_runtime").get_all("Provides-Extra") or [])
    assert declared - {"all", "bench", "test"} == set(facts["extras"]) | set(facts["extras_without_use"])


def test_what_is_missing_comes_with_the_command_that_installs_it(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = ["numpy>=2; extra == 'pg'", "surely-not-installed>=1; extra == 'pg'"]
    monkeypatch.setattr(metadata, "requires", lambda _: wanted)
    monkeypatch.setenv("COLUMNS", "200")
    assert _examine(capsys)["extras"]["pg"]["missing"] == ["surely-not-installed"]
    assert run(["doctor"]) == 0
    assert "missing surely-not-installed: pip install 'mlops_runtime[pg]'" in capsys.readouterr().out


def test_a_home_that_cannot_be_written_is_told_and_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("MLRT_HOME", str(tmp_path / "file" / "home"))
    settings.cache_clear()
    facts = _examine(capsys, expected_code=1)
    assert "set MLRT_HOME to a folder you may write to" in facts["home"]["problem"]


def test_a_file_that_is_no_database_is_told_and_fails(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    home.mkdir()
    (home / "broken.db").write_bytes(b"this is no database" * 100)
    monkeypatch.setenv("MLRT_DATABASE_URL", f"sqlite:///{home / 'broken.db'}")
    settings.cache_clear()
    facts = _examine(capsys, expected_code=1)
    assert "check MLRT_HOME or MLRT_DATABASE_URL" in facts["database"]["problem"]


def test_a_measured_machine_shows_its_bandwidth(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home.mkdir()
    record = {"bandwidth_gb_s": {"read": {"1": 20.0, "2": 40.0}, "copy": {"1": 21.0, "2": 39.0}}, "verdict": "VALID"}
    (home / "machine.json").write_text(json.dumps(record))
    assert run(["doctor"]) == 0
    assert "read 40 GB/s, copy 39 GB/s (VALID)" in capsys.readouterr().out
