"""The tables that drift reports are timed on, and how a peer in another environment gets them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

__all__ = ["read_once", "table", "written"]


def table(rows: int, numbers: int, strings: int, *, shift: float, seed: int) -> pa.Table:
    """Return normal numbers with 2 % missing, `shift` standard deviations up, and strings of 50 categories."""
    rng = np.random.default_rng(seed)
    columns: dict[str, pa.Array] = {}
    for number in range(numbers):
        columns[f"n{number}"] = pa.array(rng.standard_normal(rows) + shift, mask=rng.random(rows) < 0.02)
    names = pa.array([f"category {number:02}" for number in range(50)])
    for number in range(strings):
        columns[f"c{number}"] = names.take(pa.array(np.minimum(rng.geometric(0.1, rows), 50) - 1))
    return pa.table(columns)


def written(folder: Path, **tables: pa.Table) -> dict[str, str]:
    """Write tables as Parquet; return their paths by name."""
    paths = {name: str(folder / f"{name}.parquet") for name in tables}
    for name, content in tables.items():
        pq.write_table(content, paths[name])
    return paths


def read_once(content: pa.Table) -> float:
    """Add up every number: a plain read of them."""
    numbers = [column for column in content.columns if pa.types.is_floating(column.type)]
    return float(sum(np.frombuffer(chunk.buffers()[1], np.float64).sum() for one in numbers for chunk in one.chunks))
