"""Cached rows among processes: builders that race or are killed, a disk that is full, readers that outlive the file."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pytest
from row_cases import ROWS, arrays_of, batches_of, cached, digest_of, parts_of

from mlops_runtime._native import hash_bytes
from mlops_runtime.core.errors import RegistryError
from mlops_runtime.data.rows import RowCache, RowLayout

WORKER = Path(__file__).with_name("row_cache_worker.py")
TOO_SMALL = 10_000_000  # bytes, for rows of 18 million


def _command(*words: object) -> list[str]:
    return [sys.executable, str(WORKER), *map(str, words)]


@contextmanager
def _worker(*words: object) -> Iterator[subprocess.Popen[str]]:
    command = _command(*words)
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


def _said(process: subprocess.Popen[str]) -> dict[str, Any]:
    return json.loads(_pipe(process.stdout).readline())


def _go_on(process: subprocess.Popen[str]) -> None:
    pipe = _pipe(process.stdin)
    pipe.write("\n")
    pipe.flush()


def _pipe(pipe: IO[str] | None) -> IO[str]:
    assert pipe is not None
    return pipe


def _content(root: Path, digest: str) -> list[str]:
    return [f"{hash_bytes(block):x}" for block in RowCache(root).open(digest).native.blocks]


@pytest.mark.parametrize("builders", [2, 4])
def test_processes_that_build_the_same_rows_end_with_one(tmp_path, builders):
    arrays = arrays_of(ROWS)
    workers = [_worker("build", tmp_path) for _ in range(builders)]
    processes = [worker.__enter__() for worker in workers]
    try:
        assert all(_said(process)["ready"] for process in processes)
        for process in processes:
            _go_on(process)
        results = [_said(process) for process in processes]
    finally:
        for worker in workers:
            worker.__exit__(None, None, None)
    assert [result["drawn"] for result in results].count(True) == 1
    assert all(result["content"] == results[0]["content"] for result in results)
    assert [path.name for path in tmp_path.iterdir()] == [digest_of(arrays)]


def test_the_next_builder_goes_on_when_the_first_is_killed(tmp_path):
    with _worker("build", tmp_path) as first, _worker("build", tmp_path) as second:
        assert _said(first)["ready"]
        assert _said(second)["ready"]
        _go_on(first)
        while not (tmp_path.exists() and any(path.name.endswith(".tmp") for path in tmp_path.iterdir())):
            pass
        _go_on(second)
        first.send_signal(signal.SIGKILL)
        result = _said(second)
    assert result["drawn"]
    assert result["content"] == _content(tmp_path, digest_of(arrays_of(ROWS)))
    assert [path.name for path in tmp_path.iterdir()] == [digest_of(arrays_of(ROWS))]


def test_builders_killed_at_random_points_leave_whole_rows_or_none(tmp_path, soak_factor):
    done = subprocess.run(
        _command("killed", tmp_path, 1, 40 * soak_factor), capture_output=True, text=True, check=True, timeout=None
    )
    result = json.loads(done.stdout)
    assert set(result["left"]) <= {0, ROWS}
    assert 0 in result["left"]
    assert result["finally_there"] == [digest_of(arrays_of(ROWS))]
    assert result["content"] == _content(tmp_path, digest_of(arrays_of(ROWS)))


def test_what_a_killed_builder_left_is_removed(tmp_path):
    with _worker("build", tmp_path) as builder:
        assert _said(builder)["ready"]
        _go_on(builder)
        while not (tmp_path.exists() and any(path.name.endswith(".tmp") for path in tmp_path.iterdir())):
            pass
        assert RowCache(tmp_path, limit_bytes=0).collect().remains_bytes == 0  # it is alive
        builder.send_signal(signal.SIGKILL)
    left = sorted(path.name for path in tmp_path.iterdir())
    assert [name.rpartition(".")[2] for name in left] == ["tmp", "lock"]
    with pytest.raises(RegistryError):
        RowCache(tmp_path).open(digest_of(arrays_of(ROWS)))
    RowCache(tmp_path).collect()
    assert list(tmp_path.iterdir()) == []


def test_rows_that_another_process_has_open_are_never_evicted(tmp_path):
    folder, _ = cached(tmp_path)
    with _worker("hold", tmp_path) as reader:
        content = _said(reader)["content"]
        collected = RowCache(tmp_path, limit_bytes=0).collect()
        assert [entry.in_use for entry in collected.kept] == [True]
        assert collected.evicted == ()
        _go_on(reader)
        assert _said(reader)["content"] == content
        reader.wait()
    assert [entry.digest for entry in RowCache(tmp_path, limit_bytes=0).collect().evicted] == [folder.name]


def test_rows_that_are_open_stay_whole_when_their_files_are_deleted(tmp_path):
    folder, _ = cached(tmp_path)
    with _worker("hold", tmp_path) as reader:
        content = _said(reader)["content"]
        shutil.rmtree(folder)
        _go_on(reader)
        assert _said(reader)["content"] == content


def test_who_reads_a_file_that_is_cut_short_meanwhile_is_ended_by_the_system(tmp_path):
    """Nothing can be done about it from here: see docs/cache.md."""
    folder, _ = cached(tmp_path)
    with _worker("hold", tmp_path) as reader:
        assert _said(reader)["content"]
        (folder / "rows.arrow").chmod(0o644)
        os.truncate(folder / "rows.arrow", 4096)
        _go_on(reader)
        assert reader.wait(timeout=60) == -signal.SIGBUS


def _nothing_but(root: Path, *names: str) -> bool:
    return sorted(path.name for path in root.iterdir()) == sorted(names)


def test_a_full_disk_leaves_nothing_half_valid(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    word = f"mount -t tmpfs -o size={TOO_SMALL} none '{disk}' && "
    run = f"\"$@\"; ls -A '{disk}/rows'"
    unshare = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"])]
    if subprocess.run([*unshare, "sh", "-c", f"{word} true"], capture_output=True).returncode != 0:
        pytest.skip("no private tmpfs can be mounted here (unshare --mount)")
    command = [*unshare, "sh", "-c", word + run, "sh", *_command("build_until_full", disk / "rows")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    said, _, names = done.stdout.partition("\n")
    result = json.loads(said)
    assert result["error"] == "CapacityError", done.stderr
    assert "no space left" in result["message"]
    assert names == ""


def test_a_limit_of_the_files_size_leaves_nothing_half_valid(tmp_path):
    whole = (cached(tmp_path / "elsewhere")[0] / "rows.arrow").stat().st_size
    for limit in (100, TOO_SMALL, whole - 100, whole - 1):
        done = subprocess.run(
            _command("build_until_full", tmp_path / "rows", limit), capture_output=True, text=True, timeout=120
        )
        assert json.loads(done.stdout)["error"] == "ConfigError", done.stderr
        assert _nothing_but(tmp_path / "rows")
    arrays = arrays_of(ROWS)
    table = RowCache(tmp_path / "rows").build(RowLayout.of(arrays), parts_of(), batches_of(arrays, 3000))
    assert _nothing_but(tmp_path / "rows", table.digest)


def test_writing_takes_memory_for_one_block_however_many_rows_there_are(tmp_path):
    done = subprocess.run(_command("write", tmp_path, 20), capture_output=True, text=True, check=True, timeout=120)
    result = json.loads(done.stdout)
    assert result["bytes"] > 350_000_000
    assert result["grown"] < 40_000_000  # a block, and pages of the file read back for the manifest


def test_rows_that_cannot_be_mapped_for_want_of_memory_are_not_thrown_away(tmp_path):
    folder, _ = cached(tmp_path)
    before = (folder / "rows.arrow").stat().st_ino
    command = _command("build_without_memory", tmp_path)
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=os.environ | {"MLRT_THREADS": "1"})
    result = json.loads(done.stdout)
    assert result["error"] == "IntegrityError"
    assert "Cannot allocate memory" in result["message"]
    assert (folder / "rows.arrow").stat().st_ino == before


def test_any_mixture_of_builders_readers_and_evictions_sees_whole_rows(tmp_path, soak_factor):
    commands = [_command("churn", tmp_path, seed, 3 * soak_factor) for seed in range(3)]
    workers = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for command in commands
    ]
    results = [worker.communicate() for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0, 0], results
    counts = [json.loads(out) for out, _ in results]
    assert all(sum(count[name] for count in counts) > 0 for name in ("built", "opened", "evicted"))
    RowCache(tmp_path, limit_bytes=0).collect()
    assert list(tmp_path.iterdir()) == []
