"""Locks on files: one holder at a time, in this process or another, and none left when the holder is gone."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from mlops_runtime.core.errors import ConfigError
from mlops_runtime.core.lock import exclusive, shared, try_exclusive

HOLD = (
    "import pathlib, sys, time\n"
    "from mlops_runtime.core.lock import exclusive\n"
    "with exclusive(pathlib.Path(sys.argv[1])):\n"
    "    print('held', flush=True)\n"
    "    time.sleep(60)\n"
)


def test_a_lock_leaves_no_file_behind(tmp_path: Path) -> None:
    with exclusive(tmp_path / "below" / "a.lock"):
        assert (tmp_path / "below" / "a.lock").exists()
    assert list((tmp_path / "below").iterdir()) == []


def test_only_one_thread_holds_a_lock_at_a_time(tmp_path: Path) -> None:
    inside, most, turns = [0], [0], 60

    def work() -> None:
        for _ in range(turns):
            with exclusive(tmp_path / "a.lock"):
                inside[0] += 1
                most[0] = max(most[0], inside[0])
                time.sleep(0.0002)
                inside[0] -= 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1]


def test_the_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    lock = tmp_path / "a.lock"
    with subprocess.Popen([sys.executable, "-c", HOLD, str(lock)], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        with try_exclusive(lock) as free:
            assert not free
        holder.send_signal(signal.SIGKILL)
    with try_exclusive(lock) as free:
        assert free
    with exclusive(lock):
        pass
    assert not lock.exists()


def test_who_reads_a_file_holds_off_who_wants_it_alone(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("x")
    with shared(file), shared(file), try_exclusive(file) as free:
        assert not free
    with try_exclusive(file) as free:
        assert free
    with try_exclusive(tmp_path / "none") as free:
        assert free


def test_a_place_for_no_lock_is_refused(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigError, match="link"), exclusive(tmp_path / "link"):
        pytest.fail("the block must not run")
    (tmp_path / "file").write_text("x")
    with pytest.raises(ConfigError, match="cannot be written"), exclusive(tmp_path / "file" / "a.lock"):
        pytest.fail("the block must not run")
