"""Delta tables: their log says which files are theirs. Source: the Delta transaction log protocol (PROTOCOL.md)."""

from __future__ import annotations

import contextlib
import json
import posixpath
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.fs as pafs

from mlops_runtime.core.errors import ConfigError, problem
from mlops_runtime.data.lake_table import DELTA_LOG, LakeTable, Place, imported, stored_files, unreadable_table
from mlops_runtime.data.manifest import TableVersion
from mlops_runtime.data.schema import Column, ColumnKind
from mlops_runtime.data.stored_file import unreadable

__all__ = ["read_delta"]

_HARMLESS = frozenset({"timestampNtz", "v2Checkpoint", "vacuumProtocolCheck", "deletionVectors"})
_KINDS: dict[str, ColumnKind] = {
    "string": "string",
    "boolean": "number",
    "float": "number",
    "double": "number",
    "date": "timestamp",
    "timestamp": "timestamp",
    "timestamp_ntz": "timestamp",
}  # whole numbers are told apart by their values: those beyond 2**53 are of another kind


def read_delta(system: pafs.FileSystem, root: str, where: str, version: int | None) -> LakeTable:
    """Read the log of the table in the folder `root`, up to a version; None is the latest.

    Raises ConfigError for a version it does not have, DataError for features that would need more than its Parquet
    files to know its rows (deletion vectors, mapped columns) and for files that are gone.
    """
    library = imported("deltalake", where)
    with _log_here(system, root, where) as here:
        try:
            table = library.DeltaTable(here, version=version)
            actions = pa.table(table.get_add_actions())
        except (library.exceptions.DeltaError, OSError, OverflowError) as error:
            raise _no_version(error, where, version) from error
        _check_features(table, library, where)
    fields = {field["name"]: field["type"] for field in json.loads(table.schema().to_json())["fields"]}
    keys = table.metadata().partition_columns
    places = [_place(root, action, keys, where) for action in actions.to_pylist()]
    return LakeTable(
        TableVersion("delta", str(table.metadata().id), str(table.version())),
        tuple(fields),
        stored_files(system, places, where),
        tuple(Column(name, _KINDS[fields[name]]) for name in keys if fields[name] in _KINDS),
        {},
    )


@contextlib.contextmanager
def _log_here(system: pafs.FileSystem, root: str, where: str) -> Iterator[str]:
    """Give a local folder with the log: the library would need the file system's options in words of its own."""
    if isinstance(system, pafs.LocalFileSystem):
        yield root
        return
    with tempfile.TemporaryDirectory(prefix="mlrt-") as here:
        copy = Path(here, DELTA_LOG)
        copy.mkdir()
        local = pafs.LocalFileSystem()
        try:
            pafs.copy_files(f"{root}/{DELTA_LOG}", str(copy), source_filesystem=system, destination_filesystem=local)
        except OSError as error:
            raise unreadable(where, error) from error
        yield here


def _check_features(table: Any, library: Any, where: str) -> None:
    features = frozenset(table.protocol().reader_features or ())
    mapping = table.metadata().configuration.get("delta.columnMapping.mode", "none")
    if mapping != "none" or features - _HARMLESS:
        what = f"columns mapped by {mapping}" if mapping != "none" else f"feature {min(features - _HARMLESS)}"
        raise unreadable_table(
            where,
            expected="a table whose rows are those of its Parquet files",
            got=what,
            next_step="write a copy without it, or read the table with an engine that knows it and export Parquet",
        )
    if "deletionVectors" in features and _has_vectors(table, library):
        raise unreadable_table(
            where,
            expected="a table whose rows are those of its Parquet files",
            got="deletion vectors, which hide some of them",
            next_step="rewrite those files first: REORG TABLE … APPLY (PURGE)",
        )


def _has_vectors(table: Any, library: Any) -> bool:
    try:
        return any(batch.num_rows for batch in table.deletion_vectors())
    except (library.exceptions.DeltaError, OSError):  # there is one, and it is not beside the log
        return True


def _place(root: str, action: Mapping[str, Any], keys: list[str], where: str) -> Place:
    name = unquote(action["path"])
    if name.startswith("/") or "://" in name:
        raise unreadable_table(
            where,
            expected="a table whose files lie in its folder",
            got=f"a file at {name} (a shallow clone)",
            next_step="read the table it was cloned from, or make a deep clone",
        )
    return Place(posixpath.join(root, name), name, {key: _text(action["partition"][key]) for key in keys})


def _text(value: Any) -> str | None:
    """Write a partition's value as a folder's name would have it.

    >>> [_text(value) for value in (True, 7, "a b", None)]
    ['true', '7', 'a b', None]
    """
    if value is None:
        return None
    return str(value).lower() if isinstance(value, bool) else str(value)


def _no_version(error: Exception, where: str, version: int | None) -> ConfigError:
    return ConfigError(
        problem(
            expected="a Delta table" if version is None else f"a Delta table that has version {version}",
            got=(str(error).splitlines() or [type(error).__name__])[0][:200],
            where=where,
            next_step="check the version against the table's history, and that its log is whole",
        )
    )
