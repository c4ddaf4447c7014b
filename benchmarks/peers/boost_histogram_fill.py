"""boost-histogram over variable edges; `bench_histogram.py` runs it in an environment of its own."""

import boost_histogram as bh
import numpy as np

_state: dict[str, object] = {}


def prepare(values: str, edges: str) -> int:
    """Map the values, untimed, and make an empty histogram; return the number of values."""
    column = np.load(values)
    _state["values"] = column
    _state["histogram"] = bh.Histogram(bh.axis.Variable(np.load(edges)), storage=bh.storage.Int64())
    return len(column)


def fill(workers: int) -> None:
    """Count all values, NaN and infinities in the overflow bins."""
    _state["histogram"].fill(_state["values"], threads=workers)
