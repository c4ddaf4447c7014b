"""From Parquet to training-ready batches: the wide table (13 numbers, 26 categories) and a target, shuffled.

Ours decodes, transforms (numbers imputed and standardised; categories hashed, or looked up in vocabularies) and
shuffles into batches of 4,096 rows: dense float32[13], sparse int64[26], target float32. pyarrow and polars only decode
the same columns, pyarrow with `read_dictionary` for the strings, whole or a row group at a time. On one thread every
contender is confined to one processor. Two files: row groups of 131,072 rows, and pyarrow's default of 1,048,576, where
some columns' dictionaries are too large for one page, so that they are stored plain.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from processors import processors
from wide_table import CATEGORIES, NUMBERS, wide_table

from mlops_runtime import _native
from mlops_runtime.data import Source, open_source
from mlops_runtime.data.loader import StreamLoader, Windowed
from mlops_runtime.features import CategoryFeature, FeatureProgram, FeatureSpec, HashFeature, NumericFeature, fit_source
from mlops_runtime.features.loading import stream_of
from mlops_runtime.sizing import Contender, Measurement, benchmark_main, measure

_ROWS, _QUICK_ROWS = 2_000_000, 50_000
_BATCH_ROWS = 4096
_GROUP_ROWS = (131_072, 1 << 20)
_WINDOW_ROWS = 1 << 19  # 4 row groups, or one
_BUCKETS, _MOST_KEYS = 1 << 18, 1 << 20
_TARGET = "target"
_STRINGS = CATEGORIES[1::2]


def run(quick: bool) -> list[Measurement]:
    """Measure an epoch of each file, on 1 and on 2 threads."""
    table = wide_table(_QUICK_ROWS if quick else _ROWS)
    target = np.random.default_rng(1).random(table.num_rows) < 0.3
    table = table.append_column(_TARGET, pa.array(target.astype(np.float32)))
    shrink = _ROWS // table.num_rows
    with TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{rows}.parquet" for rows in _GROUP_ROWS]
        for path, rows in zip(paths, _GROUP_ROWS, strict=True):
            pq.write_table(table, path, row_group_size=rows // shrink, compression="zstd")
        programs = _programs(open_source(paths[0]))
        return [
            _measure(path, programs, rows // shrink, threads, rounds=3 if quick else 5)
            for path, rows in zip(paths, _GROUP_ROWS, strict=True)
            for threads in (1, 2)
        ]


def _programs(source: Source) -> dict[str, FeatureProgram]:
    numbers = [NumericFeature(column=name, indicator=False) for name in NUMBERS]
    hashed = [HashFeature(columns=(name,), buckets=_BUCKETS) for name in CATEGORIES]
    listed = [CategoryFeature(column=name, max_size=_MOST_KEYS) for name in CATEGORIES]
    return {
        "hashed": fit_source(FeatureSpec(features=(*numbers, *hashed)), source),
        "vocabularies": fit_source(FeatureSpec(features=(*numbers, *listed)), source),
    }


def _measure(
    path: Path, programs: dict[str, FeatureProgram], group_rows: int, threads: int, *, rounds: int
) -> Measurement:
    source = open_source(path)
    window = Windowed(max(1, _WINDOW_ROWS // int(path.stem)))
    streams = {
        name: stream_of(program, source, target=_TARGET, batch_rows=_BATCH_ROWS, sampler=window)
        for name, program in programs.items()
    }
    contenders = [
        Contender("mlops_runtime, hashed", _on(threads, partial(_epoch, streams["hashed"])), threads, role="subject"),
        Contender("mlops_runtime, vocabularies", _on(threads, partial(_epoch, streams["vocabularies"])), threads),
        Contender("pyarrow decodes, read_dictionary", _on(threads, partial(_pyarrow, path, threads)), threads),
        Contender("pyarrow, dropping each row group", _on(threads, partial(_pyarrow_groups, path, threads)), threads),
        Contender("polars decodes", _on(threads, partial(_polars, path)), min(threads, pl.thread_pool_size())),
    ]
    rows = source.known_rows or 0
    name = f"Parquet to batches, {rows:,} x (13 + 26 + 1), row groups of {group_rows:,}, {threads} thread(s)"
    return measure(name, contenders, rounds=rounds, warmup=1, patience=1)


def _epoch(stream: StreamLoader) -> int:
    return sum(len(batch.rows) for batch in stream)


def _pyarrow(path: Path, threads: int) -> pa.Table:
    return pq.ParquetFile(path, read_dictionary=_STRINGS).read(use_threads=threads > 1)


def _pyarrow_groups(path: Path, threads: int) -> None:
    """The same, in memory that is there already."""
    file = pq.ParquetFile(path, read_dictionary=_STRINGS)
    for group in range(file.num_row_groups):
        file.read_row_group(group, use_threads=threads > 1)


def _polars(path: Path) -> pl.DataFrame:
    return pl.read_parquet(path, use_statistics=False)


def _on(threads: int, run: Callable[[], object]) -> Callable[[], object]:
    def confined() -> object:
        _native.set_thread_count(threads)
        pa.set_cpu_count(threads)
        with processors(threads):
            return run()

    return confined


if __name__ == "__main__":
    benchmark_main("parquet_batches", run, packages=("polars", "pyarrow"))
