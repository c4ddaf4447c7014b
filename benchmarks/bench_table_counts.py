"""Counting a batch of 50 numeric columns in one call: 64 rows as a request brings them, and a long batch.

The peer counts only the histogram, column by column, as one would by hand; ours keeps exact moments, extremes and
special values beside it. The floor sums the matrix, a read.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from levels import every_level

from mlops_runtime import _native
from mlops_runtime._native import ArrowTable, TableCounts
from mlops_runtime.sizing import Contender, Measurement, benchmark_main, measure

_COLUMNS = 50


def run(quick: bool) -> list[Measurement]:
    """Measure float32[64, 50] as a matrix and as an Arrow table, and a long matrix on one and two threads."""
    rows = 20_000 if quick else 1_000_000
    values = np.random.default_rng(0).standard_normal((rows, _COLUMNS)).astype(np.float32)
    edges = [np.unique(np.quantile(column, np.linspace(0, 1, 257))).astype(np.float64) for column in values[:10_000].T]
    small = np.ascontiguousarray(values[:64])
    batch = pa.table({f"c{column}": small[:, column].copy() for column in range(_COLUMNS)})
    return [
        _measure("float32[64, 50]", edges, small, threads=1, calls=500),
        _measure_arrow("Arrow batch of 64 x 50 float32", edges, batch),
        *(_measure(f"float32[{rows:,}, 50], {n} thread(s)", edges, values, threads=n, calls=1) for n in (1, 2)),
    ]


def _measure(name: str, edges: list[np.ndarray], values: np.ndarray, *, threads: int, calls: int) -> Measurement:
    _native.set_thread_count(threads)
    state, places = TableCounts(edges), np.arange(_COLUMNS)

    def with_numpy() -> None:
        for column, cuts in zip(values.T, edges, strict=True):
            np.bincount(np.searchsorted(cuts, column), minlength=len(cuts) + 1)

    contenders = [
        *every_level(lambda: state.update_matrix(values, places), threads),
        Contender("numpy.searchsorted + bincount", with_numpy),
        Contender("numpy.sum, a plain read", values.sum, role="floor"),
    ]
    contenders = [Contender(one.name, one.run, one.threads, one.role, calls=calls) for one in contenders]
    return measure(f"table counts of {name}", contenders, rounds=5)


def _measure_arrow(name: str, edges: list[np.ndarray], batch: pa.Table) -> Measurement:
    _native.set_thread_count(1)
    state, places = TableCounts(edges), np.arange(_COLUMNS)
    contenders = [
        Contender("mlops_runtime", lambda: state.update(ArrowTable(batch), places), role="subject", calls=500),
        Contender("hand-over only", lambda: ArrowTable(batch), role="floor", calls=500),
    ]
    return measure(f"table counts of an {name}", contenders, rounds=15)


if __name__ == "__main__":
    benchmark_main("table_counts", run, packages=("numpy",))
