"""Count a column over given categories against numpy.bincount, pandas and polars, in the cache's reach and beyond it.

Whole numbers of a short range (bincount) and short strings (pandas), 1M rows and 256 MiB, at one and at two threads;
polars has a process for each thread count. What all of them found is compared before anything is timed. pandas and
polars sort their counts.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from levels import every_level

from mlops_runtime import _native
from mlops_runtime._native import ArrowTable, Categories, CategoryCounts
from mlops_runtime.sizing import Contender, Measurement, PeerProcess, benchmark_main, measure

_SCRIPT = Path(__file__).parent / "peers" / "polars_fit.py"
_SMALL = 1_000_000
_LARGE = 256 << 20  # bytes


@dataclass(frozen=True, slots=True)
class Case:
    """A column and its categories: `row_bytes` are read for each row."""

    name: str
    categories: pa.Array
    row_bytes: int
    is_large_measured: bool = False

    def column(self, rows: int) -> pa.Array:
        """Return `rows` categories drawn evenly."""
        codes = np.random.default_rng(0).integers(0, len(self.categories), rows, np.int32)
        return pc.take(self.categories, pa.array(codes))


_CASES = (
    Case("int64, 100 codes", pa.array(range(100), pa.int64()), 8, True),
    Case("int8, 100 codes", pa.array(range(100), pa.int8()), 1),
    Case("int32, 1,000 codes", pa.array(range(1000), pa.int32()), 4),
    Case("strings of 7 bytes, 100 categories", pa.array([f"cat-{i:03}" for i in range(100)]), 11, True),
    Case("strings of 14 bytes, 1,000 categories", pa.array([f"category-{i:05}" for i in range(1000)]), 18),
)


def run(quick: bool) -> list[Measurement]:
    """Measure each case at one and at two threads."""
    return [
        _measure(case, 50_000 if quick else rows, threads, rounds=3 if quick or rows > _SMALL else 9)
        for case in _CASES
        for rows in (_SMALL, _LARGE // case.row_bytes)[: 1 if quick or not case.is_large_measured else 2]
        for threads in (1, 2)
    ]


def _measure(case: Case, rows: int, threads: int, *, rounds: int) -> Measurement:
    column = case.column(rows)
    table, state = ArrowTable(pa.table({"x": column})), CategoryCounts(_categories(case))
    _native.set_thread_count(threads)
    state.update(table, 0)
    assert int(state.counts.sum()) == rows
    with (
        tempfile.TemporaryDirectory() as folder,
        PeerProcess(sys.executable, _SCRIPT, environment={"POLARS_MAX_THREADS": str(threads)}) as polars,
    ):
        path = str(Path(folder) / "column.arrow")
        with pa.ipc.new_file(path, pa.schema([("x", column.type)])) as file:
            file.write_table(pa.table({"x": column}))
        assert polars.call("prepare", path=path) == threads
        assert [tuple(each) for each in polars.call("count", categories=["x"])] == [(len(case.categories), rows)]
        contenders = [
            *every_level(partial(state.update, table, 0), threads),
            *_peers(column, state.counts),
            polars.contender("polars value_counts", "count", threads=threads, categories=["x"]),
            Contender("a plain read", partial(_read, column), role="floor", calls=5),
        ]
        return measure(f"category counts, {case.name}, {rows:,} rows, {threads} thread(s)", contenders, rounds=rounds)


def _categories(case: Case) -> Categories:
    return Categories(ArrowTable(pa.table({"key": case.categories})))


def _peers(column: pa.Array, counts: np.ndarray) -> Iterator[Contender]:
    if pa.types.is_integer(column.type):
        codes = column.to_numpy()
        assert np.bincount(codes).tolist() == counts.tolist()
        yield Contender("numpy.bincount", partial(np.bincount, codes))
        return
    series = column.to_pandas()
    assert sorted(series.value_counts().tolist()) == sorted(counts.tolist())
    yield Contender("pandas value_counts", series.value_counts)


def _read(column: pa.Array) -> int:
    """Sum every buffer as 64-bit words."""
    words = (np.frombuffer(buffer, np.uint64, count=buffer.size // 8) for buffer in column.buffers() if buffer)
    return sum(int(each.sum()) for each in words)


if __name__ == "__main__":
    benchmark_main("category_counts", run, packages=("numpy", "pandas", "polars"))
