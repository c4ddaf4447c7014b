"""Impute, log1p and scale the 13 numeric columns of the wide table into one row-major float32 matrix.

Ours writes the matrix over and over; NumPy works in float32, column by column, with buffers that exist, and writes the
same matrix (missing values are NaN there: it knows no nulls); polars evaluates one lazy select and leaves columns, each
thread count in a process of its own. The floor copies a matrix of that size: the same bytes read and the same written.
On two threads NumPy takes half of the columns on each, and the copy half of the rows.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
from levels import every_level
from numpy.typing import NDArray
from wide_table import NUMBERS, wide_table

from mlops_runtime import _native
from mlops_runtime._native import ArrowTable, DensePlan, Expression
from mlops_runtime.sizing import Contender, Measurement, PeerProcess, benchmark_main, measure

_SCRIPT = Path(__file__).parent / "peers" / "polars_dense.py"
_FILL, _CENTER, _SCALE = 0.5, 1.0, 2.0


def run(quick: bool) -> list[Measurement]:
    """Measure with and without the logarithm; positive values, so that every library has one."""
    rows, rounds = (50_000, 3) if quick else (2_000_000, 7)
    numbers = wide_table(rows).select(list(NUMBERS))
    table = pa.table({name: pa.compute.abs(numbers[name]).combine_chunks() for name in NUMBERS})
    results = []
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "numbers.arrow")
        with pa.ipc.new_file(path, table.schema) as file:
            file.write_table(table)
        for threads in (1, 2):
            environment = {"POLARS_MAX_THREADS": str(threads)}
            with PeerProcess(sys.executable, _SCRIPT, environment=environment) as polars:
                assert polars.call("prepare", path=path) == threads
                results += [_measure(table, polars, threads, with_log, rounds) for with_log in (True, False)]
    return results


def _measure(table: pa.Table, polars: PeerProcess, threads: int, with_log: bool, rounds: int) -> Measurement:
    out = np.zeros((table.num_rows, len(NUMBERS)), np.float32)
    source = np.ones_like(out)
    plan, view = _plan(with_log=with_log), ArrowTable(table)

    def ours() -> None:
        _native.set_thread_count(threads)
        plan.run(view, out)

    transforms = [_numpy(table, out, range(part, len(NUMBERS), threads), with_log=with_log) for part in range(threads)]
    halves = zip(np.array_split(out, threads), np.array_split(source, threads), strict=True)
    copies = [partial(np.copyto, to, values) for to, values in halves]
    steps = "impute, log1p, scale" if with_log else "impute, scale"
    with ThreadPoolExecutor(threads) as pool:
        contenders = [
            *every_level(ours, threads),
            Contender("numpy", partial(_together, pool, transforms), threads),
            polars.contender("polars", "transform", threads=threads, with_log=with_log),
            Contender("copy of as many bytes", partial(_together, pool, copies), threads, role="floor", calls=5),
        ]
        name = f"{steps}, {table.num_rows:,} x {len(NUMBERS)} float32, {threads} thread{'s' * (threads > 1)}"
        return measure(name, contenders, rounds=rounds)


def _together(pool: ThreadPoolExecutor, parts: Sequence[Callable[[], object]]) -> None:
    """Run each part on a thread of its own; a single one on this."""
    others = [pool.submit(part) for part in parts[1:]]
    parts[0]()
    for other in others:
        other.result()


def _plan(*, with_log: bool) -> DensePlan:
    steps = [("impute", np.array([_FILL])), ("affine", np.array([_CENTER, _SCALE]))]
    if with_log:
        steps.insert(1, ("log1p", np.empty(0)))
    return DensePlan([Expression([j], "column", steps) for j in range(len(NUMBERS))])


def _numpy(table: pa.Table, out: NDArray[np.float32], positions: range, *, with_log: bool) -> Callable[[], None]:
    """The same with NaN for missing, each operation into a buffer of one column."""
    columns = {j: table[NUMBERS[j]].to_numpy() for j in positions}
    value, missing = np.empty(table.num_rows, np.float32), np.empty(table.num_rows, bool)

    def transform() -> None:
        for j, column in columns.items():
            np.copyto(value, column)
            np.isnan(value, out=missing)
            np.copyto(value, np.float32(_FILL), where=missing)
            if with_log:
                np.log1p(value, out=value)
            np.subtract(value, np.float32(_CENTER), out=value)
            np.multiply(value, np.float32(_SCALE), out=out[:, j])

    return transform


if __name__ == "__main__":
    benchmark_main("dense", run, packages=("numpy", "polars"))
