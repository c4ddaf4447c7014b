"""Gather a shuffled epoch of records of 264 bytes, in batches of 4,096, against numpy, torch and pyarrow.

A record is 26 int64, 13 float32 and a float32. Ours writes three arrays a batch, from memory at every instruction set
and from a mapped file that is in the page cache. The peers take from the same three arrays, so a row is three places:
numpy.take into given arrays, torch.index_select into given tensors; and numpy.take and pyarrow take whole records and
leave them whole. All get the same permutation, made beforehand. Floor: the records copied in their order.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
from levels import every_level
from numpy.typing import NDArray

from mlops_runtime import _native
from mlops_runtime.data.rows import RowCache, RowTable
from mlops_runtime.sizing import Contender, Measurement, benchmark_main, measure

_BATCH_ROWS = 4096
_OFFSETS = [0, 208, 260]

Arrays = list[NDArray[np.generic]]


def run(quick: bool) -> list[Measurement]:
    """Measure one thread and two."""
    rows, rounds = (50_000, 3) if quick else (2_000_000, 7)
    random = np.random.default_rng(0)
    arrays: Arrays = [
        random.integers(0, 1 << 40, (rows, 26)),
        random.random((rows, 13), np.float32),
        random.random((rows, 1), np.float32),
    ]
    named = dict(zip(("sparse", "dense", "target"), arrays, strict=True))
    order = _native.Permutation(rows, 1).rows(0, rows)
    with tempfile.TemporaryDirectory() as folder:
        table = RowTable.from_arrays(named)
        mapped = RowCache(Path(folder)).build(table.layout, {}, [named])
        return [_measure(arrays, order, table, mapped, threads, rounds) for threads in (1, 2)]


def _measure(
    arrays: Arrays, order: NDArray[np.int64], table: RowTable, mapped: RowTable, threads: int, rounds: int
) -> Measurement:
    outputs: Arrays = [np.zeros((_BATCH_ROWS, *array.shape[1:]), array.dtype) for array in arrays]
    records = table.native.blocks[0]
    piece = np.zeros((_BATCH_ROWS, table.layout.row_bytes), np.uint8)

    def ours(rows: RowTable) -> Callable[[], None]:
        return _epoch(order, threads, lambda batch: _gather(rows, batch, outputs))

    def numpy_take(batch: NDArray[np.int64]) -> None:
        for array, output in zip(arrays, outputs, strict=True):
            np.take(array, batch, axis=0, out=output[: len(batch)], mode="clip")  # else it copies `out` first

    contenders = [
        *every_level(ours(table), threads),
        Contender("mlops_runtime, mapped file", ours(mapped), threads),
        Contender("numpy.take", _epoch(order, threads, numpy_take)),
        Contender("numpy.take of records", _epoch(order, threads, partial(_take_records, records, piece))),
        Contender("torch.index_select", _epoch(order, threads, _torch(arrays, outputs)), threads),
        Contender("pyarrow take of records", _epoch(order, threads, _pyarrow(records))),
        Contender("sequential copy", partial(_copy, records, piece), role="floor"),
    ]
    name = f"gather, {len(order):,} x {records.shape[1]} bytes, batches of {_BATCH_ROWS:,}, {threads} thread(s)"
    return measure(name, contenders, rounds=rounds, warmup=1, patience=1)


def _epoch(order: NDArray[np.int64], threads: int, take: Callable[[NDArray[np.int64]], object]) -> Callable[[], None]:
    def epoch() -> None:
        _native.set_thread_count(threads)
        torch.set_num_threads(threads)
        for start in range(0, len(order), _BATCH_ROWS):
            take(order[start : start + _BATCH_ROWS])

    return epoch


def _gather(table: RowTable, batch: NDArray[np.int64], outputs: Arrays) -> None:
    _native.gather(table.native, batch, _OFFSETS, [output[: len(batch)] for output in outputs])


def _take_records(records: NDArray[np.uint8], piece: NDArray[np.uint8], batch: NDArray[np.int64]) -> None:
    np.take(records, batch, axis=0, out=piece[: len(batch)], mode="clip")


def _torch(arrays: Arrays, outputs: Arrays) -> Callable[[NDArray[np.int64]], None]:
    sources, targets = ([torch.from_numpy(array) for array in each] for each in (arrays, outputs))

    def take(batch: NDArray[np.int64]) -> None:
        rows = torch.from_numpy(batch)
        for source, target in zip(sources, targets, strict=True):
            torch.index_select(source, 0, rows, out=target[: len(batch)])

    return take


def _pyarrow(records: NDArray[np.uint8]) -> Callable[[NDArray[np.int64]], pa.Array]:
    rows, row_bytes = records.shape
    column = pa.Array.from_buffers(pa.binary(row_bytes), rows, [None, pa.py_buffer(records)])
    return lambda batch: column.take(pa.array(batch))


def _copy(records: NDArray[np.uint8], piece: NDArray[np.uint8]) -> None:
    for start in range(0, len(records), _BATCH_ROWS):
        part = records[start : start + _BATCH_ROWS]
        np.copyto(piece[: len(part)], part)


if __name__ == "__main__":
    benchmark_main("gather", run, packages=("numpy", "pyarrow", "torch"))
