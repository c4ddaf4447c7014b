"""The full drift report of 1,000,000 rows x (50 numbers + 20 strings) against a prepared reference: counts to verdicts.

Ours is `Monitor(baseline).update(table).report()`: every statistic, test and verdict. The peers are polars, written by
hand over the same 256 reference-quantile bins and categories, down to PSI, KS and JS a column, without tests, intervals
or verdicts: once with `hist`, its fastest way to count bins, once with `cut`, its documented way to make them.
The floor reads the numbers once.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl
from numpy.typing import NDArray
from report_table import read_once, table

from mlops_runtime import _native
from mlops_runtime.monitoring import Baseline, Monitor
from mlops_runtime.monitoring.state.summary import NumericSummary
from mlops_runtime.sizing import Contender, Measurement, benchmark_main, measure

Counter = Callable[[pl.Series, NDArray[np.float64]], NDArray[np.int64]]

_NUMBERS, _STRINGS = 50, 20


def run(quick: bool) -> list[Measurement]:
    """Measure one report."""
    rows = 20_000 if quick else 1_000_000
    baseline = Baseline.fit(table(rows, _NUMBERS, _STRINGS, shift=0.0, seed=1))
    current = table(rows, _NUMBERS, _STRINGS, shift=0.1, seed=2)
    frame = pl.from_arrow(current)
    assert isinstance(frame, pl.DataFrame)
    threads = pl.thread_pool_size()
    contenders = [
        Contender(
            "mlops_runtime", lambda: Monitor(baseline).update(current).report(), _native.thread_count(), "subject"
        ),
        Contender("polars, hist", lambda: _with_polars(frame, baseline, _by_hist), threads),
        Contender("polars, cut", lambda: _with_polars(frame, baseline, _by_cut), threads),
        Contender("read once, numbers only", lambda: read_once(current), role="floor"),
    ]
    title = f"full drift report, {rows:,} x ({_NUMBERS} numbers + {_STRINGS} strings)"
    return [measure(title, contenders, rounds=3 if quick else 5)]


def _with_polars(frame: pl.DataFrame, baseline: Baseline, count: Counter) -> dict[str, dict[str, float]]:
    found = {}
    for name, reference in baseline.columns.items():
        column = frame[name]
        if isinstance(reference, NumericSummary):
            before, now = reference.counts, count(column.drop_nulls(), reference.edges)
        else:
            counted = dict(column.drop_nulls().value_counts().iter_rows())
            before, now = reference.counts, np.array([counted.get(one, 0) for one in reference.categories])
        found[name] = {**_distances(before, now), "missing_share": column.null_count() / len(column)}
    return found


def _by_hist(values: pl.Series, edges: NDArray[np.float64]) -> NDArray[np.int64]:
    """Values beyond the edges by two comparisons: `hist` leaves them out."""
    inner = values.hist(edges.tolist(), include_category=False, include_breakpoint=False).to_series().to_numpy()
    return np.concatenate([[(values <= edges[0]).sum()], inner, [(values > edges[-1]).sum()]])


def _by_cut(values: pl.Series, edges: NDArray[np.float64]) -> NDArray[np.int64]:
    labels = [str(slot) for slot in range(len(edges) + 1)]
    counted = dict(values.cut(edges.tolist(), labels=labels).value_counts().iter_rows())
    return np.array([counted.get(label, 0) for label in labels])


def _distances(before: NDArray[np.int64], now: NDArray[np.int64]) -> dict[str, float]:
    p, q = (before + 0.5) / (before + 0.5).sum(), (now + 0.5) / (now + 0.5).sum()
    middle = (p + q) / 2
    js = np.sqrt((np.sum(p * np.log2(p / middle)) + np.sum(q * np.log2(q / middle))) / 2)
    ks = np.abs(np.cumsum(p) - np.cumsum(q)).max()
    return {"psi": float(np.sum((q - p) * np.log(q / p))), "js": float(js), "ks": float(ks)}


if __name__ == "__main__":
    benchmark_main("drift_report", run, packages=("polars",))
