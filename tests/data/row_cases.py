"""What the tests of cached rows share: rows that tell where they belong, and a cache of some blocks of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlops_runtime.data.rows import RowCache, RowLayout, rows_digest

BLOCK_ROWS = 32_768  # of 264 bytes
ROWS = 70_000  # two blocks, and one that is not full


def arrays_of(rows: int, seed: int = 0) -> dict[str, NDArray[Any]]:
    """The usual three fields: 264 bytes a row."""
    random = np.random.default_rng(seed)
    return {
        "sparse": random.integers(0, 1 << 40, (rows, 26)),
        "dense": random.random((rows, 13), dtype=np.float32),
        "target": np.arange(rows, dtype=np.float32),
    }


def batches_of(arrays: dict[str, NDArray[Any]], rows: int) -> Iterator[dict[str, NDArray[Any]]]:
    """The same rows, so many at a time."""
    for start in range(0, len(arrays["target"]), rows):
        yield {name: array[start : start + rows] for name, array in arrays.items()}


def parts_of(name: str = "a") -> dict[str, str]:
    """What rows of that name are made of."""
    return {"dataset": name, "program": "p"}


def digest_of(arrays: dict[str, NDArray[Any]], name: str = "a") -> str:
    """An identity for rows like these."""
    return rows_digest(RowLayout.of(arrays), parts_of(name))


def cached(root: Path, rows: int = ROWS, *, seed: int = 0, name: str = "a") -> tuple[Path, dict[str, NDArray[Any]]]:
    """Build rows in a cache; return their folder, and what they were made of."""
    arrays = arrays_of(rows, seed)
    table = RowCache(root).build(RowLayout.of(arrays), parts_of(name), batches_of(arrays, 3000))
    return root / table.digest, arrays
