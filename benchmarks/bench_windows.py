"""Counting a table into windows by tenant and time, over the reference's bins: one pass, kept as mergeable windows.

Peers count the same cells (window, tenant, bin) of every column, hand-written as a good engineer would with the
library, and keep only these counts; ours also keeps missing and infinite values, exact sums and extremes, and decides
which rows are late. The floor reads the same bytes once. Ours uses every core, as polars does; numpy and the floor one.
"""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl
import pyarrow as pa
from wide_table import plain_read

from mlops_runtime import _native
from mlops_runtime.monitoring import Baseline
from mlops_runtime.monitoring.windows import Tumbling, WindowedMonitor
from mlops_runtime.sizing import Contender, Measurement, benchmark_main, measure

_COLUMNS, _TENANTS, _WINDOWS = 10, 10, 12
_HOUR_US, _START_US = 3_600_000_000, 1_767_225_600_000_000  # 2026


def run(quick: bool) -> list[Measurement]:
    """Measure rows that come in the order of time."""
    rows = 20_000 if quick else 1_000_000
    current = table(rows)
    names = [f"n{number}" for number in range(_COLUMNS)]
    baseline = Baseline.fit(current.select(names))
    edges = [np.asarray(baseline.columns[name].edges, np.float64) for name in names]  # type: ignore[union-attr]
    frame = pl.from_arrow(current)
    arrays = [current[name].combine_chunks().to_numpy() for name in names]
    times = current["at"].cast(pa.int64()).to_numpy()

    def ours() -> None:
        monitor = WindowedMonitor(baseline, Tumbling(dt.timedelta(hours=1)), keys=["tenant"])
        assert len([*monitor.update(current, time="at"), *monitor.close()]) == _WINDOWS * _TENANTS

    def with_numpy() -> None:
        tenants = np.unique(current["tenant"].to_numpy(zero_copy_only=False), return_inverse=True)[1]
        groups = (times - _START_US) // _HOUR_US * _TENANTS + tenants
        for cuts, values in zip(edges, arrays, strict=True):
            slots = groups * (len(cuts) + 1) + np.searchsorted(cuts, values)
            np.bincount(slots, minlength=_WINDOWS * _TENANTS * (len(cuts) + 1))

    def with_polars() -> None:
        keyed = frame.with_columns(pl.col("at").dt.truncate("1h"))
        for name, cuts in zip(names, edges, strict=True):
            bins = pl.Series(cuts).search_sorted(keyed[name])
            keyed.select("at", "tenant", bins.alias("bin")).group_by("at", "tenant", "bin").len()

    threads = _native.thread_count()
    contenders = [
        Contender("mlops_runtime", ours, threads, "subject"),
        Contender("numpy", with_numpy),
        Contender("polars", with_polars, threads),
        Contender("a plain read", plain_read(current.select(names)), role="floor"),
    ]
    shape = f"{rows:,} x {_COLUMNS}, {_WINDOWS} hours of {_TENANTS} tenants"
    return [measure(f"windows by time and tenant, {shape}", contenders, rounds=3 if quick else 9, warmup=1)]


def table(rows: int) -> pa.Table:
    """Return float64 columns, a tenant and a time a row, in the order of time."""
    rng = np.random.default_rng(3)
    times = _START_US + np.arange(rows) * (_WINDOWS * _HOUR_US // rows)
    names = np.array([f"tenant {number}" for number in range(_TENANTS)])
    columns = {f"n{number}": pa.array(rng.standard_normal(rows)) for number in range(_COLUMNS)}
    at = pa.array(times).cast(pa.timestamp("us", "UTC"))
    return pa.table({**columns, "tenant": names[rng.integers(0, _TENANTS, rows)], "at": at})


if __name__ == "__main__":
    benchmark_main("windows", run, packages=("numpy", "polars", "pyarrow"))
