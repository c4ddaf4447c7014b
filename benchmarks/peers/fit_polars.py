"""polars' fit of the wide table's Parquet file, which it loads whole, in a process of its own."""

import re
from pathlib import Path

import polars as pl


def prepare(threads: int) -> int:
    """Check the size of the thread pool; return the peak of memory after all imports, in bytes."""
    assert pl.thread_pool_size() == threads
    return peak()


def peak() -> int:
    """Return the largest resident size so far, in bytes."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"))
    assert found is not None
    return int(found[1]) * 1024


def fit(path: str, numbers: list[str], categories: list[str], buckets: int) -> dict[str, list[float]]:
    """Mean, deviation, exact quantiles of each number, sorted counts of each category; return what can be checked."""
    frame = pl.read_parquet(path)
    x = pl.col(numbers)
    frame.select(x.std(ddof=0).name.suffix(" std"), x.null_count().name.suffix(" missing"))
    means = frame.select(x.mean()).row(0)
    medians = []
    for name in numbers:
        values = frame[name].drop_nulls().sort()
        places = [i * (len(values) - 1) // buckets for i in range(1, buckets)]
        medians.append(values.gather(places)[buckets // 2 - 1])
    counts = [frame[name].drop_nulls().value_counts(sort=True) for name in categories]
    return {
        "means": list(means),
        "medians": medians,
        "distinct": [len(each) for each in counts],
        "rows": [int(each["count"].sum()) for each in counts],
    }
