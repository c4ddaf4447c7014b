"""Durable writes: whole or not at all, also when the disk is full, the place is wrong or the process is killed."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mlops_runtime.core.durable import durable_directory, durable_write
from mlops_runtime.core.errors import ConfigError


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_write_replaces_the_content_and_leaves_no_temporary_file(tmp_path: Path) -> None:
    durable_write(tmp_path / "a" / "file", b"one")
    durable_write(tmp_path / "a" / "file", b"two")
    assert (tmp_path / "a" / "file").read_bytes() == b"two"
    assert _names(tmp_path / "a") == ["file"]


def test_a_written_file_has_the_permissions_asked_for_less_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        durable_write(tmp_path / "shared", b"x")
        durable_write(tmp_path / "private", b"x", mode=0o600)
    finally:
        os.umask(before)
    assert [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("shared", "private")] == [0o640, 0o600]


def test_a_place_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(ConfigError, match="cannot be written"):
        durable_write(tmp_path / "file" / "below", b"x")
    with pytest.raises(ConfigError, match="cannot be written"), durable_directory(tmp_path / "file" / "below"):
        pytest.fail("the block must not run")


def test_a_directory_appears_whole(tmp_path: Path) -> None:
    with durable_directory(tmp_path / "out") as scratch:
        (scratch / "file").write_text("x")
        assert not (tmp_path / "out").exists()
    assert (tmp_path / "out" / "file").read_text() == "x"
    assert _names(tmp_path) == ["out"]


def test_a_failed_directory_leaves_nothing(tmp_path: Path) -> None:
    def write_and_fail() -> None:
        with durable_directory(tmp_path / "out") as scratch:
            (scratch / "file").write_text("x")
            raise KeyError("on purpose")

    with pytest.raises(KeyError, match="on purpose"):
        write_and_fail()
    assert _names(tmp_path) == []


def test_an_existing_directory_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with pytest.raises(ConfigError, match="exists already"), durable_directory(tmp_path / "out"):
        pytest.fail("the block must not run")


def test_a_write_past_the_file_size_limit_keeps_the_old_content(tmp_path: Path) -> None:
    durable_write(tmp_path / "file", b"old")
    code = (
        "import resource, sys, pathlib\n"
        "from mlops_runtime.core.durable import durable_write\n"
        "from mlops_runtime.core.errors import ConfigError\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try:\n"
        "    durable_write(pathlib.Path(sys.argv[1]), b'x' * 5000)\n"
        "except ConfigError as error:\n"
        "    assert 'File too large' in str(error); sys.exit(7)\n"
    )
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path / "file")], timeout=60).returncode == 7
    assert (tmp_path / "file").read_bytes() == b"old"
    assert _names(tmp_path) == ["file"]


def test_a_killed_writer_leaves_one_whole_version(tmp_path: Path, soak_factor: int) -> None:
    target = tmp_path / "file"
    durable_write(target, b"0" * 100_000)
    code = (
        "import sys, pathlib\n"
        "from mlops_runtime.core.durable import durable_write\n"
        "print('ready', flush=True)\n"
        "turn = 0\n"
        "while True:\n"
        "    turn = (turn + 1) % 10\n"
        "    durable_write(pathlib.Path(sys.argv[1]), str(turn).encode() * 100_000)\n"
    )
    for attempt in range(5 * soak_factor):
        with subprocess.Popen([sys.executable, "-c", code, str(target)], stdout=subprocess.PIPE) as writer:
            assert writer.stdout is not None
            writer.stdout.readline()
            time.sleep(0.003 * (attempt + 1))
            writer.send_signal(signal.SIGKILL)
        data = target.read_bytes()
        assert len(data) == 100_000
        assert len(set(data)) == 1
