"""A shuffled epoch in batches of 4,096 rows as torch tensors, of 26 ids, 13 numbers and a target: 264 bytes a row.

Ours from memory, and from a row cache on disk that is mapped (its pages are in memory by then), on 1 and on 2 threads;
numpy.take and torch's indexing with a permutation of the same rows, one array after another; the floor copies the bytes
in their order. torch's DataLoader, which collates row by row, is measured on fewer rows, and ours beside it on those.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader, TensorDataset

from mlops_runtime import _native
from mlops_runtime.data.loader import Loader
from mlops_runtime.data.rows import RowCache, RowLayout, RowTable
from mlops_runtime.sizing import Contender, Measurement, benchmark_main, measure

_ROWS, _QUICK_ROWS = 2_000_000, 40_000
_FEWER_ROWS, _QUICK_FEWER_ROWS = 400_000, 20_000
_BATCH_ROWS = 4096
_CATEGORIES, _NUMBERS = 26, 13

Arrays = dict[str, NDArray[np.generic]]


def run(quick: bool) -> list[Measurement]:
    """Measure epochs of 2M rows, then of 400,000 beside DataLoader's."""
    arrays = _arrays(_QUICK_ROWS if quick else _ROWS)
    fewer = _arrays(_QUICK_FEWER_ROWS if quick else _FEWER_ROWS)
    rounds = 3 if quick else 7
    with TemporaryDirectory() as folder:
        memory, mapped = RowTable.from_arrays(arrays), _mapped(arrays, Path(folder))
        measured = [_epochs(arrays, memory, mapped, threads, rounds) for threads in (1, 2)]
    return [*measured, *(_beside_dataloader(fewer, threads, 3 if quick else 5) for threads in (1, 2))]


def _arrays(rows: int) -> Arrays:
    rng = np.random.default_rng(0)
    return {
        "sparse": rng.integers(0, 1 << 20, (rows, _CATEGORIES)),
        "dense": rng.random((rows, _NUMBERS), np.float32),
        "target": rng.random((rows, 1), np.float32),
    }


def _mapped(arrays: Arrays, folder: Path) -> RowTable:
    cache = RowCache(folder, limit_bytes=1 << 40)
    return cache.build(RowLayout.of(arrays), {"made": "bench_loader"}, [arrays])


def _epochs(arrays: Arrays, memory: RowTable, mapped: RowTable, threads: int, rounds: int) -> Measurement:
    rows = memory.rows
    records = np.empty(rows * memory.layout.row_bytes, np.uint8)
    contenders = [
        Contender("mlops_runtime", _ours(memory, threads), threads, role="subject"),
        Contender("mlops_runtime, mapped cache", _ours(mapped, threads), threads),
        Contender("numpy.take", partial(_numpy_epoch, arrays)),
        Contender("torch index", partial(_torch_epoch, _tensors(arrays), threads), threads),
        Contender("sequential copy", partial(np.copyto, records, np.zeros_like(records)), role="floor"),
    ]
    name = (
        f"shuffled epoch, {rows:,} x {memory.layout.row_bytes} bytes, batches of {_BATCH_ROWS:,}, {threads} thread(s)"
    )
    return measure(name, contenders, rounds=rounds, warmup=1, patience=2)


def _beside_dataloader(arrays: Arrays, threads: int, rounds: int) -> Measurement:
    table = RowTable.from_arrays(arrays)
    workers = 0 if threads == 1 else threads
    contenders = [
        Contender("mlops_runtime", _ours(table, threads), threads, role="subject", calls=5),
        Contender(
            f"DataLoader(TensorDataset), {workers} workers", partial(_dataloader_epoch, arrays, workers), threads
        ),
    ]
    name = f"shuffled epoch beside DataLoader, {table.rows:,} rows, {threads} thread(s)"
    return measure(name, contenders, rounds=rounds, warmup=1, patience=1)


def _ours(table: RowTable, threads: int) -> Callable[[], None]:
    loader = Loader(table, batch_rows=_BATCH_ROWS, as_="torch")

    def epoch() -> None:
        _native.set_thread_count(threads)
        for _ in loader:
            pass

    return epoch


def _numpy_epoch(arrays: Arrays) -> None:
    for rows in _shuffled(len(arrays["target"])):
        for array in arrays.values():
            torch.from_numpy(np.take(array, rows, axis=0))


def _torch_epoch(tensors: list[torch.Tensor], threads: int) -> None:
    torch.set_num_threads(threads)
    for rows in _shuffled(len(tensors[0])):
        picked = torch.from_numpy(rows)
        for tensor in tensors:
            tensor[picked]


def _dataloader_epoch(arrays: Arrays, workers: int) -> None:
    dataset = TensorDataset(*_tensors(arrays))
    for _ in DataLoader(dataset, batch_size=_BATCH_ROWS, shuffle=True, num_workers=workers):
        pass


def _shuffled(rows: int) -> list[NDArray[np.int64]]:
    order = np.random.default_rng(0).permutation(rows)
    return [order[start : start + _BATCH_ROWS] for start in range(0, rows, _BATCH_ROWS)]


def _tensors(arrays: Arrays) -> list[torch.Tensor]:
    return [torch.from_numpy(array) for array in arrays.values()]


if __name__ == "__main__":
    benchmark_main("loader", run, packages=("torch",))
