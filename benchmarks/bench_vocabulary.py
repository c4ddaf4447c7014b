"""Encode string columns by a known vocabulary against pyarrow, polars and pandas.

8 columns of 16 to 10,000 different strings, plain and as dictionaries; ours on 1 and 2 threads, polars on its own pool.
"""

from __future__ import annotations

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from mlops_runtime import _native
from mlops_runtime._native import ArrowTable, SparsePlan, Vocabulary
from mlops_runtime.sizing import Contender, Measurement, benchmark_main, measure

_CARDINALITIES = (16, 16, 40, 40, 100, 500, 1000, 10_000)


def run(quick: bool) -> list[Measurement]:
    """Measure plain strings and dictionary-encoded ones."""
    rows, rounds = (50_000, 3) if quick else (1_000_000, 7)
    rng = np.random.default_rng(0)
    known = [pa.array([f"category {i}" for i in range(n)]) for n in _CARDINALITIES]
    plain = pa.table({f"x{j}": keys.take(pa.array(rng.integers(0, len(keys), rows))) for j, keys in enumerate(known)})
    encoded = pa.table({name: plain[name].combine_chunks().dictionary_encode() for name in plain.column_names})
    vocabularies = [Vocabulary(ArrowTable(pa.table({"k": keys})), np.arange(3, 3 + len(keys))) for keys in known]
    plan = SparsePlan(np.arange(len(known), dtype=np.int32), vocabularies)
    return [
        _measure(f"{name}, {rows:,} x {len(known)}", table, known, plan, rounds=rounds)
        for name, table in (("strings", plain), ("dictionaries", encoded))
    ]


def _measure(name: str, table: pa.Table, known: list[pa.Array], plan: SparsePlan, *, rounds: int) -> Measurement:
    out = np.zeros((table.num_rows, len(known)), np.int64)

    def ours(threads: int) -> None:
        _native.set_thread_count(threads)
        plan.run(ArrowTable(table), out=out)

    def pyarrow_encode() -> None:
        for j, keys in enumerate(known):
            out[:, j] = (
                pc.index_in(table.column(j).cast(pa.utf8()), keys).combine_chunks().to_numpy(zero_copy_only=False)
            )

    frame = pl.DataFrame(pl.from_arrow(table))
    enums = [pl.Enum(pl.Series(keys)) for keys in known]

    def polars_encode() -> None:
        for j, enum in enumerate(enums):
            out[:, j] = frame.to_series(j).cast(pl.String).cast(enum).to_physical().to_numpy()

    contenders = [
        Contender("mlops_runtime", lambda: ours(2), 2, role="subject"),
        Contender("mlops_runtime, 1 thread", lambda: ours(1)),
        Contender("pyarrow.compute.index_in", pyarrow_encode),
        Contender("polars, cast to Enum", polars_encode, pl.thread_pool_size()),
        Contender("copy of the output", out.copy, role="floor"),
    ]
    return measure(f"vocabulary encode, {name}, 2 threads", contenders, rounds=rounds)


if __name__ == "__main__":
    benchmark_main("vocabulary", run, packages=("polars", "pyarrow"))
