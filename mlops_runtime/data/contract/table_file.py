"""Writing a table piece by piece into a file that appears whole or not at all."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.csv as arrow_csv
import pyarrow.parquet as pq

from mlops_runtime.core.durable import durable_stream
from mlops_runtime.core.errors import ConfigError, problem

__all__ = ["TableFile", "open_table_file"]

_GROUP_ROWS = 1 << 16  # pieces are gathered to this size, so that a few bad rows a batch do not make tiny row groups

_WRITERS: dict[str, Callable[[BinaryIO, pa.Schema], Any]] = {
    ".parquet": lambda stream, schema: pq.ParquetWriter(stream, schema, compression="zstd"),
    ".arrow": pa.ipc.new_file,
    ".csv": arrow_csv.CSVWriter,
}


class TableFile:
    """The file while it is written; every piece has the schema of the first."""

    def __init__(self, stream: BinaryIO, suffix: str) -> None:
        self._stream = stream
        self._open = _WRITERS[suffix]
        self._writer: Any = None
        self._pieces: list[pa.Table] = []
        self._rows = 0

    def write(self, table: pa.Table) -> None:
        """Add rows; none is fine, and says what the columns are."""
        if self._writer is None:
            self._writer = self._open(self._stream, table.schema)
        self._pieces.append(table)
        self._rows += table.num_rows
        if self._rows >= _GROUP_ROWS:
            self._flush()

    def close(self) -> None:
        """Write what was gathered and the end of the file."""
        if self._writer is not None:
            self._flush()
            self._writer.close()

    def _flush(self) -> None:
        if self._rows:
            self._writer.write_table(pa.concat_tables(self._pieces).combine_chunks())
        self._pieces, self._rows = [], 0


@contextlib.contextmanager
def open_table_file(path: Path) -> Iterator[TableFile]:
    """Yield a file of tables (.parquet, .arrow or .csv by its name) that becomes `path` when the block ends well.

    Raises ConfigError for another name, and as `durable_stream` does.
    """
    suffix = path.suffix.lower()
    if suffix not in _WRITERS:
        raise ConfigError(
            problem(
                expected=f"a file name that ends in {', '.join(_WRITERS)}",
                got=f"`{path.name}`",
                where=str(path),
                next_step="choose the format by the extension",
            )
        )
    with durable_stream(path) as stream:
        file = TableFile(stream, suffix)
        yield file
        file.close()
