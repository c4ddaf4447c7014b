"""The wide table of the feature benchmarks: 13 numeric and 26 categorical columns, as in the Criteo data set."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

__all__ = ["CATEGORIES", "NUMBERS", "plain_read", "wide_table"]

NUMBERS = tuple(f"x{j}" for j in range(13))
CATEGORIES = tuple(f"c{j}" for j in range(26))

_FEWEST_KEYS, _MOST_KEYS = 10, 1_000_000
_MISSING_KEYS = 0.03  # in every third categorical column


def wide_table(rows: int, seed: int = 0) -> pa.Table:
    """Return a table of one chunk a column: x0..x12 float32, then c0, c2, … int64 and c1, c3, … strings.

    Numbers: x0, x2, … log-normal, the others normal; 0, 5 or 10 % of them null. Categories: 10 to 1,000,000 different
    keys in geometric steps (at most rows / 2), each of which occurs; the other rows favour the first keys, with a
    probability that falls as rank**(-2/3). Strings have 4 to 9 bytes; integers are spread over 44 bits, half of them
    negative; 3 % of every third categorical column is null.
    """
    rng = np.random.default_rng(seed)
    columns = {name: _numbers(rng, rows, position) for position, name in enumerate(NUMBERS)}
    sizes = np.geomspace(_FEWEST_KEYS, _MOST_KEYS, len(CATEGORIES)).round().astype(int)
    for position, (name, size) in enumerate(zip(CATEGORIES, sizes, strict=True)):
        columns[name] = _categories(rng, rows, position, max(1, min(int(size), rows // 2)))
    return pa.table(columns)


def plain_read(table: pa.Table) -> Callable[[], None]:
    """Return the floor of what reads a table: it sums all its bytes, as whole words, once."""
    chunks = [chunk for column in table.columns for chunk in column.chunks]
    buffers = [buffer for chunk in chunks for buffer in chunk.buffers() if buffer is not None]
    words = [np.frombuffer(buffer, np.int64, buffer.size // 8) for buffer in buffers]

    def read() -> None:
        for each in words:
            each.sum()

    return read


def _numbers(rng: np.random.Generator, rows: int, position: int) -> pa.Array:
    values = rng.standard_normal(rows, np.float32)
    if position % 2 == 0:
        np.exp(values, out=values)
    return pa.array(values, mask=rng.random(rows) < position % 3 * 0.05)


def _categories(rng: np.random.Generator, rows: int, position: int, size: int) -> pa.Array:
    ranks = np.concatenate([np.arange(min(size, rows)), (size * rng.random(max(0, rows - size)) ** 3).astype(int)])
    rng.shuffle(ranks)
    missing = rng.random(rows) < _MISSING_KEYS if position % 3 == 2 else None
    return _keys(position, size).take(pa.array(ranks, mask=missing))


def _keys(position: int, size: int) -> pa.Array:
    if position % 2 == 1:
        return pa.array([f"{position:02d}_{rank}" for rank in range(size)])
    spread: NDArray[np.int64] = np.arange(size) * 0x9E3779B97F5 % 2**44  # an odd factor keeps them different
    return pa.array(spread - 2**43)
