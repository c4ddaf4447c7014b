"""The whole sparse matrix of the wide table: 26 vocabularies and 13 quantile buckets, against polars column by column.

polars replaces each key by its id (a cast to Enum for strings, a left join for integers) and cuts each number at the
same edges; it leaves a frame of columns, ours is one row-major matrix.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
from wide_table import CATEGORIES, NUMBERS, wide_table

from mlops_runtime import _native
from mlops_runtime._native import ArrowTable, Expression, ExpressionIds, SparsePlan, Vocabulary, VocabularyIds
from mlops_runtime.sizing import Contender, Measurement, benchmark_main, measure

_EDGES = np.linspace(-2.0, 3.0, 31)


def run(quick: bool) -> list[Measurement]:
    """Measure all 39 columns at two threads and at one."""
    rows, rounds = (50_000, 3) if quick else (2_000_000, 5)
    table = wide_table(rows)
    known = [_keys(table[name]) for name in CATEGORIES]
    buckets = [
        ExpressionIds(Expression([j], "column", [("bucket", _EDGES)]), _EDGES.size + 2) for j in range(len(NUMBERS))
    ]
    vocabularies = [Vocabulary(ArrowTable(pa.table({"k": keys})), np.arange(3, 3 + len(keys))) for keys in known]
    keyed = [VocabularyIds(len(NUMBERS) + j, vocabulary) for j, vocabulary in enumerate(vocabularies)]
    plan, view = SparsePlan([*buckets, *keyed]), ArrowTable(table)
    out = np.zeros((rows, table.num_columns), np.int32)

    def ours(threads: int) -> None:
        _native.set_thread_count(threads)
        plan.run(view, out, "int32")

    contenders = [
        Contender("mlops_runtime", partial(ours, 2), 2, role="subject"),
        Contender("mlops_runtime, 1 thread", partial(ours, 1)),
        _polars(pl.DataFrame(pl.from_arrow(table)), known),
        Contender("copy of the output", partial(np.copyto, np.zeros_like(out), out), role="floor"),
    ]
    return [measure(f"sparse matrix, {rows:,} x {table.num_columns}, 2 threads", contenders, rounds=rounds)]


def _keys(column: pa.ChunkedArray) -> pa.Array:
    return pc.unique(column.drop_null()).sort()


def _polars(frame: pl.DataFrame, known: list[pa.Array]) -> Contender:
    edges = pl.Series(_EDGES)
    enums = {
        name: pl.Enum(pl.Series(keys))
        for name, keys in zip(CATEGORIES, known, strict=True)
        if pa.types.is_string(keys.type)
    }
    tables = {
        name: pl.DataFrame({name: pl.Series(keys), "id": np.arange(len(keys), dtype=np.uint32)})
        for name, keys in zip(CATEGORIES, known, strict=True)
        if name not in enums
    }

    def encode() -> list[object]:
        cut = [edges.search_sorted(frame[name], "right") for name in NUMBERS]
        texts = frame.select(pl.col(name).cast(enum).to_physical() for name, enum in enums.items())
        joined = [
            frame.select(name).join(ids, on=name, how="left", maintain_order="left") for name, ids in tables.items()
        ]
        return [*cut, texts, *joined]

    return Contender("polars", encode, pl.thread_pool_size())


if __name__ == "__main__":
    benchmark_main("sparse", run, packages=("polars",))
