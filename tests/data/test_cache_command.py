"""`mlrt data cache`: what it lists, and what it removes."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from row_cases import cached

from mlops_runtime.cli.main import run
from mlops_runtime.core.settings import settings
from mlops_runtime.data.rows import RowCache


def _json(capsys: pytest.CaptureFixture[str], *words: str) -> dict:
    assert run(["data", "cache", *words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def _limit(monkeypatch: pytest.MonkeyPatch, count: float) -> None:
    monkeypatch.setenv("MLRT_CACHE_GIB", str(count / 2**30))
    settings.cache_clear()


@pytest.fixture
def root(home: Path) -> Path:
    return home / "cache" / "rows"


def test_an_empty_cache_is_listed(root, capsys):
    payload = _json(capsys)
    assert payload["folder"] == str(root)
    assert (payload["rows"], payload["taken_bytes"], payload["limit_bytes"]) == ([], 0, 20 << 30)
    assert _json(capsys, "--gc")["evicted"] == []
    assert not root.exists()


def test_rows_are_listed_with_what_they_are_made_of(root, capsys):
    folder, _ = cached(root, 1000, name="claims")
    os.utime(folder / "manifest.json", (1e9, 1e9))
    table = RowCache(root).open(folder.name)
    (line,) = _json(capsys)["rows"]
    assert line["parts"] == {"dataset": "claims", "program": "p"}
    assert (line["rows"], line["digest"], line["in_use"]) == (1000, folder.name, True)
    assert line["bytes"] == sum(path.stat().st_size for path in folder.iterdir())
    assert line["used"] > "2026"
    assert run(["data", "cache"]) == 0
    shown = capsys.readouterr().out
    assert "dataset claims, program p" in shown
    assert folder.name[:12] in shown
    assert table.rows == 1000


def test_damaged_rows_are_listed_as_damaged(root, capsys):
    folder, _ = cached(root, 1000)
    (folder / "manifest.json").write_text("{}")
    assert "expected" in _json(capsys)["rows"][0]["damaged"]
    assert run(["data", "cache"]) == 0
    assert "damaged" in capsys.readouterr().out


def test_gc_removes_the_longest_unused_until_the_limit_is_kept(root, capsys, monkeypatch):
    old, new = (cached(root, 1000, name=name)[0] for name in "ab")
    os.utime(old / "manifest.json", (1e9, 1e9))
    _limit(monkeypatch, 400_000)
    payload = _json(capsys, "--gc")
    assert [line["digest"] for line in payload["evicted"]] == [old.name]
    assert [line["digest"] for line in payload["rows"]] == [new.name]
    assert payload["taken_bytes"] <= payload["limit_bytes"]


def test_gc_says_what_it_did_and_what_it_could_not(root, capsys, monkeypatch):
    folder, _ = cached(root, 1000)
    remains = root / f".{folder.name}.{'0' * 16}.tmp"
    remains.mkdir()
    (remains / "rows.arrow").write_bytes(b"x" * 2048)
    _limit(monkeypatch, 1000)
    table = RowCache(root).open(folder.name)
    assert run(["data", "cache", "--gc"]) == 0
    shown = capsys.readouterr().out
    assert "removed 2 KiB that interrupted builders left" in shown
    assert "above the limit: all of it is open" in shown
    assert table.rows == 1000
    del table
    assert run(["data", "cache"]) == 0
    assert "above the limit: mlrt data cache --gc" in capsys.readouterr().out
    assert run(["data", "cache", "--gc"]) == 0
    assert f"evicted {folder.name[:12]}" in capsys.readouterr().out
    assert list(root.iterdir()) == []


def test_the_rows_of_files_are_cached_by_a_program(root, tmp_path, capsys):
    data, spec, program = tmp_path / "people.csv", tmp_path / "spec.yaml", tmp_path / "program"
    data.write_text("age,city,fraud\n39,Dubai,0\n50,Sharjah,1\n61,Dubai,0\n")
    spec.write_text("features:\n  - {kind: numeric, column: age}\n  - {kind: category, column: city}\n")
    assert run(["features", "fit", str(data), "--spec", str(spec), "-o", str(program)]) == 0
    capsys.readouterr()
    (line,) = _json(capsys, str(data), "--program", str(program), "--target", "fraud")["rows"]
    assert line["rows"] == 3
    assert line["parts"]["target"] == "fraud"
    table = RowCache(root).open(line["digest"])
    assert table.arrays()["target"].ravel().tolist() == [0.0, 1.0, 0.0]
    assert [
        entry["digest"] for entry in _json(capsys, str(data), "--program", str(program), "--target", "fraud")["rows"]
    ] == [line["digest"]]


@pytest.mark.parametrize("words", [["people.csv"], ["--program", "p"], ["--target", "y"]])
def test_files_and_a_program_go_together(words, capsys, home):
    assert run(["data", "cache", *words]) == 2
    assert "FILES and --program together" in capsys.readouterr().err
