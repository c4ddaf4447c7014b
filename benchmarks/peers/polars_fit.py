"""polars' fit of the wide table in a process of its own, because the size of its thread pool is fixed at import."""

import polars as pl

_frames: list[pl.DataFrame] = []


def prepare(path: str) -> int:
    """Load the columns from an Arrow file, untimed; return the size of the thread pool."""
    _frames[:] = [pl.read_ipc(path).rechunk()]
    return pl.thread_pool_size()


def fit(numbers: list[str], categories: list[str], shares: list[float]) -> dict[str, list[float]]:
    """Mean, deviation, exact quantiles of each number, sorted counts of each category; return what can be checked."""
    frame = _frames[0]
    x = pl.col(numbers)
    frame.select(x.std(ddof=0).name.suffix(" std"), x.null_count().name.suffix(" missing"))
    means = frame.select(x.mean()).row(0)
    places = [
        pl.col(name).drop_nulls().sort().gather([int(share * (frame[name].count() - 1)) for share in shares]).implode()
        for name in numbers
    ]
    quantiles = frame.select(places).row(0)
    counts = count(categories)
    return {
        "means": list(means),
        "medians": [values[len(shares) // 2] for values in quantiles],
        "distinct": [distinct for distinct, _ in counts],
        "rows": [rows for _, rows in counts],
    }


def count(categories: list[str]) -> list[tuple[int, int]]:
    """Sorted counts of each category; return how many keys and present rows there are."""
    counts = [_frames[0][name].drop_nulls().value_counts(sort=True) for name in categories]
    return [(len(each), int(each["count"].sum())) for each in counts]
