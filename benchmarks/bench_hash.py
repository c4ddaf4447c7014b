"""Encode the 26 categorical columns of the wide table by hash against polars.

Ours writes a row-major matrix of ids, int64 or int32, missing as 0. polars hashes all columns in one select and takes
the remainder by the number of buckets: once as it is, which leaves a frame of columns and gives nulls an id like any
other value, and once with nulls as 0 and the frame copied into the matrix that a model takes. polars holds strings as
views from the start; ours reads offsets. Buckets: 1,000,000. All overwrite or drop what they made before.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import polars as pl
from wide_table import CATEGORIES, wide_table

from mlops_runtime import _native
from mlops_runtime._native import ArrowTable, HashIds, SparsePlan
from mlops_runtime.sizing import Contender, Measurement, benchmark_main, measure

_BUCKETS = 1_000_000
_LEVELS = ("scalar", "avx2", "avx512")


def run(quick: bool) -> list[Measurement]:
    """Measure all columns at two threads and at one."""
    rows, rounds = (50_000, 3) if quick else (2_000_000, 7)
    table = wide_table(rows).select(list(CATEGORIES))
    view, frame = ArrowTable(table), pl.DataFrame(pl.from_arrow(table))
    plan = SparsePlan([HashIds([j], _BUCKETS, 0) for j in range(len(CATEGORIES))])
    wide, narrow = (np.zeros((rows, len(CATEGORIES)), dtype) for dtype in (np.int64, np.int32))
    best = _native.detected_isa()

    def ours(threads: int, level: str, *, is_narrow: bool = False) -> None:
        _native.set_isa(level)
        _native.set_thread_count(threads)
        if is_narrow:
            plan.run(view, narrow, "int32")
        else:
            plan.run(view, wide)

    def polars_frame() -> pl.DataFrame:
        return frame.select(pl.all().hash(0) % _BUCKETS + 1)

    def polars_matrix() -> object:
        ids = (pl.all().hash(0) % _BUCKETS + 1).cast(pl.Int64)
        return frame.select(pl.when(pl.all().is_not_null()).then(ids).otherwise(0)).to_numpy(order="c")

    levels = _LEVELS[: _LEVELS.index(best) + 1]
    contenders = [
        Contender("mlops_runtime", partial(ours, 2, best), 2, role="subject"),
        Contender("mlops_runtime, int32", partial(ours, 2, best, is_narrow=True), 2),
        *(Contender(f"mlops_runtime, {level}, 1 thread", partial(ours, 1, level)) for level in levels),
        Contender("polars, a frame", polars_frame, pl.thread_pool_size()),
        Contender("polars, a matrix", polars_matrix, pl.thread_pool_size()),
        Contender("copy of the output", partial(np.copyto, np.zeros_like(wide), wide), role="floor"),
    ]
    name = f"hash encode, {rows:,} x {len(CATEGORIES)}, 2 threads"
    return [measure(name, contenders, rounds=rounds)]


if __name__ == "__main__":
    benchmark_main("hash", run, packages=("polars",))
