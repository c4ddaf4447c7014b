"""What a table format says a table is: which Parquet files, with which values of their partitions, at which version."""

from __future__ import annotations

import importlib
import posixpath
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow.fs as pafs

from mlops_runtime.core.errors import ConfigError, DataError, problem
from mlops_runtime.data.manifest import TableVersion
from mlops_runtime.data.schema import Column
from mlops_runtime.data.stored_file import StoredFile, unreadable, written

__all__ = [
    "DELTA_LOG",
    "ICEBERG_METADATA",
    "FieldIds",
    "LakeTable",
    "Place",
    "imported",
    "refuse_parts_of_tables",
    "refuse_tables",
    "stored_files",
    "unreadable_table",
]

DELTA_LOG = "_delta_log"
ICEBERG_METADATA = ".metadata.json"

_MARK = re.compile(rf"(.*?)(?:^|/)(?:{DELTA_LOG}/|metadata/[^/]*{re.escape(ICEBERG_METADATA)}\Z)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class FieldIds:
    """How an Iceberg table calls the columns of a file: names by the field's id.

    constant: ids of columns that the file's partition fixes to one value; a file without one of them is refused.
    """

    names: Mapping[int, str]
    constant: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class LakeTable:
    """A version of a table. columns: all that it has. partitions: of those that stand in no file, what is known.

    fields: for each file how its columns are called; None when by their own names.
    """

    version: TableVersion
    columns: tuple[str, ...]
    files: tuple[StoredFile, ...]
    partitions: tuple[Column, ...]
    fields: Mapping[str, FieldIds]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a file of a table lies, its name, relative if it is in the table's folder, and its partition's values."""

    path: str
    name: str
    partition: Mapping[str, str | None]


def stored_files(system: pafs.FileSystem, places: Sequence[Place], where: str) -> tuple[StoredFile, ...]:
    """Return the files, ordered by the bytes of their names.

    Raises DataError when one is not there any more, ConfigError when nobody can tell.
    """
    ordered = sorted(places, key=lambda place: place.name.encode())
    try:
        infos = system.get_file_info([place.path for place in ordered])
    except OSError as error:
        raise unreadable(where, error) from error
    gone = [place.path for place, info in zip(ordered, infos, strict=True) if info.type != pafs.FileType.File]
    if gone:
        raise unreadable_table(
            where,
            expected=f"all {len(ordered)} files of this version of the table",
            got=f"none at {gone[0]}",
            next_step="read a later version: this one's files were removed (VACUUM, expired snapshots)",
        )
    return tuple(
        StoredFile(system, place.path, place.name, _joined(where, place), written(system, info), place.partition)
        for place, info in zip(ordered, infos, strict=True)
    )


def _joined(where: str, place: Place) -> str:
    return place.path if place.name == place.path else f"{where}/{place.name}"


def imported(module: str, where: str) -> Any:
    """Return a module of the `lake` extra. Raises ConfigError, with what to install, when it is not there."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ConfigError(
            problem(
                expected=f"the package {module.partition('.')[0]}, which reads the table at this place",
                got=str(error),
                where=where,
                next_step="pip install 'mlops_runtime[lake]'",
            )
        ) from error


def unreadable_table(where: str, *, expected: str, got: str, next_step: str) -> DataError:
    """Return the error for a table that cannot be read, or not without giving rows that it does not have."""
    return DataError(problem(expected=expected, got=got, where=where, next_step=next_step))


def refuse_parts_of_tables(system: pafs.FileSystem, folder: str, given: str) -> None:
    """Raise ConfigError when a folder is the `data` of an Iceberg table, or a partition of a Delta or Iceberg table.

    Its log or metadata is then not below, but beside or above it.
    """
    root = folder
    while "=" in posixpath.basename(root):
        root = posixpath.dirname(root)
    marks = [f"{root}/{DELTA_LOG}"] if root != folder else []
    if posixpath.basename(root) == "data":
        marks.append(f"{posixpath.dirname(root)}/metadata")
    for mark in marks:
        beside = system.get_file_info(pafs.FileSelector(mark, allow_not_found=True))
        refuse_tables((info.path for info in beside), [f"{folder}/"], given)


def refuse_tables(seen: Iterable[str], chosen: Collection[str], given: str) -> None:
    """Raise ConfigError when one of the `chosen` paths lies in a table that has its log or metadata among `seen`.

    The folder of such a table also holds files that are no part of it any more.
    """
    roots = {found[1] for path in seen if (found := _MARK.match(path))}
    for root in sorted(roots):
        if any(path.startswith(f"{root}/") or not root for path in chosen):
            raise ConfigError(
                problem(
                    expected="data files",
                    got=f"files of the Delta or Iceberg table at {root or '/'}, some of which it may have removed",
                    where=given,
                    next_step="name the table alone: a Delta table's folder, an Iceberg table's current .metadata.json",
                )
            )
