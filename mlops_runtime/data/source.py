"""From a file to a data set: decode, infer or check the schema, clean, and record what was read."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pyarrow as pa

from mlops_runtime.core.digest import sha256_file
from mlops_runtime.core.errors import ConfigError, DataError, EmptyInputError, SchemaError, problem
from mlops_runtime.data.columnar_file import read_arrow, read_parquet
from mlops_runtime.data.conform import conform
from mlops_runtime.data.csv_file import read_csv
from mlops_runtime.data.infer import infer_columns
from mlops_runtime.data.manifest import DataFile, Manifest
from mlops_runtime.data.schema import Schema, listed

__all__ = ["Dataset", "read_dataset"]

_Format = Literal["csv", "parquet", "arrow"]

_MAGIC: tuple[tuple[bytes, _Format], ...] = ((b"PAR1", "parquet"), (b"ARROW1", "arrow"), (b"\xff\xff\xff\xff", "arrow"))
_FOREIGN = (
    (b"\x1f\x8b", "gzip", "decompress it first"),
    (b"PK\x03\x04", "ZIP or Excel", "export it as CSV or Parquet"),
    (b"\xff\xfe", "UTF-16", "convert it to UTF-8"),
    (b"\xfe\xff", "UTF-16", "convert it to UTF-8"),
)
_EXTENSIONS: dict[str, _Format] = {".parquet": "parquet", ".arrow": "arrow", ".feather": "arrow", ".ipc": "arrow"}


@dataclass(frozen=True, slots=True)
class Dataset:
    """A conformed table, its schema, what it was read from, and what a reader should know about it."""

    table: pa.Table
    schema: Schema
    manifest: Manifest
    notes: tuple[str, ...]


def read_dataset(path: str | Path, *, schema: Schema | None = None, columns: Sequence[str] | None = None) -> Dataset:
    """Read a CSV, Parquet or Arrow IPC file, told apart by content.

    schema: read these columns as these kinds; without it every column's kind is inferred. columns: read only these, in
    this order; names that `schema` lacks (a target, say) are inferred.
    Raises ConfigError when the path cannot be opened, EmptyInputError without rows, SchemaError for missing or
    unreadable columns, and DataError for a damaged file.
    """
    source = Path(path)
    file_format = _detect(source)
    wanted = columns if columns is not None else (schema.names if schema else None)
    rules = schema or Schema(())
    with ThreadPoolExecutor(1) as pool:  # hashing releases the GIL: it runs beside the decoder
        sha256 = pool.submit(sha256_file, source)
        table, notes = _decode(source, file_format, wanted, rules)
        manifest = Manifest((DataFile(source.name, sha256.result(), table.num_rows),))
    if table.num_rows == 0:
        raise EmptyInputError(
            problem(expected="rows", got="none", where=str(source), next_step="check that the export finished")
        )
    complete, more_notes = _complete_schema(table, rules, wanted, source)
    return Dataset(conform(table, complete, where=str(source)), complete, manifest, (*notes, *more_notes))


def _detect(path: Path) -> _Format:
    try:
        with path.open("rb") as stream:
            start = stream.read(8)
    except OSError as error:
        raise ConfigError(
            problem(
                expected="a readable data file",
                got=f"an error: {(error.strerror or str(error)).lower()}",
                where=str(path),
                next_step="pass one CSV, Parquet or Arrow IPC file that this user may read",
            )
        ) from error
    if not start:
        raise EmptyInputError(
            problem(expected="data", got="0 bytes", where=str(path), next_step="check that the export finished")
        )
    for magic, file_format in _MAGIC:
        if start.startswith(magic):
            return file_format
    for magic, kind, advice in _FOREIGN:
        if start.startswith(magic):
            raise DataError(
                problem(expected="CSV, Parquet or Arrow IPC", got=f"a {kind} file", where=str(path), next_step=advice)
            )
    declared = _EXTENSIONS.get(path.suffix.lower())
    if declared is not None:
        raise DataError(
            problem(
                expected=f"{declared} content, as the name says",
                got=f"first bytes {start!r}",
                where=str(path),
                next_step="write the file again, or give it the extension of what it holds",
            )
        )
    return "csv"


def _decode(
    path: Path, file_format: _Format, wanted: Collection[str] | None, rules: Schema
) -> tuple[pa.Table, tuple[str, ...]]:
    if file_format == "csv":
        texts = {column.name for column in rules.columns if column.kind == "string"}
        return read_csv(path, columns=wanted, texts=texts, rules=rules)
    read = read_parquet if file_format == "parquet" else read_arrow
    return read(path, wanted), ()


def _complete_schema(
    table: pa.Table, rules: Schema, wanted: Sequence[str] | None, path: Path
) -> tuple[Schema, tuple[str, ...]]:
    """Add what must be inferred to what is known, in the order asked for."""
    unknown = [name for name in table.column_names if name not in rules.names]
    inferred = infer_columns(table.select(unknown))
    known = {column.name: column for column in (*rules.columns, *inferred.columns)}
    order = table.column_names if wanted is None else wanted
    for name in order if wanted is not None else ():
        if name in known:
            continue
        got = (
            f"type {inferred.excluded[name]}" if name in inferred.excluded else f"columns {listed(table.column_names)}"
        )
        raise SchemaError(
            problem(
                expected=f"a usable column `{name}`",
                got=got,
                where=str(path),
                next_step="check the spelling, or cast the column",
            )
        )
    columns = tuple(known[name] for name in order if name in known)
    return Schema(columns, rules.trim, rules.null_tokens), inferred.notes
