"""Encode columns by a known vocabulary against pyarrow and polars.

8 columns of 16 to 10,000 different strings, plain and as dictionaries; 26 of 10 to 1,000,000 different strings or
integers, each as likely; and the 26 of the wide table, half of each, where few keys are frequent, with its strings
plain and as dictionaries. Ours on 2 threads, and on 1 at every SIMD level; polars, on its own pool, casts strings to
Enum and joins integers with their ids; index_in of pyarrow runs on one thread. All fill the same row-major matrix.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from wide_table import CATEGORIES, wide_table

from mlops_runtime import _native
from mlops_runtime._native import ArrowTable, SparsePlan, Vocabulary, VocabularyIds
from mlops_runtime.sizing import Contender, Measurement, benchmark_main, measure

_CARDINALITIES = (16, 16, 40, 40, 100, 500, 1000, 10_000)
_MOST_KEYS, _WIDE_COLUMNS = 1_000_000, 26
_LEVELS = ("scalar", "avx2", "avx512")


def run(quick: bool) -> list[Measurement]:
    """Measure plain strings, dictionaries, columns of many keys, and the wide table."""
    rows, rounds = (50_000, 3) if quick else (1_000_000, 7)
    rng = np.random.default_rng(0)
    known = [pa.array([f"category {i}" for i in range(n)]) for n in _CARDINALITIES]
    plain = _table(known, rows, rng)
    encoded = pa.table({name: plain[name].combine_chunks().dictionary_encode() for name in plain.column_names})
    many = np.geomspace(10, rows // 10 if quick else _MOST_KEYS, _WIDE_COLUMNS).astype(int)
    texts = [pa.array([f"user-{i:x}" for i in range(n)]) for n in many]
    integers = [pa.array(rng.permutation(4 * n)[:n] - n, pa.int64()) for n in many]
    wide = wide_table(2 * rows).select(list(CATEGORIES))
    listed = [pc.unique(column.drop_null()) for column in wide.columns]
    cases = (
        ("strings", plain, known),
        ("dictionaries", encoded, known),
        ("strings, 10 to 1M keys", _table(texts, rows, rng), texts),
        ("integers, 10 to 1M keys", _table(integers, rows, rng), integers),
        ("wide table", wide, listed),
        ("wide table, strings as dictionaries", _with_dictionaries(wide), listed),
    )
    return [_measure(name, table, keys, rounds=rounds) for name, table, keys in cases]


def _with_dictionaries(table: pa.Table) -> pa.Table:
    return pa.table(
        {
            name: column.combine_chunks().dictionary_encode() if pa.types.is_string(column.type) else column
            for name, column in zip(table.column_names, table.columns, strict=True)
        }
    )


def _table(known: list[pa.Array], rows: int, rng: np.random.Generator) -> pa.Table:
    return pa.table({f"x{j}": keys.take(pa.array(rng.integers(0, len(keys), rows))) for j, keys in enumerate(known)})


def _plan(known: list[pa.Array]) -> SparsePlan:
    vocabularies = [Vocabulary(ArrowTable(pa.table({"k": keys})), np.arange(3, 3 + len(keys))) for keys in known]
    return SparsePlan([VocabularyIds(j, vocabulary) for j, vocabulary in enumerate(vocabularies)])


def _measure(name: str, table: pa.Table, known: list[pa.Array], *, rounds: int) -> Measurement:
    out = np.zeros((table.num_rows, len(known)), np.int64)
    plan, best = _plan(known), _native.detected_isa()

    def ours(threads: int, level: str) -> None:
        _native.set_isa(level)
        _native.set_thread_count(threads)
        plan.run(ArrowTable(table), out=out)

    def pyarrow_encode() -> None:
        for j, keys in enumerate(known):
            ids = pc.index_in(table.column(j).cast(keys.type), keys).fill_null(-1)
            out[:, j] = ids.to_numpy()

    levels = _LEVELS[: _LEVELS.index(best) + 1]
    contenders = [
        Contender("mlops_runtime", lambda: ours(2, best), 2, role="subject"),
        *(Contender(f"mlops_runtime, {level}, 1 thread", partial(ours, 1, level)) for level in levels),
        Contender("pyarrow.compute.index_in", pyarrow_encode),
        _polars(table, known, out),
        Contender("copy of the output", partial(np.copyto, np.zeros_like(out), out), role="floor"),
    ]
    size = f"{table.num_rows:,} x {len(known)}"
    return measure(f"vocabulary encode, {name}, {size}, 2 threads", contenders, rounds=rounds, warmup=1, patience=1)


def _polars(table: pa.Table, known: list[pa.Array], out: NDArray[np.int64]) -> Contender:
    frame = pl.DataFrame(pl.from_arrow(table))
    encoders = [_polars_ids(name, keys) for name, keys in zip(table.column_names, known, strict=True)]

    def encode() -> None:
        for j, ids in enumerate(encoders):
            out[:, j] = ids(frame).fill_null(0).to_numpy()

    return Contender("polars", encode, pl.thread_pool_size())


def _polars_ids(name: str, keys: pa.Array) -> Callable[[pl.DataFrame], pl.Series]:
    """A cast to Enum, which strings have and integers lack; of integers a join."""
    if pa.types.is_string(keys.type):
        enum = pl.Enum(pl.Series(keys))
        return lambda frame: frame[name].cast(pl.String).cast(enum).to_physical()
    ids = pl.DataFrame({name: pl.Series(keys), "id": np.arange(len(keys), dtype=np.uint32)})
    return lambda frame: frame.select(name).join(ids, on=name, how="left", maintain_order="left")["id"]


if __name__ == "__main__":
    benchmark_main("vocabulary", run, packages=("polars", "pyarrow"))
