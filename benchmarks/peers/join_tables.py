"""One as-of join of two tables by one library, in a process of its own: its time, and the memory it takes on top."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

_joins: list[Callable[[], tuple[int, int, float]]] = []  # what prepare() made: rows, matched rows, the sum of f0


def prepare(library: str, threads: int, entities: str, features: str, *, from_file: bool, is_sorted: bool) -> None:
    """Read the Parquet files into frames of the library; features stay a file where the join is to read them itself."""
    os.environ["POLARS_MAX_THREADS"] = str(threads)
    _joins[:] = [_LIBRARIES[library](threads, entities, features, from_file, is_sorted)]


def join() -> tuple[int, int, float]:
    """Join, every row of the result in the order of the entity rows."""
    return _joins[0]()


def peak() -> tuple[int, int]:
    """Join once; return the peak of resident memory above what was resident before, and in all, in MiB."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    before = _status("VmRSS")
    join()
    return (_status("VmHWM") - before) >> 20, _status("VmHWM") >> 20


def _status(name: str) -> int:
    found = re.search(rf"{name}:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"))
    assert found is not None
    return int(found[1]) * 1024


def _ours(threads: int, entities: str, features: str, from_file: bool, is_sorted: bool) -> Callable[[], Any]:
    import pandas as pd
    import pyarrow as pa
    import pyarrow.compute as pc

    from mlops_runtime import _native
    from mlops_runtime.data import open_source
    from mlops_runtime.features.join import join as join_tables
    from mlops_runtime.features.tables import FeatureTable

    del is_sorted
    _native.set_thread_count(threads)
    pa.set_cpu_count(threads)
    left, right = pd.read_parquet(entities), None if from_file else pd.read_parquet(features)

    def run() -> tuple[int, int, float]:
        table = FeatureTable("f", open_source(features) if right is None else right, ("k",), "t")
        values = join_tables(left, [table], entity_time="t").table["f__f0"]
        return len(values), len(values) - values.null_count, pc.sum(values).as_py()

    return run


def _pandas(threads: int, entities: str, features: str, from_file: bool, is_sorted: bool) -> Callable[[], Any]:
    import pandas as pd
    import pyarrow as pa

    pa.set_cpu_count(threads)
    left, right = pd.read_parquet(entities), None if from_file else pd.read_parquet(features)

    def run() -> tuple[int, int, float]:
        past = pd.read_parquet(features) if right is None else right
        if is_sorted:
            values = pd.merge_asof(left, past, on="t", by="k")["f0"]
        else:
            asked = left.reset_index().sort_values("t")
            joined = pd.merge_asof(asked, past.sort_values("t"), on="t", by="k")
            values = joined.set_index("index").sort_index()["f0"]
        return len(values), int(values.notna().sum()), float(values.sum())

    return run


def _polars(threads: int, entities: str, features: str, from_file: bool, is_sorted: bool) -> Callable[[], Any]:
    import polars as pl

    assert pl.thread_pool_size() == threads
    left, right = pl.read_parquet(entities), None if from_file else pl.read_parquet(features)

    def run() -> tuple[int, int, float]:
        asked, past = left.lazy(), pl.scan_parquet(features) if right is None else right.lazy()
        if not is_sorted:
            asked, past = asked.with_row_index("row").sort("t"), past.sort("t")
        joined = asked.join_asof(past, on="t", by="k", check_sortedness=False)
        values = (joined if is_sorted else joined.sort("row")).collect()["f0"]
        return len(values), len(values) - values.null_count(), float(values.sum())

    return run


def _duckdb(threads: int, entities: str, features: str, from_file: bool, is_sorted: bool) -> Callable[[], Any]:
    import duckdb
    import pyarrow.compute as pc

    del is_sorted
    connection = duckdb.connect(config={"threads": threads})
    connection.sql(f"CREATE TABLE e AS SELECT *, row_number() OVER () AS row FROM '{entities}'")
    if not from_file:
        connection.sql(f"CREATE TABLE f AS SELECT * FROM '{features}'")
    past = f"'{features}'" if from_file else "f"
    query = f"SELECT e.*, f.* EXCLUDE (k, t) FROM e ASOF LEFT JOIN {past} f ON e.k = f.k AND e.t >= f.t"

    def run() -> tuple[int, int, float]:
        values = connection.sql(query).to_arrow_table()["f0"]  # in no order: sorting its result would cost it more
        return len(values), len(values) - values.null_count, pc.sum(values).as_py()

    return run


_LIBRARIES = {"mlops_runtime": _ours, "pandas": _pandas, "polars": _polars, "duckdb": _duckdb}
