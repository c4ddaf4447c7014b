"""Exact moments of one float64 column against NumPy, polars and a plain read, on one thread.

Ours keeps the sums without rounding; the peers round at every step. All handle missing values: 10 % are NaN.
"""

from __future__ import annotations

import numpy as np
import polars as pl
import pyarrow as pa
from levels import every_level

from mlops_runtime import _native
from mlops_runtime._native import ArrowTable, Moments
from mlops_runtime.sizing import Contender, Measurement, benchmark_main, measure


def run(quick: bool) -> list[Measurement]:
    """Measure one column of doubles with missing values."""
    rows = 200_000 if quick else 16_000_000
    rng = np.random.default_rng(0)
    values = np.where(rng.random(rows) < 0.1, np.nan, rng.normal(size=rows))
    table, series = ArrowTable(pa.table({"x": values})), pl.Series(values).fill_nan(None)
    _native.set_thread_count(1)

    def numpy_moments() -> None:
        np.nanmean(values), np.nanvar(values), np.nanmin(values), np.nanmax(values)

    def polars_moments() -> None:
        series.mean(), series.var(), series.min(), series.max(), series.null_count()

    contenders = [
        *every_level(lambda: Moments().update(table, 0)),
        Contender("numpy", numpy_moments),
        Contender("polars", polars_moments),
        Contender("numpy.sum, a plain read", values.sum, role="floor", calls=5),
    ]
    return [measure(f"moments, {rows:,} float64 rows, 1 thread", contenders, rounds=3 if quick else 15)]


if __name__ == "__main__":
    benchmark_main("moments", run, packages=("polars",))
