"""Telling tables from bare files: a folder with a Delta log, and a metadata file of Iceberg, name a table."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.fs as pafs

from mlops_runtime.core.errors import ConfigError, problem
from mlops_runtime.data.delta import read_delta
from mlops_runtime.data.file_system import find_file_system
from mlops_runtime.data.iceberg import read_iceberg
from mlops_runtime.data.lake_table import DELTA_LOG, ICEBERG_METADATA, LakeTable
from mlops_runtime.data.stored_file import unreadable

__all__ = ["find_table"]


def find_table(paths: str | Path | Sequence[str | Path], filesystem: Any, version: int | None) -> LakeTable | None:
    """Return the table that a path or URL names; None when it names files. version: of the table; None is the latest.

    Raises ConfigError for a version of what is no table, and as `read_delta` and `read_iceberg`.
    """
    named = [paths] if isinstance(paths, str | Path) else paths
    given = str(named[0]) if len(named) == 1 else None
    table = None if given is None else _find(given, filesystem, version)
    if table is None and version is not None:
        raise ConfigError(
            problem(
                expected="one Delta or Iceberg table, of which to read a version",
                got="data files" if given else "several paths",
                where=given or "data set",
                next_step="leave out the version, or name the table's folder or metadata file",
            )
        )
    return table


def _find(given: str, filesystem: Any, version: int | None) -> LakeTable | None:
    if given.endswith(ICEBERG_METADATA):
        return read_iceberg(given, filesystem, version)
    system, path = find_file_system(given, filesystem)
    try:
        _, log = system.get_file_info([path, posixpath.join(path, DELTA_LOG)])
    except OSError as error:
        raise unreadable(given, error) from error
    if log.type != pafs.FileType.Directory:
        return None
    return read_delta(system, path, given.rstrip("/"), version)
