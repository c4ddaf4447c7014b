"""A loader's memory and threads: a batch lives as long as its holder, a feed as long as its loader."""

from __future__ import annotations

import contextlib
import gc
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import psutil
import pytest
from loader_cases import bytes_of, check_contents, table_of

from mlops_runtime.data.loader import Loader

TABLE = table_of(500)


def _threads() -> int:
    return psutil.Process().num_threads()


def test_a_batch_keeps_its_memory_as_long_as_anybody_holds_it() -> None:
    loader = Loader(TABLE, batch_rows=16, prefetch=1)
    held = [batch for _ in range(3) for batch in loader]
    before = [bytes_of(batch) for batch in held]
    parts = [batch["dense"][3:5, 1:] for batch in held if len(batch.rows) > 5]
    expected = [part.copy() for part in parts]
    del loader
    for batch in held:
        check_contents(batch, TABLE)
    assert [bytes_of(batch) for batch in held] == before
    del held, batch
    gc.collect()
    for _ in Loader(TABLE, batch_rows=16):
        pass  # buffers given back are filled anew; those of the parts are not
    for part, values in zip(parts, expected, strict=True):
        np.testing.assert_array_equal(part, values)


def test_batches_that_are_dropped_are_filled_again() -> None:
    loader = Loader(TABLE, batch_rows=5, prefetch=2)
    addresses = {batch.rows.ctypes.data for batch in loader}
    assert len(addresses) <= 6 < len(loader)


def test_a_batch_may_be_changed_without_changing_the_table() -> None:
    batch = next(iter(Loader(TABLE, batch_rows=8)))
    batch["dense"][:] = -1.0
    for again in Loader(TABLE, batch_rows=8):
        check_contents(again, TABLE)


def test_arrays_share_one_buffer_with_numpy_and_any_dlpack_consumer() -> None:
    batch = next(iter(Loader(TABLE, batch_rows=8)))
    view = np.from_dlpack(batch["sparse"])
    assert view.ctypes.data == batch["sparse"].ctypes.data
    assert all(array.ctypes.data % 64 == 0 and array.flags.c_contiguous for array in batch.values())


def test_tensors_share_their_memory_with_the_batch() -> None:
    torch = pytest.importorskip("torch", reason='no torch — pip install "mlops_runtime[torch]"')
    arrays, tensors = (next(iter(Loader(TABLE, batch_rows=8, as_=kind))) for kind in ("numpy", "torch"))
    for name, tensor in tensors.items():
        assert isinstance(tensor, torch.Tensor)
        np.testing.assert_array_equal(tensor.numpy(), arrays[name])
    assert tensors["sparse"].data_ptr() == tensors.rows.ctypes.data + 64  # right behind the ordinals


@pytest.mark.parametrize("ending", ["break", "exception", "close", "with", "collect", "epoch"])
def test_the_threads_end_with_the_loader(ending: str) -> None:
    before = _threads()
    for _ in range(20):
        _end(ending)
    gc.collect()
    assert _threads() <= before


def _end(ending: str) -> None:
    loader = Loader(TABLE, batch_rows=4, prefetch=3)
    if ending == "exception":
        with contextlib.suppress(ZeroDivisionError):
            for _ in loader:
                raise ZeroDivisionError
    if ending == "with":
        with loader:
            next(iter(loader))
    if ending == "collect":
        loader.itself = loader  # only the collector ends it
        next(iter(loader))
    if ending == "epoch":
        assert len(list(loader)) == len(loader)
    for _ in loader:
        if ending == "close":
            loader.close()
        break


def test_a_closed_loader_goes_on_where_it_was() -> None:
    loader = Loader(TABLE, batch_rows=100, seed=1)
    first = [next(iter(loader)).rows for _ in range(2)]
    loader.close()
    rows = np.concatenate([*first, *(batch.rows for batch in loader)])
    np.testing.assert_array_equal(rows, next(iter(Loader(TABLE, batch_rows=500, seed=1))).rows)


def test_two_threads_may_each_have_a_loader_of_one_table() -> None:
    found: list[bytes] = []

    def load() -> None:
        found.append(b"".join(bytes_of(batch) for batch in Loader(TABLE, batch_rows=7, seed=3)))

    threads = [threading.Thread(target=load) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert len(set(found)) == 1


def test_a_forked_child_goes_on_with_the_same_batches() -> None:
    loader = Loader(TABLE, batch_rows=50, seed=2)
    batch = next(iter(loader))
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        status = 1
        try:
            check_contents(batch, TABLE)
            del batch
            with os.fdopen(writer, "wb") as pipe:
                for batch in loader:
                    pipe.write(bytes_of(batch))
            del batch, loader
            gc.collect()
            status = 0
        finally:
            os._exit(status)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        from_child = pipe.read()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert from_child == b"".join(bytes_of(batch) for batch in loader)


@pytest.mark.parametrize("ending", ["", "sys.exit(0)", "os._exit(0)", "del loader, table", "raise KeyboardInterrupt"])
def test_an_interpreter_exits_in_the_midst_of_an_epoch(ending: str, tmp_path: Path) -> None:
    program = (
        "import os, sys, numpy as np\n"
        "from mlops_runtime.data.loader import Loader\n"
        "from mlops_runtime.data.rows import RowTable\n"
        "table = RowTable.from_arrays({'x': np.zeros((200_000, 32))})\n"
        "loader = Loader(table, batch_rows=50_000, prefetch=4)\n"
        "batch = next(iter(loader))\n"
        f"print('ready', flush=True)\n{ending}\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, cwd=tmp_path)
    assert done.stdout == "ready\n"
    assert done.returncode == (-2 if "KeyboardInterrupt" in ending else 0), done.stderr
