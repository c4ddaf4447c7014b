"""Awkward keys, in every layout that a producer may choose, that the tests of counts and of ids share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa

# Lengths around 8, 12 (inline views), 16 and 32 (inline keys); keys that differ in their last or in a zero byte only.
WORDS = ["a", "ab", "é", "a\0", "a\0\0", "x" * 7, "x" * 8, "x" * 9, "x" * 11, "x" * 12, "x" * 13, "y" * 15, "y" * 16,
         "y" * 17, "y" * 31, "y" * 32, "y" * 32 + "1", "y" * 32 + "2", "z" * 1000, "z" * 999 + "!"]  # fmt: skip


def sample_words(n: int, seed: int = 0) -> list[str | None]:
    rng = np.random.default_rng(seed)
    pool = np.array([*WORDS, "", None], dtype=object)
    return [None if word is None else str(word) for word in rng.choice(pool, size=n)]


LAYOUTS: dict[str, Callable[[Sequence[str | None]], Any]] = {
    "utf8": lambda words: pa.table({"x": pa.array(words, pa.utf8())}),
    "large_utf8": lambda words: pa.table({"x": pa.array(words, pa.large_utf8())}),
    "string_view": lambda words: pa.table({"x": pa.array(words, pa.string_view())}),
    "dictionary": lambda words: pa.table({"x": pa.array(words, pa.utf8()).dictionary_encode()}),
    "small dictionary index": lambda words: pa.table({"x": pa.array(words, pa.dictionary(pa.int8(), pa.large_utf8()))}),
    "unsigned dictionary index": lambda words: pa.table({"x": pa.array(words, pa.dictionary(pa.uint16(), pa.utf8()))}),
    "chunks": lambda words: pa.table({"x": pa.chunked_array([words[:3], [], words[3:]], pa.utf8())}),
    "slice": lambda words: pa.table({"x": pa.array(["pad", *words, "pad"], pa.utf8())}).slice(1, len(words)),
    "dictionary slice": lambda words: pa.table(
        {"x": pa.array(["pad", *words, "pad"], pa.utf8()).dictionary_encode().slice(1, len(words))}
    ),
    "polars": lambda words: pl.DataFrame({"x": pl.Series(words, dtype=pl.String)}),
    "polars categorical": lambda words: pl.DataFrame({"x": pl.Series(words, dtype=pl.Categorical)}),
    "pandas": lambda words: pd.DataFrame({"x": pd.Series(words, dtype="str")}),
    "pandas category": lambda words: pd.DataFrame({"x": pd.Series(words, dtype="category")}),
    "duckdb": lambda words: duckdb.from_arrow(pa.table({"x": pa.array(words, pa.utf8())})),
}
