"""Fit the wide table: exact moments, 255 quantiles, and every key of 26 columns with its count, most frequent first.

From a Parquet file, as a user fits it (`fit_source`), and from memory. Ours takes the quantiles from a sample of 65,536
rows, whose rank error is at most 0.64 % with 99 % confidence, and so bounds it; duckdb's are approximate without a
bound, polars' exact. What all of them found is compared before anything is timed.

From the file every contender is a process of its own, on as many processors as it has threads: what reads ahead shares
them. duckdb reads the file for the numbers and for each category, polars loads it whole; the floor decodes it with
pyarrow, which is a part of our fit. The peak of memory is that of a fresh process over its peak after all imports.
In memory the floor reads every byte once. A round takes up to half a minute, so their number is fixed.
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from processors import processors
from wide_table import CATEGORIES, NUMBERS, plain_read, wide_table

from mlops_runtime import _native
from mlops_runtime._native import ArrowTable, Moments, QuantileSample, VocabularyCounter
from mlops_runtime.kernels.moments import summarise
from mlops_runtime.sizing import Contender, Measurement, PeerProcess, benchmark_main, measure

_PEERS = Path(__file__).parent / "peers"
_BUCKETS = 256
_SHARES = np.linspace(0, 1, _BUCKETS + 1)[1:-1]

Found = dict[str, list[float]]  # means and medians of the numbers; distinct keys and present rows of the categories


def run(quick: bool) -> list[Measurement]:
    """Measure at one and at two threads."""
    rows, rounds = (50_000, 3) if quick else (2_000_000, 5)
    table = wide_table(rows)
    with tempfile.TemporaryDirectory() as folder:
        stored, path = (str(Path(folder) / name) for name in ("wide.parquet", "wide.arrow"))
        pq.write_table(table, stored)
        with pa.ipc.new_file(path, table.schema) as file:
            file.write_table(table)
        from_file = [_measure_file(stored, rows, threads, rounds=rounds) for threads in (1, 2)]
        return [*from_file, *(_measure(table, path, threads, rounds=rounds) for threads in (1, 2))]


def _measure_file(path: str, rows: int, threads: int, *, rounds: int) -> Measurement:
    work = {"path": path, "numbers": NUMBERS, "categories": CATEGORIES, "buckets": _BUCKETS}
    names = {"mlops_runtime": "fit_ours.py", "duckdb": "fit_duckdb.py", "polars": "fit_polars.py"}
    environment = {"POLARS_MAX_THREADS": str(threads), "MLRT_THREADS": str(threads)}
    with processors(threads), contextlib.ExitStack() as stack:
        peers = {
            name: stack.enter_context(PeerProcess(sys.executable, _PEERS / script, environment=environment))
            for name, script in names.items()
        }
        before = {name: peer.call("prepare", threads=threads) for name, peer in peers.items()}
        found = {name: peer.call("fit", **work) for name, peer in peers.items()}
        memory = {name: (peer.call("peak"), before[name]) for name, peer in peers.items()}
        for each in found.values():
            _check(found["mlops_runtime"], each)
        contenders = [peer.contender(name, "fit", threads=threads, **work) for name, peer in peers.items()]
        columns = [*NUMBERS, *CATEGORIES]
        decode = peers["mlops_runtime"].contender("decode", "decode", threads=threads, path=path, columns=columns)
        contenders = [replace(contenders[0], role="subject"), *contenders[1:], replace(decode, role="floor")]
        peaks = ", ".join(f"{name} {(peak - base) >> 20} ({peak >> 20})" for name, (peak, base) in memory.items())
        title = f"fit of a Parquet file, {rows:,} x {len(columns)}, {threads} thread(s)"
        return measure(
            f"{title}; peak MiB above imports (in all): {peaks}", contenders, rounds=rounds, warmup=1, patience=1
        )


def _measure(table: pa.Table, path: str, threads: int, *, rounds: int) -> Measurement:
    view = ArrowTable(table)
    _native.set_thread_count(1)  # of each of our threads
    arguments = {"numbers": NUMBERS, "categories": CATEGORIES, "shares": _SHARES.tolist()}
    with PeerProcess(
        sys.executable, _PEERS / "polars_fit.py", environment={"POLARS_MAX_THREADS": str(threads)}
    ) as polars:
        assert polars.call("prepare", path=path) == threads
        found = ours(view, threads)
        for other in (_duckdb(table, threads)(), polars.call("fit", **arguments)):
            _check(found, other)
        contenders = [
            Contender("mlops_runtime", partial(ours, view, threads), threads, role="subject"),
            Contender("duckdb", _duckdb(table, threads), threads),
            polars.contender("polars", "fit", threads=threads, **arguments),
            Contender("a plain read", plain_read(table), role="floor"),
        ]
        name = f"fit in memory, {table.num_rows:,} x {table.num_columns}, {threads} thread(s)"
        return measure(name, contenders, rounds=rounds, warmup=1, patience=1)


def ours(table: ArrowTable, threads: int) -> Found:
    """Fit with the native states alone, the columns shared out among threads: the longest last columns go first."""
    positions = range(len(NUMBERS) + len(CATEGORIES))
    with ThreadPoolExecutor(threads) as pool:
        fitted = dict(zip(reversed(positions), pool.map(partial(_fit_column, table), reversed(positions)), strict=True))
    numbers = [fitted[position] for position in positions[: len(NUMBERS)]]
    counts = [fitted[position] for position in positions[len(NUMBERS) :]]
    return _found([mean for mean, _ in numbers], [median for _, median in numbers], counts)


def _fit_column(table: ArrowTable, position: int) -> Any:
    """Mean and median of a number, or counts of a category."""
    if position < len(NUMBERS):
        moments, sample = Moments(), QuantileSample()
        moments.update(table, position)
        sample.update(table, position, 0)
        return summarise(moments).mean, np.quantile(sample.sorted_values(), _SHARES)[len(_SHARES) // 2]
    counter = VocabularyCounter()
    counter.update(table, position)
    entries = counter.integer_entries() if counter.kind == "int64" else counter.string_entries()
    return entries[-1]


def _duckdb(table: pa.Table, threads: int) -> Callable[[], Found]:
    connection = duckdb.connect(config={"threads": threads})
    connection.register("arrow", table)
    connection.execute("CREATE TABLE wide AS SELECT * FROM arrow")
    connection.unregister("arrow")
    shares = ", ".join(f"{share:.8f}" for share in _SHARES)
    parts = [f"avg({x}), stddev_pop({x}), count({x}), approx_quantile({x}, [{shares}])" for x in NUMBERS]

    def fit() -> Found:
        row = connection.sql(f"SELECT {', '.join(parts)} FROM wide").fetchall()[0]
        results = [
            connection.sql(f"SELECT {c}, count(*) n FROM wide WHERE {c} IS NOT NULL GROUP BY {c} ORDER BY n DESC")
            for c in CATEGORIES
        ]
        counts = [each.to_arrow_table()["n"].to_numpy() for each in results]
        return _found(row[::4], [quantiles[len(_SHARES) // 2] for quantiles in row[3::4]], counts)

    return fit


def _found(means: object, medians: object, counts: list[NDArray[np.int64]]) -> Found:
    return {
        "means": np.asarray(means, np.float64).tolist(),
        "medians": np.asarray(medians, np.float64).tolist(),
        "distinct": [len(each) for each in counts],
        "rows": [int(each.sum()) for each in counts],
    }


def _check(found: Found, other: Found) -> None:
    assert (found["distinct"], found["rows"]) == (other["distinct"], other["rows"])
    np.testing.assert_allclose(found["means"], other["means"], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(found["medians"], other["medians"], rtol=0.05, atol=0.05)


if __name__ == "__main__":
    benchmark_main("fit", run, packages=("duckdb", "polars"))
