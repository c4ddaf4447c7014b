"""Counts over 255 quantile edges of one float64 column against NumPy and a plain read, on one thread."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from levels import every_level

from mlops_runtime import _native
from mlops_runtime._native import ArrowTable, Histogram
from mlops_runtime.sizing import Contender, Measurement, benchmark_main, measure


def run(quick: bool) -> list[Measurement]:
    """Measure a normal column (equal steps) and a log-normal one (steps in the bits)."""
    rows = 200_000 if quick else 16_000_000
    normal = np.random.default_rng(0).normal(size=rows)
    return [
        _measure("normal", normal, rounds=3 if quick else 15),
        _measure("log-normal", np.exp(3 * normal), rounds=3 if quick else 15),
    ]


def _measure(name: str, values: np.ndarray, *, rounds: int) -> Measurement:
    edges = np.quantile(values[:100_000], np.linspace(0, 1, 257)[1:-1])
    table = ArrowTable(pa.table({"x": values}))
    _native.set_thread_count(1)
    contenders = [
        *every_level(lambda: Histogram(edges).update(table, 0)),
        Contender("numpy.searchsorted + bincount", lambda: np.bincount(np.searchsorted(edges, values), minlength=256)),
        Contender("numpy.sum, a plain read", values.sum, role="floor", calls=5),
    ]
    return measure(f"histogram of 256, {name}, {len(values):,} float64 rows, 1 thread", contenders, rounds=rounds)


if __name__ == "__main__":
    benchmark_main("histogram", run, packages=("numpy",))
