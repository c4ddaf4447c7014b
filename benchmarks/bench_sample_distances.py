"""Exact distances of two samples from scratch (both sorted, one merge) against SciPy, NumPy's sort and a copy.

SciPy gives Kolmogorov-Smirnov and Wasserstein-1 in two calls; ours gives those, Cramér-von Mises and Anderson-Darling.
The sizes are two columns of a million float64, and two that make 256 MiB together. SciPy takes a minute over those, so
there the peer is NumPy's sort alone, which both of SciPy's functions start with.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
from scipy import stats

from mlops_runtime import _native
from mlops_runtime._native import ArrowTable, SortedSample
from mlops_runtime.sizing import Contender, Measurement, benchmark_main, measure

_CACHED_ROWS, _LARGE_ROWS = 1_000_000, 16 << 20


def run(quick: bool) -> list[Measurement]:
    """Measure both sizes on one thread and on two."""
    sizes = {20_000: 3} if quick else {_CACHED_ROWS: 7, _LARGE_ROWS: 3}
    return [_measure(rows, threads, rounds) for rows, rounds in sizes.items() for threads in (1, 2)]


def _measure(rows: int, threads: int, rounds: int) -> Measurement:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=rows), rng.normal(0.01, 1.0, size=rows)
    first, second = ArrowTable(pa.table({"x": a})), ArrowTable(pa.table({"x": b}))
    prepared, copy = SortedSample(first, 0), np.empty_like(a)

    def on_threads(work: Callable[[], object]) -> Callable[[], object]:
        def run() -> None:
            _native.set_thread_count(threads)
            work()

        return run

    def copied() -> None:
        np.copyto(copy, a)
        np.copyto(copy, b)

    contenders = [
        Contender(
            "mlops_runtime",
            on_threads(lambda: SortedSample(first, 0).distances(SortedSample(second, 0))),
            threads,
            "subject",
        ),
        Contender(
            "mlops_runtime, prepared reference",
            on_threads(lambda: prepared.distances(SortedSample(second, 0))),
            threads,
        ),
        Contender("numpy.sort of both", lambda: (np.sort(a), np.sort(b))),
        Contender("copy of both", copied, role="floor"),
    ]
    if rows < _LARGE_ROWS:
        contenders.insert(2, Contender("scipy", lambda: _with_scipy(a, b)))
    name = f"exact KS and Wasserstein, {rows:,} + {rows:,} float64, {threads} thread(s)"
    return measure(name, contenders, rounds=rounds)


def _with_scipy(a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
    return stats.ks_2samp(a, b, method="asymp").statistic, stats.wasserstein_distance(a, b)


if __name__ == "__main__":
    benchmark_main("sample_distances", run, packages=("numpy", "scipy"))
