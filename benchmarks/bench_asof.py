"""The last row of a key's past that was known at a time: 1M rows that ask, a past of 5M, in no order.

Only what the kernel does: key ids and times are given, row numbers come out, and values are fetched by nobody. Ours at
every SIMD level on 1 thread and on 2; pandas' merge_asof and polars' join_asof, which need both sides sorted by time,
get them sorted. The floor reads and writes what any way of doing it must: the past once, a state of each entity row.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd
import polars as pl
from numpy.typing import NDArray

from mlops_runtime import _native
from mlops_runtime.sizing import Contender, Measurement, benchmark_main, measure

_LEVELS = ("scalar", "avx2", "avx512")
_YEAR_US = 365 * 86_400 * 10**6
_FIRST_ID = 3

I64 = NDArray[np.int64]


def run(quick: bool) -> list[Measurement]:
    """Measure few rows to a key, many, and one key."""
    entities, past, rounds = (20_000, 100_000, 3) if quick else (1_000_000, 5_000_000, 7)
    return [_measure(f"{keys:,} keys", entities, past, keys, rounds) for keys in (entities, entities // 10, 1)]


def _measure(name: str, n: int, m: int, keys: int, rounds: int) -> Measurement:
    rng = np.random.default_rng(0)
    ids, past_ids = (rng.integers(_FIRST_ID, _FIRST_ID + keys, rows).astype(np.int32) for rows in (n, m))
    times, events = rng.integers(0, _YEAR_US, n), rng.integers(0, _YEAR_US, m)
    best = _native.detected_isa()

    def ours(threads: int, level: str) -> object:
        _native.set_isa(level)
        _native.set_thread_count(threads)
        winners = _native.AsofWinners(_native.AsofEntities(ids, times, keys))
        winners.update(past_ids, events, None, 0)
        return winners.finish(None)

    levels = _LEVELS[: _LEVELS.index(best) + 1]
    contenders = [
        Contender("mlops_runtime", lambda: ours(2, best), 2, role="subject"),
        *(Contender(f"mlops_runtime, {level}, 1 thread", partial(ours, 1, level)) for level in levels),
        *_sorted_peers((ids, times), (past_ids, events)),
        Contender("state and past read once", _floor(n, (past_ids, events)), role="floor"),
    ]
    return measure(f"asof of {n:,} x {m:,} rows, {name}", contenders, rounds=rounds)


def _sorted_peers(
    entities: tuple[NDArray[np.int32], I64], past: tuple[NDArray[np.int32], I64]
) -> tuple[Contender, Contender]:
    left = pd.DataFrame({"id": entities[0], "time": entities[1]}).sort_values("time")
    right = pd.DataFrame({"id": past[0], "time": past[1], "number": np.arange(len(past[0]))}).sort_values("time")
    lazy = pl.from_pandas(left).lazy(), pl.from_pandas(right).lazy()
    return (
        Contender("pandas.merge_asof, sorted before", lambda: pd.merge_asof(left, right, on="time", by="id")),
        Contender(
            "polars.join_asof, sorted before",
            lambda: lazy[0].join_asof(lazy[1], on="time", by="id", check_sortedness=False).collect(),
            pl.thread_pool_size(),
        ),
    )


def _floor(n: int, past: tuple[NDArray[np.int32], I64]) -> Callable[[], None]:
    state = np.zeros((n, 4), np.int64)

    def touch() -> None:
        for values in past:
            values.max()
        state.fill(-1)

    return touch


if __name__ == "__main__":
    benchmark_main("asof", run)
