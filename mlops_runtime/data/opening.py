"""Opening a data set: from paths, globs, folders and URLs to a `Source`."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa

from mlops_runtime.core.errors import EmptyInputError, problem
from mlops_runtime.data.arrow_file import ArrowFile
from mlops_runtime.data.batch import BadRow
from mlops_runtime.data.csv_file import CsvFile
from mlops_runtime.data.data_file import OpenFile
from mlops_runtime.data.decide import Request
from mlops_runtime.data.filters import Filters, matching_rows, read_filters
from mlops_runtime.data.finish import PartitionValues
from mlops_runtime.data.formats import Format, detect_all
from mlops_runtime.data.lake import find_table
from mlops_runtime.data.lake_table import LakeTable
from mlops_runtime.data.locate import DataPath, Partitioning, locate
from mlops_runtime.data.parquet_file import ParquetFile
from mlops_runtime.data.partition import partition_table
from mlops_runtime.data.reconcile import Drift
from mlops_runtime.data.schema import Schema
from mlops_runtime.data.source import Dataset, Source
from mlops_runtime.data.stored_file import StoredFile

__all__ = ["open_source", "read_dataset"]


def open_source(  # noqa: PLR0913 - one door to every kind of data set, all but one of its options by name
    paths: DataPath | Sequence[DataPath],
    *,
    schema: Schema | None = None,
    columns: Sequence[str] | None = None,
    filters: Filters = (),
    partitioning: Partitioning = "hive",
    drift: Drift = "reconcile",
    on_bad_row: Callable[[BadRow], None] | None = None,
    filesystem: Any = None,
    version: int | None = None,
) -> Source:
    """Open CSV, Parquet and Arrow IPC files, told apart by content, or a Delta or Iceberg table, as one data set.

    paths: a file, a folder, a glob or a URL (`s3://bucket/folder`), or a list of them; see `locate`. A folder with a
    Delta log is that table, a file `….metadata.json` an Iceberg table; `version` is the Delta version or the Iceberg
    snapshot to read, by default the latest.
    schema: read these columns as these kinds; without it every column's kind is inferred. columns: read only these, in
    this order; names that `schema` lacks (a target, say) are inferred.
    filters: (column, operator, value) triples that all must hold, applied to the partition values in the paths (a file
    ruled out is no part of the data set), to the statistics of Parquet row groups, and to the rows; operators are
    `==`, `!=`, `<`, `<=`, `>`, `>=`, `in`, `not in`; missing values meet none.
    partitioning: "hive" makes columns of folders `key=value`; None does not.
    drift: what to do when files differ: "reconcile" by rule, with a note, or "refuse"; see `reconcile`.
    on_bad_row: called, in order, with each row of a CSV file that has another number of fields or is no UTF-8, which is
    then left out but keeps its ordinal; without it such a row is a DataError.
    filesystem: see `find_file_system`.
    Raises ConfigError for paths that cannot be opened and filters that cannot be applied, EmptyInputError for no files
    or no bytes, DataError for a file of another format. What else is wrong with the data shows when it is read.
    """
    rules = schema or Schema(())
    wanted = tuple(columns) if columns is not None else (rules.names if schema else None)
    request = Request(rules, wanted, tuple(filters), drift)
    table = find_table(paths, filesystem, version)
    if table is not None:
        return _open_table(table, request, on_bad_row)
    found = locate(paths, filesystem=filesystem, partitioning=partitioning)
    every, notes = detect_all(found)
    formats = {file.name: file_format for file, file_format in every}
    data, partitions = _partitioned([file for file, _ in every], rules, filters)
    files = [_open(file, formats[file.name], rules, tolerant=on_bad_row is not None) for file in data]
    return Source(files, request, partitions, notes, on_bad_row, None)


def read_dataset(
    paths: DataPath | Sequence[DataPath],
    *,
    schema: Schema | None = None,
    columns: Sequence[str] | None = None,
    filters: Filters = (),
) -> Dataset:
    """Read a data set whole: `open_source(…).read()`, which see.

    Raises ConfigError when a path cannot be opened, EmptyInputError without rows, SchemaError for missing or
    unreadable columns, and DataError for a damaged file.
    """
    return open_source(paths, schema=schema, columns=columns, filters=filters).read()


def _partitioned(
    data: Sequence[StoredFile], rules: Schema, filters: Filters
) -> tuple[Sequence[StoredFile], PartitionValues]:
    """Return the files whose partition values meet the filters, and those values. EmptyInputError when none does."""
    table, schema = partition_table([file.partition for file in data], rules)
    conditions = read_filters([triple for triple in filters if triple[0] in schema.names], schema)
    if not conditions:
        return data, PartitionValues(table, schema)
    keep = matching_rows(table, conditions)
    if not keep.any():
        raise EmptyInputError(
            problem(
                expected="partitions that meet the filters",
                got=f"none of {len(data)} files",
                where="data set",
                next_step="check the filters against the folders' names",
            )
        )
    kept = list(itertools.compress(data, keep))
    return kept, PartitionValues(table.filter(pa.array(keep)), schema)


def _open_table(table: LakeTable, request: Request, on_bad_row: Callable[[BadRow], None] | None) -> Source:
    """Partition values are of the kinds that the table says, unless the caller does."""
    if not table.files:
        raise EmptyInputError(
            problem(
                expected="a table with rows",
                got=f"no file in version {table.version.version}",
                where=f"{table.version.format} table {table.version.id}",
                next_step="append rows first, or read another version",
            )
        )
    rules = request.rules
    declared = frozenset(rules.names)
    known = tuple(column for column in table.partitions if column.name not in declared)
    kinds = Schema((*rules.columns, *known), rules.trim, rules.null_tokens)
    data, partitions = _partitioned(table.files, kinds, request.filters)
    files = [ParquetFile(file, table.fields.get(file.path)) for file in data]
    present = {*partitions.schema.names, *(name for file in files for name in file.names)}
    notes = [
        f"column `{name}` of the table is in none of its files: left out"
        for name in table.columns
        if name not in present
    ]
    return Source(files, request, partitions, notes, on_bad_row, table.version)


def _open(file: StoredFile, file_format: Format, rules: Schema, *, tolerant: bool) -> OpenFile:
    if file_format == "csv":
        return CsvFile(file, rules, tolerant=tolerant)
    return ParquetFile(file) if file_format == "parquet" else ArrowFile(file)
