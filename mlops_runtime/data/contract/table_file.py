"""Writing a table piece by piece into a file that appears whole or not at all."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.csv as arrow_csv
import pyarrow.parquet as pq

from mlops_runtime.core.durable import durable_stream, unwritten
from mlops_runtime.core.errors import ConfigError, problem
from mlops_runtime.data.conform import is_text
from mlops_runtime.data.contract.layout import texts_of

__all__ = ["TableFile", "open_table_file"]

_GROUP_ROWS = 1 << 16  # pieces are gathered to this size, so that a few bad rows a batch do not make tiny row groups

_WRITERS: dict[str, Callable[[BinaryIO, pa.Schema], Any]] = {
    ".parquet": lambda stream, schema: pq.ParquetWriter(stream, schema, compression="zstd"),
    ".arrow": pa.ipc.new_file,
    ".csv": arrow_csv.CSVWriter,
}


class TableFile:
    """The file while it is written; every piece has the schema of the first. In CSV lists are JSON arrays."""

    def __init__(self, stream: BinaryIO, path: Path) -> None:
        self._stream = stream
        self._path = path
        self._writer: Any = None
        self._pieces: list[pa.Table] = []
        self._rows = 0

    def write(self, table: pa.Table) -> None:
        """Add rows; none is fine, and says what the columns are.

        Raises ConfigError when the format lacks a type, and as `durable_stream` does: of two files that are written at
        a time only the one that fails knows its name.
        """
        try:
            self._write(table)
        except OSError as error:
            raise unwritten(error, self._path) from error

    def _write(self, table: pa.Table) -> None:
        if self._path.suffix.lower() == ".csv":
            table = _for_csv(table)
        if self._writer is None:
            self._writer = self._open(table.schema)
        self._pieces.append(table)
        self._rows += table.num_rows
        if self._rows >= _GROUP_ROWS:
            self._flush()

    def close(self) -> None:
        """Write what was gathered and the end of the file."""
        if self._writer is not None:
            self._flush()
            self._writer.close()

    def abandon(self) -> None:
        """Let go of the writer, whatever state it is in: the file will not appear."""
        if self._writer is not None:
            with contextlib.suppress(OSError, pa.ArrowException):
                self._writer.close()

    def _open(self, schema: pa.Schema) -> Any:
        try:
            return _WRITERS[self._path.suffix.lower()](self._stream, schema)
        except pa.ArrowNotImplementedError as error:
            raise _refused(self._path, "columns that the format can hold", str(error), "write a .arrow file") from error

    def _flush(self) -> None:
        if self._rows:
            self._writer.write_table(pa.concat_tables(self._pieces).combine_chunks())
        self._pieces, self._rows = [], 0


@contextlib.contextmanager
def open_table_file(path: Path) -> Iterator[TableFile]:
    """Yield a file of tables (.parquet, .arrow or .csv by its name) that becomes `path` when the block ends well.

    Raises ConfigError for another name, and as `durable_stream` does.
    """
    if path.suffix.lower() not in _WRITERS:
        expected = f"a file name that ends in {', '.join(_WRITERS)}"
        raise _refused(path, expected, f"`{path.name}`", "choose the format by the extension")
    with durable_stream(path) as stream:
        file = TableFile(stream, path)
        try:
            yield file
            file.close()
        except BaseException:
            file.abandon()
            raise


def _for_csv(table: pa.Table) -> pa.Table:
    """Write what CSV has no form for as a text."""
    for place, field in enumerate(table.schema):
        kind = field.type
        known = pa.types.is_primitive(kind) or pa.types.is_decimal(kind) or pa.types.is_null(kind) or is_text(kind)
        if pa.types.is_interval(kind) or not known:
            table = table.set_column(place, field.name, texts_of(table.column(place)))
    return table


def _refused(path: Path, expected: str, got: str, advice: str) -> ConfigError:
    return ConfigError(problem(expected=expected, got=got, where=str(path), next_step=advice))
