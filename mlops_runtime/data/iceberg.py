"""Iceberg tables: a metadata file says which files are theirs, and what the ids of their columns are called.

Source: the Iceberg table specification.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pyarrow.fs as pafs

from mlops_runtime.core.errors import ConfigError, EmptyInputError, problem
from mlops_runtime.data.file_system import find_file_system
from mlops_runtime.data.lake_table import FieldIds, LakeTable, Place, imported, stored_files, unreadable_table
from mlops_runtime.data.manifest import TableVersion

if TYPE_CHECKING:
    from pyiceberg.table import DataScan, FileScanTask, Table

__all__ = ["read_iceberg"]

_SCHEME = re.compile(r"\A[a-zA-Z][a-zA-Z0-9+.-]*:(//)?")


def read_iceberg(location: str, filesystem: Any, version: int | None) -> LakeTable:
    """Read the metadata file at `location`, and the manifests of a snapshot; None is the current one.

    Raises ConfigError for a snapshot it does not have, EmptyInputError for none at all, DataError for damaged metadata
    and for what would need more than Parquet files to know the rows: delete files, other formats, default values.
    """
    imported("pyiceberg.table", location)
    system, path = find_file_system(location, filesystem)
    try:
        table = _open(system, path)
        scan = _scan(table, location, version)
        tasks = list(scan.plan_files())
    except (ConfigError, EmptyInputError):
        raise
    except Exception as error:  # of pyiceberg, fastavro, pydantic: whatever damaged metadata leads to
        raise unreadable_table(
            location,
            expected="the metadata of an Iceberg table that can be read from its Parquet files",
            got=f"{type(error).__name__}: {(str(error).splitlines() or [''])[0][:200]}",
            next_step="check that the metadata and its manifests are whole; compact equality deletes first",
        ) from error
    schema = scan.projection()
    _check(tasks, [field.name for field in schema.fields if field.initial_default is not None], location)
    root = _path(table.location())
    places = {task.file.file_path: _path(task.file.file_path) for task in tasks}
    files = [Place(path, path.removeprefix(f"{root}/"), {}) for path in places.values()]
    names = {field.field_id: field.name for field in schema.fields}
    snapshot = scan.snapshot()
    return LakeTable(
        TableVersion("iceberg", str(table.metadata.table_uuid), str(snapshot.snapshot_id if snapshot else 0)),
        tuple(names.values()),
        stored_files(system, files, table.location()),
        (),
        {places[task.file.file_path]: FieldIds(names, _constant(table, task)) for task in tasks},
    )


def _open(system: pafs.FileSystem, location: str) -> Table:
    from pyiceberg.catalog.noop import NoopCatalog
    from pyiceberg.serializers import FromInputFile
    from pyiceberg.table import StaticTable

    files = _files_of(system)
    metadata = FromInputFile.table_metadata(files.new_input(location))
    return StaticTable(("table", location), metadata, location, files, NoopCatalog("none"))


def _files_of(system: pafs.FileSystem) -> Any:
    """Return our file system as pyiceberg's: one set of options reads metadata and data."""
    from pyiceberg.io import FileIO
    from pyiceberg.io.pyarrow import PyArrowFile

    class _Files(FileIO):
        def new_input(self, location: str) -> PyArrowFile:
            return PyArrowFile(location, _path(location), system)

        def new_output(self, location: str) -> PyArrowFile:
            raise PermissionError(f"{location}: tables are only read")

        def delete(self, location: Any) -> None:
            raise PermissionError(f"{location}: tables are only read")

    return _Files()


def _path(location: str) -> str:
    """Return the path that a location in the metadata names in its file system.

    >>> _path("s3://bucket/a.parquet"), _path("file:/tmp/a.parquet"), _path("/tmp/a.parquet")
    ('bucket/a.parquet', '/tmp/a.parquet', '/tmp/a.parquet')
    """
    return _SCHEME.sub("", location)


def _scan(table: Table, location: str, version: int | None) -> DataScan:
    if not table.snapshots():
        raise EmptyInputError(
            problem(expected="a table with a snapshot", got="none", where=location, next_step="append rows first")
        )
    if version is not None and table.snapshot_by_id(version) is None:
        known = ", ".join(str(snapshot.snapshot_id) for snapshot in table.snapshots()[-5:])
        raise ConfigError(
            problem(
                expected="a snapshot of the table",
                got=f"version {version}",
                where=location,
                next_step=f"its last snapshots are {known}",
            )
        )
    return table.scan(snapshot_id=version)


def _check(tasks: list[FileScanTask], defaults: list[str], location: str) -> None:
    deleted = [task.file.file_path for task in tasks if task.delete_files]
    other = [task.file.file_path for task in tasks if task.file.file_format.value != "PARQUET"]
    for got, next_step in (
        (f"delete files, which hide rows of {deleted[0]}" if deleted else "", "compact: rewrite_data_files"),
        (f"a file of another format, {other[0]}" if other else "", "rewrite the table as Parquet"),
        (f"a default value for column `{defaults[0]}`" if defaults else "", "rewrite the older files with the column"),
    ):
        if got:
            expected = "a table whose rows are those of its Parquet files"
            raise unreadable_table(location, expected=expected, got=got, next_step=next_step)


def _constant(table: Table, task: FileScanTask) -> frozenset[int]:
    """Return the ids of columns that the file's partition fixes to a value."""
    spec = table.specs()[task.file.spec_id]
    fixed = (place for place, field in enumerate(spec.fields) if str(field.transform) == "identity")
    return frozenset(spec.fields[place].source_id for place in fixed if task.file.partition[place] is not None)
