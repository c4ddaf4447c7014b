"""Parquet and Arrow IPC files: decoded by pyarrow, with the texts of Parquet as dictionaries."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from mlops_runtime.core.errors import DataError, problem
from mlops_runtime.core.settings import settings
from mlops_runtime.data.conform import is_text

__all__ = ["read_arrow", "read_parquet"]


def read_parquet(path: Path, columns: Collection[str] | None) -> pa.Table:
    """Decode a Parquet file (all columns, or those named). Raises DataError when it is truncated or damaged."""
    try:
        schema = pq.read_schema(path)
        wanted = [name for name in schema.names if columns is None or name in columns]
        texts = [name for name in wanted if is_text(schema.field(name).type)]
        file = pq.ParquetFile(path, read_dictionary=texts)
        return file.read(columns=wanted, use_threads=settings().thread_count > 1)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
        raise _damaged(path, "Parquet", error) from error


def read_arrow(path: Path, columns: Collection[str] | None) -> pa.Table:
    """Decode an Arrow IPC file or stream. Its buffers are validated: offsets out of range are a DataError."""
    try:
        with pa.OSFile(str(path)) as source:
            is_file = source.read(6) == b"ARROW1"
            source.seek(0)
            table = (pa.ipc.open_file(source) if is_file else pa.ipc.open_stream(source)).read_all()
        table = table.select([name for name in table.column_names if columns is None or name in columns])
        table.validate(full=True)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
        raise _damaged(path, "Arrow IPC", error) from error
    return table


def _damaged(path: Path, kind: str, error: Exception) -> DataError:
    return DataError(
        problem(
            expected=f"a whole {kind} file",
            got=str(error).splitlines()[0][:200],
            where=str(path),
            next_step="the file is truncated or damaged: copy or write it again",
        )
    )
