"""Impute and standardise 13 float32 columns into a row-major matrix against NumPy, polars and a copy, on one thread.

All write into a matrix that exists; 10 % of the values are missing.
"""

from __future__ import annotations

import numpy as np
import polars as pl
import pyarrow as pa
from levels import every_level

from mlops_runtime import _native
from mlops_runtime._native import ArrowTable, DensePlan
from mlops_runtime.sizing import Contender, Measurement, benchmark_main, measure

_WIDTH = 13


def run(quick: bool) -> list[Measurement]:
    """Measure 13 columns, as in the Criteo data set."""
    rows = 50_000 if quick else 2_000_000
    rng = np.random.default_rng(0)
    columns = [
        np.where(rng.random(rows) < 0.1, np.nan, rng.normal(size=rows)).astype(np.float32) for _ in range(_WIDTH)
    ]
    table = ArrowTable(pa.table({f"x{j}": column for j, column in enumerate(columns)}))
    frame = pl.DataFrame({f"x{j}": column for j, column in enumerate(columns)}).fill_nan(None)
    zeros, ones = np.zeros(_WIDTH), np.ones(_WIDTH)
    plan = DensePlan(np.arange(_WIDTH, dtype=np.int32), np.zeros(_WIDTH, np.uint8), zeros, ones, 2 * ones)
    out, source = np.zeros((rows, _WIDTH), np.float32), np.ones((rows, _WIDTH), np.float32)
    _native.set_thread_count(1)

    def numpy_standardise() -> None:
        for j, column in enumerate(columns):
            out[:, j] = (np.where(np.isnan(column), np.float32(0), column) - np.float32(1)) * np.float32(2)

    contenders = [
        *every_level(lambda: plan.run(table, out=out)),
        Contender("numpy", numpy_standardise),
        Contender(
            "polars", lambda: frame.select((pl.all().fill_null(0.0) - 1.0) * 2.0).to_numpy(), pl.thread_pool_size()
        ),
        Contender("copy of the same bytes", lambda: np.copyto(out, source), role="floor", calls=5),
    ]
    return [measure(f"standardise, {rows:,} x {_WIDTH} float32, 1 thread", contenders, rounds=3 if quick else 15)]


if __name__ == "__main__":
    benchmark_main("standardise", run, packages=("polars",))
