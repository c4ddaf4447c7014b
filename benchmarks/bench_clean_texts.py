"""Tell that texts need no cleaning, against cleaning them with pyarrow.

13 columns of strings of the wide table, all clean, as a reader's batches mostly are. pyarrow trims, looks each text up
among the null tokens and writes the column anew, which is what is saved. The floor sums the bytes of the texts.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from wide_table import CATEGORIES, wide_table

from mlops_runtime._native import ArrowTable, texts_are_clean
from mlops_runtime.data.schema import DEFAULT_NULL_TOKENS
from mlops_runtime.sizing import Contender, Measurement, benchmark_main, measure


def run(quick: bool) -> list[Measurement]:
    """Measure one thread."""
    rows, rounds = (50_000, 3) if quick else (2_000_000, 7)
    table = wide_table(rows).select(list(CATEGORIES[1::2]))
    view, columns = ArrowTable(table), [column.combine_chunks() for column in table.columns]
    tokens, token_set = list(DEFAULT_NULL_TOKENS), pa.array(DEFAULT_NULL_TOKENS)
    texts = [np.frombuffer(column.buffers()[2], np.uint8) for column in columns]

    def ours() -> None:
        assert all(texts_are_clean(view, j, tokens, trim=True) for j in range(view.num_columns))

    def pyarrow_clean() -> None:
        for column in columns:
            trimmed = pc.utf8_trim_whitespace(column)
            is_token = pc.is_in(trimmed, value_set=token_set, skip_nulls=True)
            pc.if_else(is_token, pa.scalar(None, pa.utf8()), trimmed)

    contenders = [
        Contender("mlops_runtime", ours, role="subject"),
        Contender("pyarrow", pyarrow_clean),
        Contender("sum of the bytes", lambda: [column.sum(dtype=np.uint64) for column in texts], role="floor"),
    ]
    return [measure(f"clean texts, {rows:,} x {len(columns)}, 1 thread", contenders, rounds=rounds)]


if __name__ == "__main__":
    benchmark_main("clean_texts", run, packages=("pyarrow",))
