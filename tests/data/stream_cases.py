"""What the tests of streams share: Parquet files whose every value tells its row, and streams of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from mlops_runtime.data import Source, open_source
from mlops_runtime.data.loader import Batch, StreamLoader
from mlops_runtime.data.loader.stream_data import StreamData
from mlops_runtime.data.rows import Field, RowLayout

LAYOUT = RowLayout((Field("n", "int64"), Field("half", "float32", 3), Field("day", "int32")))
GROUPS = ((40, 7, 0, 40), (), (1, 25), (40, 40, 3))  # rows of the row groups of each file
ROWS = sum(sum(each) for each in GROUPS)
ALL_GROUPS = sum(rows > 0 for each in GROUPS for rows in each)


def write_files(folder: Path) -> Path:
    """Write `GROUPS` as files of hive partitions `day=…`; the second has no rows."""
    first = 0
    for day, groups in enumerate(GROUPS):
        path = folder / f"day={day}" / "part.parquet"
        path.parent.mkdir(parents=True)
        with pq.ParquetWriter(path, pa.schema({"n": pa.int64(), "text": pa.string()})) as writer:
            for rows in groups:
                numbers = np.arange(first, first + rows)
                texts = pa.array([f"t{n % 5}" for n in numbers], pa.string())
                writer.write_table(pa.table({"n": numbers, "text": texts}))
                first += rows
    return folder


class Arrays:
    """Makes the arrays of `LAYOUT`, and counts what it is asked for."""

    def __init__(self) -> None:
        self.tables: list[int] = []

    def __call__(self, table: pa.Table) -> Mapping[str, NDArray[Any]]:
        """Return the fields of conformed rows."""
        self.tables.append(table.num_rows)
        numbers = table.column("n").to_numpy()
        half = (numbers[:, None] / 2 + np.arange(3)).astype(np.float32)
        day = table.column("day").to_numpy().astype(np.int32)
        return {"n": numbers.reshape(-1, 1), "half": half, "day": day.reshape(-1, 1)}


def stream(source: Source | Path, make: Arrays | None = None, **options: Any) -> StreamLoader:
    """A stream of a source, or of the files in a folder."""
    source = open_source(source) if isinstance(source, Path) else source
    return StreamLoader(StreamData(source, LAYOUT, make or Arrays()), source.manifest().digest, **options)


def check_contents(batch: Batch) -> None:
    """Every value of a batch is that of its row."""
    np.testing.assert_array_equal(batch["n"][:, 0], batch.rows)
    np.testing.assert_array_equal(batch["half"], (batch.rows[:, None] / 2 + np.arange(3)).astype(np.float32))
    days = np.repeat(np.arange(len(GROUPS)), [sum(each) for each in GROUPS])
    np.testing.assert_array_equal(batch["day"][:, 0], days[batch.rows])


def order_of(source: Source | Path, **options: Any) -> NDArray[np.int64]:
    """The rows of an uninterrupted epoch."""
    return np.concatenate([batch.rows for batch in stream(source, batch_rows=17, **options)])
