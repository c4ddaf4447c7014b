"""Streams in processes of their own: memory, exits, forks and garbage."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from stream_cases import ROWS, Arrays, order_of, stream, write_files

from mlops_runtime.data.loader import Windowed

_WORKER = Path(__file__).with_name("stream_worker.py")
_MIB = 1 << 20


def _run(*arguments: str) -> str:
    command = [sys.executable, str(_WORKER), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def _stream_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("mlrt-stream")]


def test_memory_holds_two_windows_however_long_the_file_is(tmp_path: Path) -> None:
    """96 MiB of rows in windows of 3 MiB; decoding takes a row group's columns for each thread besides."""
    path, groups, group_rows = tmp_path / "day=0" / "part.parquet", 64, 1 << 16
    path.parent.mkdir()
    with pq.ParquetWriter(path, pa.schema({"n": pa.int64(), "text": pa.string()})) as writer:
        for group in range(groups):
            numbers = np.arange(group_rows) + group * group_rows
            writer.write_table(pa.table({"n": numbers, "text": [f"t{n % 50}" for n in range(group_rows)]}))
    rows, grown, windows = map(int, _run("measure", str(tmp_path)).split())
    assert rows == 2 * groups * group_rows
    assert windows == 2 * 2 * group_rows * (24 + 8)
    assert groups * group_rows * (24 + 8) > 120 * _MIB
    assert grown < windows + 64 * _MIB  # of 134 MB of rows


def test_an_interpreter_exits_cleanly_in_the_middle_of_a_loop(tmp_path: Path) -> None:
    assert _run("leave", str(write_files(tmp_path))) == "8\n"


def test_a_stream_that_is_dropped_or_closed_ends_its_threads(tmp_path: Path) -> None:
    folder = write_files(tmp_path)
    loader = stream(folder, batch_rows=8)
    next(iter(loader))
    assert _stream_threads()
    del loader
    gc.collect()
    assert not _stream_threads()
    with stream(folder, batch_rows=8) as loader:
        first = next(iter(loader)).rows
        loader.close()
        assert not _stream_threads()
        rest = [batch.rows for batch in loader]
    np.testing.assert_array_equal(np.concatenate([first, *rest]), order_of(folder))
    assert not _stream_threads()


def test_a_stream_that_its_own_thread_collects_ends_cleanly(tmp_path: Path) -> None:
    folder, dropped = write_files(tmp_path), threading.Event()
    first_row = int(order_of(folder, sampler=Windowed(1))[0])

    class Collecting(Arrays):
        def __call__(self, table: pa.Table) -> Mapping[str, NDArray[Any]]:
            if first_row not in table.column("n").to_pylist():  # a later row group: nobody knows the stream by then
                assert dropped.wait(10)
                gc.collect()
            return super().__call__(table)

    gc.disable()
    try:
        cycle: list[object] = [stream(folder, Collecting(), batch_rows=1, sampler=Windowed(1))]
        cycle.append(cycle)
        assert len(next(iter(cycle[0])).rows) == 1
        del cycle
        dropped.set()
        for thread in [each for each in threading.enumerate() if each.name.startswith("mlrt-stream")]:
            thread.join(10)
            assert not thread.is_alive()
    finally:
        gc.enable()


def test_a_forked_child_goes_on_with_threads_of_its_own(tmp_path: Path) -> None:
    folder = write_files(tmp_path)
    loader = stream(folder, batch_rows=8)
    first = next(iter(loader)).rows
    child = os.fork()
    if child == 0:
        rest = np.concatenate([first, *(batch.rows for batch in loader)])
        os._exit(0 if np.array_equal(rest, order_of(folder)) else 1)
    rest = [batch.rows for batch in loader]
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert sum(map(len, rest)) + len(first) == ROWS
