"""255 quantiles of one float64 column: our bottom-k sample against exact NumPy and polars, on one thread.

The sample of 65,536 has a rank error of about 0.2 % at the median; the peers are exact and cannot be merged.
"""

from __future__ import annotations

import numpy as np
import polars as pl
import pyarrow as pa
from levels import every_level

from mlops_runtime import _native
from mlops_runtime._native import ArrowTable, QuantileSample
from mlops_runtime.sizing import Contender, Measurement, benchmark_main, measure


def run(quick: bool) -> list[Measurement]:
    """Measure one column of normal doubles."""
    rows = 200_000 if quick else 4_000_000
    values = np.random.default_rng(0).normal(size=rows)
    table, series, shares = ArrowTable(pa.table({"x": values})), pl.Series(values), np.linspace(0, 1, 257)[1:-1]
    _native.set_thread_count(1)

    def ours() -> None:
        sample = QuantileSample()
        sample.update(table, 0, 0)
        np.quantile(sample.sorted_values(), shares)

    contenders = [
        *every_level(ours),
        Contender("numpy.quantile, exact", lambda: np.quantile(values, shares)),
        Contender("polars sort, exact", lambda: series.sort().gather((shares * (rows - 1)).astype(np.int64))),
        Contender("numpy.sum, a plain read", values.sum, role="floor", calls=5),
    ]
    return [measure(f"256 quantiles, {rows:,} float64 rows, 1 thread", contenders, rounds=3 if quick else 15)]


if __name__ == "__main__":
    benchmark_main("quantiles", run, packages=("polars",))
