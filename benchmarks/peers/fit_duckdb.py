"""duckdb's fit of the wide table's Parquet file, in a process: it streams the file for numbers and each category."""

import re
from pathlib import Path

import duckdb

_connections: list[duckdb.DuckDBPyConnection] = []


def prepare(threads: int) -> int:
    """Connect; return the peak of memory after all imports, in bytes."""
    _connections[:] = [duckdb.connect(config={"threads": threads})]
    return peak()


def peak() -> int:
    """Return the largest resident size so far, in bytes."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"))
    assert found is not None
    return int(found[1]) * 1024


def fit(path: str, numbers: list[str], categories: list[str], buckets: int) -> dict[str, list[float]]:
    """Mean, deviation, approximate quantiles of each number, sorted counts of each category."""
    sql = _connections[0].sql
    shares = ", ".join(f"{i / buckets:.8f}" for i in range(1, buckets))
    parts = [f"avg({x}), stddev_pop({x}), count({x}), approx_quantile({x}, [{shares}])" for x in numbers]
    row = sql(f"SELECT {', '.join(parts)} FROM '{path}'").fetchall()[0]
    counts = [
        sql(f"SELECT {c}, count(*) n FROM '{path}' WHERE {c} IS NOT NULL GROUP BY {c} ORDER BY n DESC").to_arrow_table()
        for c in categories
    ]
    return {
        "means": list(row[::4]),
        "medians": [quantiles[buckets // 2 - 1] for quantiles in row[3::4]],
        "distinct": [len(each) for each in counts],
        "rows": [int(each["n"].to_numpy().sum()) for each in counts],
    }
