"""Count the keys of the wide table's 26 categorical columns, most frequent first, against polars, duckdb and pyarrow.

Integers and strings of 10 to 1,000,000 different keys, in memory, at one and at two threads; polars has a process for
each thread count. What all of them found is compared before anything is timed. pyarrow leaves its counts unsorted.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
from wide_table import CATEGORIES, plain_read, wide_table

from mlops_runtime import _native
from mlops_runtime._native import ArrowTable, VocabularyCounter
from mlops_runtime.sizing import Contender, Measurement, PeerProcess, benchmark_main, measure

_SCRIPT = Path(__file__).parent / "peers" / "polars_fit.py"

Found = list[tuple[int, int]]  # distinct keys and present rows of each column


def run(quick: bool) -> list[Measurement]:
    """Measure at one and at two threads."""
    rows, rounds = (50_000, 3) if quick else (2_000_000, 7)
    table = wide_table(rows).select(list(CATEGORIES))
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "wide.arrow")
        with pa.ipc.new_file(path, table.schema) as file:
            file.write_table(table)
        return [_measure(table, path, threads, rounds=rounds) for threads in (1, 2)]


def _measure(table: pa.Table, path: str, threads: int, *, rounds: int) -> Measurement:
    _native.set_thread_count(threads)
    pa.set_cpu_count(threads)
    peers: dict[str, Callable[[], Found]] = {
        "duckdb": _duckdb(table, threads),
        "pyarrow.compute": partial(_pyarrow, table),
    }
    with PeerProcess(sys.executable, _SCRIPT, environment={"POLARS_MAX_THREADS": str(threads)}) as polars:
        assert polars.call("prepare", path=path) == threads
        found = ours(ArrowTable(table))
        assert all(run() == found for run in peers.values())
        assert [tuple(each) for each in polars.call("count", categories=CATEGORIES)] == found
        contenders = [
            Contender("mlops_runtime", partial(ours, ArrowTable(table)), threads, role="subject"),
            *(Contender(name, run, threads) for name, run in peers.items()),
            polars.contender("polars", "count", threads=threads, categories=CATEGORIES),
            Contender("a plain read", plain_read(table), role="floor"),
        ]
        name = f"key counts, {table.num_rows:,} x {len(CATEGORIES)}, {threads} thread(s)"
        return measure(name, contenders, rounds=rounds)


def ours(table: ArrowTable) -> Found:
    """Count every column and put its entries in order."""
    found = []
    for position in range(len(CATEGORIES)):
        counter = VocabularyCounter()
        counter.update(table, position)
        counts = (counter.integer_entries() if counter.kind == "int64" else counter.string_entries())[-1]
        found.append((len(counts), int(counts.sum())))
    return found


def _duckdb(table: pa.Table, threads: int) -> Callable[[], Found]:
    connection = duckdb.connect(config={"threads": threads})
    connection.register("arrow", table)
    connection.execute("CREATE TABLE wide AS SELECT * FROM arrow")
    connection.unregister("arrow")

    def count(name: str) -> tuple[int, int]:
        query = f"SELECT {name}, count(*) n FROM wide WHERE {name} IS NOT NULL GROUP BY {name} ORDER BY n DESC"
        counts = connection.sql(query).to_arrow_table()["n"].to_numpy()
        return len(counts), int(counts.sum())

    return lambda: [count(name) for name in CATEGORIES]


def _pyarrow(table: pa.Table) -> Found:
    found = []
    for name in CATEGORIES:
        column = table[name]
        counts = pc.value_counts(column).field("counts").to_numpy()
        found.append((len(counts) - bool(column.null_count), int(counts.sum()) - column.null_count))
    return found


if __name__ == "__main__":
    benchmark_main("key_counts", run, packages=("duckdb", "polars", "pyarrow"))
