"""Impute, log1p and scale the 13 numeric columns of the wide table into one row-major float32 matrix.

Ours writes the matrix over and over; NumPy works in float32, column by column, with buffers that exist, and writes the
same matrix (missing values are NaN there: it knows no nulls); polars evaluates one lazy select and leaves columns, each
thread count in a process of its own. The floor copies a matrix of that size: the same bytes read and the same written.
"""

from __future__ import annotations

import sys
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from wide_table import NUMBERS, wide_table

from mlops_runtime import _native
from mlops_runtime._native import ArrowTable, DensePlan, Expression
from mlops_runtime.sizing import Contender, Measurement, PeerProcess, benchmark_main, measure

_LEVELS = ("scalar", "avx2", "avx512")
_SCRIPT = Path(__file__).parent / "peers" / "polars_dense.py"
_FILL, _CENTER, _SCALE = 0.5, 1.0, 2.0


def run(quick: bool) -> list[Measurement]:
    """Measure with and without the logarithm; positive values, so that every library has one."""
    rows, rounds = (50_000, 3) if quick else (2_000_000, 7)
    numbers = wide_table(rows).select(list(NUMBERS))
    table = pa.table({name: pa.compute.abs(numbers[name]).combine_chunks() for name in NUMBERS})
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "numbers.arrow")
        with pa.ipc.new_file(path, table.schema) as file:
            file.write_table(table)
        with _polars(1) as one, _polars(2) as two:
            for peer, threads in ((one, 1), (two, 2)):
                assert peer.call("prepare", path=path) == threads
            return [_measure(table, {1: one, 2: two}, with_log=with_log, rounds=rounds) for with_log in (True, False)]


def _polars(threads: int) -> PeerProcess:
    return PeerProcess(sys.executable, _SCRIPT, environment={"POLARS_MAX_THREADS": str(threads)})


def _measure(table: pa.Table, polars: dict[int, PeerProcess], *, with_log: bool, rounds: int) -> Measurement:
    out = np.zeros((table.num_rows, len(NUMBERS)), np.float32)
    source = np.ones_like(out)
    plan, view, best = _plan(with_log=with_log), ArrowTable(table), _native.detected_isa()

    def ours(threads: int, level: str) -> None:
        _native.set_isa(level)
        _native.set_thread_count(threads)
        plan.run(view, out)

    levels = _LEVELS[: _LEVELS.index(best) + 1]
    contenders = [
        Contender("mlops_runtime", partial(ours, 1, best), role="subject"),
        *(Contender(f"mlops_runtime, {level}", partial(ours, 1, level)) for level in levels[:-1]),
        Contender("mlops_runtime, 2 threads", partial(ours, 2, best), 2),
        Contender("numpy", _numpy(table, out, with_log=with_log)),
        *(
            peer.contender(f"polars, {threads} thread(s)", "transform", threads=threads, with_log=with_log)
            for threads, peer in polars.items()
        ),
        Contender("copy of as many bytes", partial(np.copyto, out, source), role="floor", calls=5),
    ]
    steps = "impute, log1p, scale" if with_log else "impute, scale"
    return measure(f"{steps}, {table.num_rows:,} x {len(NUMBERS)} float32, 1 thread", contenders, rounds=rounds)


def _plan(*, with_log: bool) -> DensePlan:
    steps = [("impute", np.array([_FILL])), ("affine", np.array([_CENTER, _SCALE]))]
    if with_log:
        steps.insert(1, ("log1p", np.empty(0)))
    return DensePlan([Expression([j], "column", steps) for j in range(len(NUMBERS))])


def _numpy(table: pa.Table, out: NDArray[np.float32], *, with_log: bool) -> partial[None]:
    """The same with NaN for missing, each operation into a buffer of one column."""
    columns = [table[name].to_numpy() for name in NUMBERS]
    value, missing = np.empty(table.num_rows, np.float32), np.empty(table.num_rows, bool)

    def transform() -> None:
        for j, column in enumerate(columns):
            np.copyto(value, column)
            np.isnan(value, out=missing)
            np.copyto(value, np.float32(_FILL), where=missing)
            if with_log:
                np.log1p(value, out=value)
            np.subtract(value, np.float32(_CENTER), out=value)
            np.multiply(value, np.float32(_SCALE), out=out[:, j])

    return partial(transform)


if __name__ == "__main__":
    benchmark_main("dense", run, packages=("numpy", "polars"))
