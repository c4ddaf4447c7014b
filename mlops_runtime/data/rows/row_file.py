"""The file of cached rows: an Arrow IPC file whose record batches are blocks of records, written a block at a time.

One column `row` of fixed_size_binary(row_bytes), without nulls; the layout is in the schema's metadata, `mlrt.layout`.
Every block begins at a multiple of 64 bytes, and each but the last has the same power of two of rows.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mlops_runtime._native import Rows, hash_bytes
from mlops_runtime.core.digest import canonical_json
from mlops_runtime.core.errors import CapacityError, problem
from mlops_runtime.data.rows.layout import RowLayout
from mlops_runtime.data.rows.manifest import RowManifest
from mlops_runtime.data.rows.table import write_rows

__all__ = ["write_row_file"]

Batch = Mapping[str, NDArray[Any]]

_BLOCK_BYTES = 16 << 20  # at most, where a row is not larger; of writes this long the system makes huge pages
_ALIGNMENT_BYTES = 64
_COLUMN, _LAYOUT_KEY, _PADDING_KEY = "row", "mlrt.layout", "mlrt.padding"


def write_row_file(
    path: Path, layout: RowLayout, parts: Mapping[str, str], batches: Iterable[Batch], *, most_bytes: int
) -> RowManifest:
    """Write batches, arrays [n] or [n, width] of each field, one after another; memory is taken for one block.

    Raises SchemaError for a batch that is not of the layout, CapacityError when the file passes `most_bytes`, OSError
    when it cannot be written.
    """
    with _Writer(path, layout, most_bytes) as writer:
        for batch in batches:
            writer.append(batch)
    return writer.manifest(parts)


class _Writer:
    """Collects rows in one block of memory, which is hashed and written when it is full."""

    def __init__(self, path: Path, layout: RowLayout, most_bytes: int) -> None:
        self._path, self._layout, self._most_bytes = path, layout, most_bytes
        self._block_rows = 1 << max(0, (_BLOCK_BYTES // layout.row_bytes).bit_length() - 1)
        self._block = Rows.allocate(self._block_rows, layout.row_bytes)
        self._filled = self._rows = 0
        self._hashes: list[str] = []
        self._schema, self._padding = _aligned(layout)
        self._sink = pa.OSFile(str(path), "wb")
        self._writer = pa.ipc.new_file(self._sink, self._schema)

    def __enter__(self) -> _Writer:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        with self._sink:
            if kind is None:
                self._flush()
                self._writer.close()

    def append(self, batch: Batch) -> None:
        """Add the rows of one batch."""
        rows, done = self._layout.require(batch), 0
        while done < rows:
            count = min(rows - done, self._block_rows - self._filled)
            part = {name: array[done : done + count] for name, array in batch.items()}
            write_rows(self._block, self._filled, self._layout, part)
            self._filled += count
            done += count
            if self._filled == self._block_rows:
                self._flush()

    def _flush(self) -> None:
        if self._filled == 0:
            return
        rows = self._block.blocks[0][: self._filled]
        self._hashes.append(f"{hash_bytes(rows):016x}")
        self._writer.write_batch(_record_batch(self._schema, rows), custom_metadata={_PADDING_KEY: self._padding})
        self._rows += self._filled
        self._filled = 0
        if self._sink.tell() > self._most_bytes:
            raise CapacityError(
                problem(
                    expected=f"rows of at most {self._most_bytes:,} bytes",
                    got=f"more: {self._rows:,} rows so far",
                    where="row cache",
                    next_step="raise MLRT_CACHE_GIB, or stream the data set instead of caching it",
                )
            )

    def manifest(self, parts: Mapping[str, str]) -> RowManifest:
        """Describe the file, as a reader of Arrow finds its blocks."""
        with self._path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            whole = pa.py_buffer(mapped)
            places = _places(whole)
            frame = _around(memoryview(whole), places)
            size = whole.size
            del whole
        return RowManifest(
            layout=self._layout.to_dict(),
            parts=dict(parts),
            rows=self._rows,
            block_rows=self._block_rows,
            file_bytes=size,
            blocks=tuple((place, hashed) for (place, _), hashed in zip(places, self._hashes, strict=True)),
            frame=f"{hash_bytes(frame):016x}",
        )


def _record_batch(schema: pa.Schema, rows: NDArray[np.uint8]) -> pa.RecordBatch:
    column = pa.Array.from_buffers(schema.field(0).type, len(rows), [None, pa.py_buffer(rows)], null_count=0)
    return pa.record_batch([column], schema=schema)


def _schema(layout: RowLayout, padding: str) -> pa.Schema:
    column = pa.field(_COLUMN, pa.binary(layout.row_bytes), nullable=False)
    return pa.schema([column], metadata={_LAYOUT_KEY: canonical_json(layout.to_dict()), _PADDING_KEY: padding})


def _aligned(layout: RowLayout) -> tuple[pa.Schema, str]:
    """Return a schema, and the padding of each record batch's metadata, with which every block begins at a line."""
    schema, sink = _schema(layout, ""), pa.BufferOutputStream()
    rows = np.zeros((_ALIGNMENT_BYTES // 8, layout.row_bytes), np.uint8)  # whole lines, whatever the layout
    with pa.ipc.new_file(sink, schema) as writer:
        for _ in range(2):
            writer.write_batch(_record_batch(schema, rows), custom_metadata={_PADDING_KEY: ""})
    (first, _), (second, _) = _places(sink.getvalue())
    within = (first - second) % _ALIGNMENT_BYTES
    return _schema(layout, " " * (-(first + within) % _ALIGNMENT_BYTES)), " " * within


def _places(whole: pa.Buffer) -> list[tuple[int, int]]:
    """Return where each block begins and its bytes."""
    reader = pa.ipc.open_file(whole)
    buffers = [reader.get_batch(number).column(0).buffers()[1] for number in range(reader.num_record_batches)]
    return [(buffer.address - whole.address, buffer.size) for buffer in buffers]


def _around(whole: memoryview, places: list[tuple[int, int]]) -> bytes:
    """Return the bytes that are of no block, joined."""
    ends = [0, *(begin + size for begin, size in places)]
    begins = [*(begin for begin, _ in places), len(whole)]
    return b"".join(whole[end:begin] for end, begin in zip(ends, begins, strict=True))
