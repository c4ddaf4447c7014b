"""polars' dense transform in a process of its own, because the size of its thread pool is fixed at import."""

import polars as pl

_frames: list[pl.LazyFrame] = []


def prepare(path: str) -> int:
    """Load the columns from an Arrow file, untimed; return the size of the thread pool."""
    _frames[:] = [pl.read_ipc(path).lazy()]
    return pl.thread_pool_size()


def transform(with_log: bool) -> None:
    """Impute, log1p when asked for, center and scale every column in one select; the result stays in columns."""
    x = pl.all().fill_null(0.5)
    if with_log:
        x = x.log1p()
    _frames[0].select((x - 1.0) * 2.0).collect()
