"""Counts over 257 quantile edges of a float64 column with 1 % NaN and 0.1 % inf: in cache and memory, 1 and 2 threads.

Ours counts NaN and both infinities apart; the peers leave them in their outer bins. boost-histogram lives in an
environment of its own, which this script builds under `.peers/` (network needed once). The floor sums the column.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
from levels import every_level

from mlops_runtime import _native
from mlops_runtime._native import ArrowTable, Histogram
from mlops_runtime.sizing import Contender, Measurement, PeerProcess, benchmark_main, measure, peer_environment

_REQUIREMENTS = ("boost-histogram==1.8.1", "numpy>=2")
_SCRIPT = Path(__file__).parent / "peers" / "boost_histogram_fill.py"
_CACHE_ROWS, _MEMORY_ROWS = 1_000_000, 32 * 1024 * 1024  # 8 MB and 256 MiB


def run(quick: bool) -> list[Measurement]:
    """Measure a normal column (equal steps) in cache and memory, a log-normal one (steps in the bits) in the cache."""
    python = peer_environment("boost_histogram", _REQUIREMENTS, root=Path(__file__).parents[1] / ".peers")
    normal = column(200_000 if quick else _MEMORY_ROWS)
    cached = normal[: 100_000 if quick else _CACHE_ROWS]
    rounds, few = (3, 3) if quick else (9, 3)
    results = []
    for threads in (1, 2):
        results.append(_measure("normal", cached, python, threads, rounds=rounds))
        results.append(_measure("normal", normal, python, threads, rounds=few))
    results.append(_measure("log-normal", np.exp(3 * cached), python, 1, rounds=rounds))
    return results


def column(rows: int) -> np.ndarray:
    """Return standard normal values with NaN and infinities among them."""
    rng = np.random.default_rng(0)
    values = rng.normal(size=rows)
    values[rng.integers(0, rows, rows // 100)] = np.nan
    values[rng.integers(0, rows, rows // 1000)] = np.inf
    return values


def _measure(name: str, values: np.ndarray, python: Path, threads: int, *, rounds: int) -> Measurement:
    edges = np.quantile(values[:100_000][np.isfinite(values[:100_000])], np.linspace(0, 1, 257))
    table, series, cuts = ArrowTable(pa.table({"x": values})), pl.Series(values), edges.tolist()
    _native.set_thread_count(threads)
    with tempfile.TemporaryDirectory() as folder, PeerProcess(python, _SCRIPT) as peer:
        paths = {"values": str(Path(folder, "values.npy")), "edges": str(Path(folder, "edges.npy"))}
        np.save(paths["values"], values)
        np.save(paths["edges"], edges)
        peer.call("prepare", **paths)
        contenders = [
            *every_level(lambda: Histogram(edges).update(table, 0), threads),
            Contender("numpy.searchsorted + bincount", lambda: np.bincount(np.searchsorted(edges, values))),
            Contender("polars hist", lambda: series.hist(bins=cuts), pl.thread_pool_size()),
            peer.contender(f"boost-histogram, {threads} thread(s)", "fill", threads=threads, workers=threads),
            Contender("numpy.sum, a plain read", values.sum, role="floor", calls=5),
        ]
        shape = f"{len(values):,} float64 rows, {threads} thread(s)"
        return measure(f"histogram of 256, {name}, {shape}", contenders, rounds=rounds, warmup=1)


if __name__ == "__main__":
    benchmark_main("histogram", run, packages=("numpy", "polars"))
