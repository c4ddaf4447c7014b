"""The threads of a feed under ThreadSanitizer and AddressSanitizer: random lives, errors, early stops, forks."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

_FLAGS = ["-std=c++20", "-O1", "-g", "-pthread", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror"]
_LIVES = 300


@pytest.mark.timeout(0)  # the subprocesses have limits of their own
@pytest.mark.parametrize(("sanitizer", "forks"), [("thread", []), ("address,undefined", []), ("undefined", ["fork"])])
def test_a_feed_lives_and_dies_without_a_race_or_a_leak(
    sanitizer: str, forks: list[str], repository: Path, tmp_path: Path, soak_factor: int
) -> None:
    program = tmp_path / "feed_threads"
    source = repository / "tests" / "data" / "feed" / "feed_threads.cpp"
    flags = [*_FLAGS, f"-fsanitize={sanitizer}", f"-I{repository / 'csrc'}"]
    subprocess.run(["g++", *flags, source, "-o", program], check=True, timeout=300)
    lives = _LIVES * soak_factor
    done = subprocess.run([program, str(lives), *forks], capture_output=True, text=True, timeout=60 + lives // 10)
    assert done.returncode == 0, done.stderr[-6000:]
    assert done.stdout == f"{lives} lives\n"
