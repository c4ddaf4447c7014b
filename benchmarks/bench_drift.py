"""A drift report against a prepared reference: count a current table over the reference's bins, then judge it.

Peers do the counting part only, hand-written as a good engineer would with the library; ours includes statistics,
tests and verdicts. The floor reads the same numeric bytes once. `polars` and ours use every core, `numpy` and the floor
one; CPU seconds compare them all.
"""

from __future__ import annotations

import numpy as np
import polars as pl
import pyarrow as pa

from mlops_runtime import _native
from mlops_runtime.monitoring import Baseline, Monitor
from mlops_runtime.monitoring.state.summary import NumericSummary
from mlops_runtime.sizing import Contender, Measurement, benchmark_main, measure

_NUMERIC, _CATEGORICAL, _WIDE = 10, 5, 50


def table(rows: int, *, shift: float, seed: int) -> pa.Table:
    """Return rows x (10 numbers with 2 % missing + 5 strings of 50 categories)."""
    rng = np.random.default_rng(seed)
    columns: dict[str, pa.Array] = {}
    for number in range(_NUMERIC):
        columns[f"n{number}"] = pa.array(rng.standard_normal(rows) + shift, mask=rng.random(rows) < 0.02)
    names = np.array([f"category {number:02}" for number in range(50)])
    for number in range(_CATEGORICAL):
        columns[f"c{number}"] = pa.array(names[np.minimum(rng.geometric(0.1, rows), 50) - 1])
    return pa.table(columns)


def run(quick: bool) -> list[Measurement]:
    """Measure the full report, and small updates as a server does them."""
    rows = 20_000 if quick else 1_000_000
    baseline = Baseline.fit(table(rows, shift=0.0, seed=1))
    current = table(rows, shift=0.1, seed=2)
    frame = pl.from_arrow(current)
    summaries = {name: one for name, one in baseline.columns.items() if isinstance(one, NumericSummary)}
    values = {name: current.column(name).combine_chunks().to_numpy(zero_copy_only=False) for name in summaries}

    def ours() -> None:
        Monitor(baseline).update(current).report()

    def with_numpy() -> None:
        for name, summary in summaries.items():
            np.bincount(np.searchsorted(summary.edges, values[name]), minlength=len(summary.counts))

    def with_polars() -> None:
        cuts = [frame[name].drop_nulls().cut(summary.edges.tolist()) for name, summary in summaries.items()]
        for column in (*cuts, *(frame[f"c{number}"] for number in range(_CATEGORICAL))):
            column.value_counts()

    def read() -> None:
        for column in values.values():
            column.max()

    threads = _native.thread_count()
    contenders = [
        Contender("mlops_runtime", ours, threads, "subject"),
        Contender("numpy, numbers only", with_numpy),
        Contender("polars", with_polars, pl.thread_pool_size()),
        Contender("read once, numbers only", read, role="floor", calls=5),
    ]
    shape = f"{_NUMERIC} numbers + {_CATEGORICAL} strings"
    report = measure(f"drift report, {rows:,} x ({shape})", contenders, rounds=3 if quick else 15)
    return [report, *_small_updates(baseline, current)]


def _small_updates(baseline: Baseline, current: pa.Table) -> list[Measurement]:
    """64 rows, as a request brings them: numbers and strings, 50 numbers from Arrow, 50 numbers as they lie.

    The floor is the hand-over of the batch to the kernels; of a matrix, which has none, its sum.
    """
    batch = current.slice(0, 64).combine_chunks()
    values = np.random.default_rng(3).standard_normal((64, _WIDE)).astype(np.float32)
    wide = pa.table({f"n{column}": values[:, column].copy() for column in range(_WIDE)})
    reference = np.random.default_rng(4).standard_normal((10_000, _WIDE)).astype(np.float32)
    wide_baseline = Baseline.fit(pa.table(dict(zip(wide.column_names, reference.T, strict=True))))
    cases = [(f"64 x ({_NUMERIC} numbers + {_CATEGORICAL} strings)", Monitor(baseline), batch)]
    cases.append((f"64 x {_WIDE} float32, Arrow", Monitor(wide_baseline), wide))
    results = [_measure_update(name, monitor, table) for name, monitor, table in cases]
    monitor = Monitor(wide_baseline)
    contenders = [
        Contender("mlops_runtime", lambda: monitor.update_matrix(values), role="subject", calls=500),
        Contender("numpy.sum, a plain read", values.sum, role="floor", calls=500),
    ]
    return [*results, measure(f"drift update, float32[64, {_WIDE}]", contenders, rounds=15)]


def _measure_update(name: str, monitor: Monitor, batch: pa.Table) -> Measurement:
    contenders = [
        Contender("mlops_runtime", lambda: monitor.update(batch), role="subject", calls=500),
        Contender("hand-over only", lambda: _native.ArrowTable(batch), role="floor", calls=500),
    ]
    return measure(f"drift update, {name}", contenders, rounds=15)


if __name__ == "__main__":
    benchmark_main("drift", run, packages=("polars",))
