"""From what a user names to files: paths, globs, folders and URLs, in the order that gives rows their ordinals."""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pyarrow.fs as pafs

from mlops_runtime.core.errors import ConfigError, EmptyInputError, problem
from mlops_runtime.data.file_system import find_file_system
from mlops_runtime.data.lake_table import refuse_parts_of_tables, refuse_tables
from mlops_runtime.data.partition import partition_of
from mlops_runtime.data.stored_file import StoredFile, Written, unreadable, written

__all__ = ["DataPath", "Partitioning", "locate", "short_name"]

DataPath = str | Path
Partitioning = Literal["hive"] | None

_WILDCARD = re.compile(r"[*?\[]")
_TRANSLATED = {"**/": r"(?:[^/]+/)*", "**": r".*", "*": r"[^/]*", "?": r"[^/]"}
_TOKEN = re.compile(r"\*\*/|\*\*|\*|\?|\[[^]/]+\]|[^*?\[]+|\[")


def short_name(path: DataPath) -> str:
    """Return the last part of a path, glob or URL, to name a data set by.

    >>> short_name("s3://lake/claims/*.parquet")
    '*.parquet'
    """
    return posixpath.basename(str(path).rstrip("/"))


@dataclass(frozen=True, slots=True)
class _Found:
    """What one path names: files by their path. base: where relative paths begin. named: how the user chose them."""

    filesystem: pafs.FileSystem
    given: str
    base: str
    files: Mapping[str, Written]
    named: Literal["by path", "by glob"] | None


def locate(
    paths: DataPath | Sequence[DataPath],
    *,
    filesystem: Any = None,
    partitioning: Partitioning = "hive",
) -> tuple[StoredFile, ...]:
    """Return the files that `paths` name, each once, ordered by the bytes of their relative path.

    A path or URL names a file, a folder (all files below it, but those whose name, or whose folder's, begins with a dot
    or an underscore) or, with `*`, `?` and `[…]` inside a part and `**` across parts, all files that fit. Relative
    paths begin at the folder, at the last part before the first wildcard, or at what several paths have in common.
    filesystem: see `find_file_system`. Raises ConfigError for what does not exist or cannot be listed,
    EmptyInputError for a folder without files.
    """
    named = [paths] if isinstance(paths, str | Path) else list(paths)
    found = [_find(str(path), filesystem) for path in named]
    if len({one.filesystem.type_name for one in found}) != 1:
        raise _refusal("paths in one file system", f"{len(found)} paths", ", ".join(map(str, named)) or "data")
    base = posixpath.commonpath([one.base for one in found]) if len(found) > 1 else found[0].base
    files = {}
    for one in found:
        for path, as_written in one.files.items():
            name = posixpath.relpath(path, base) if base else path
            where = one.given if one.named == "by path" else _where(one, path)
            partition = partition_of(name) if partitioning else {}
            files[name] = StoredFile(one.filesystem, path, name, where, as_written, partition, one.named is not None)
    return tuple(files[name] for name in sorted(files, key=os.fsencode))


def _find(given: str, filesystem: Any) -> _Found:
    system, path = find_file_system(given, filesystem)
    try:
        info = system.get_file_info(path)
        if info.type == pafs.FileType.Directory:
            refuse_parts_of_tables(system, path, given)
            return _Found(system, given, path, _below(system, path, given), named=None)
        if info.type == pafs.FileType.NotFound and _WILDCARD.search(path):
            return _matching(system, path, given)
        if info.type == pafs.FileType.NotFound:
            raise _refusal("an existing path", _missing(system, path), given)
    except OSError as error:
        raise unreadable(given, error) from error
    return _Found(system, given, posixpath.dirname(path), {path: written(system, info)}, named="by path")


def _below(system: pafs.FileSystem, folder: str, given: str) -> Mapping[str, Written]:
    every = _walk(system, folder)
    files = {path: every[path] for path in every if not _is_hidden(posixpath.relpath(path, folder))}
    refuse_tables(every, files, given)
    if not files:
        raise EmptyInputError(
            problem(expected="data files", got="none", where=given, next_step="check that the export finished")
        )
    return files


def _matching(system: pafs.FileSystem, pattern: str, given: str) -> _Found:
    parts = pattern.split("/")
    fixed = next(index for index, part in enumerate(parts) if _WILDCARD.search(part))
    base = "/".join(parts[:fixed]) or "/"
    refuse_parts_of_tables(system, base, given)
    regex = re.compile("".join(map(_translate, _TOKEN.findall("/".join(parts[fixed:])))) + r"\Z")
    hidden_too = parts[-1][:1] in (".", "_")

    def fits(path: str) -> bool:
        name = posixpath.relpath(path, base)
        return regex.match(name) is not None and (hidden_too or not _is_hidden(name))

    every = _walk(system, base)
    files = {path: every[path] for path in filter(fits, every)}
    refuse_tables(every, files, given)
    if not files:
        raise _refusal("files that fit the pattern", "none" if every else _missing(system, base), given)
    return _Found(system, given, base, files, named="by glob")


def _missing(system: pafs.FileSystem, path: str) -> str:
    """Say which part of a path is the first that is not there: of a URL, often the bucket."""
    parts = path.split("/")
    for length in range(1, len(parts) + 1):
        above = "/".join(parts[:length])
        if above and system.get_file_info(above).type == pafs.FileType.NotFound:
            return f"no such file or directory: {above}"
    return "none"


def _walk(system: pafs.FileSystem, folder: str) -> dict[str, Written]:
    infos = system.get_file_info(pafs.FileSelector(folder, recursive=True, allow_not_found=True))
    rooted = folder.startswith("/")
    files = (info for info in infos if info.type == pafs.FileType.File)
    return {info.path if rooted else info.path.lstrip("/"): written(system, info) for info in files}


def _is_hidden(name: str) -> bool:
    """Whether a part begins with a dot, or with an underscore and is no partition: `_SUCCESS`, `_metadata`, `.crc`."""
    return any(part[0] == "." or (part[0] == "_" and "=" not in part) for part in name.split("/"))


def _translate(token: str) -> str:
    if token in _TRANSLATED:
        return _TRANSLATED[token]
    if token[0] == "[" and len(token) > 1:
        return f"[^{re.escape(token[2:-1])}]" if token[1] == "!" else f"[{token[1:-1]}]".replace("\\", "\\\\")
    return re.escape(token)


def _where(found: _Found, path: str) -> str:
    """Return a path for messages: as it would have to be given."""
    if isinstance(found.filesystem, pafs.LocalFileSystem):
        return path
    return f"{found.given.split('://', 1)[0]}://{path}" if "://" in found.given else path


def _refusal(expected: str, got: str, where: str) -> ConfigError:
    return ConfigError(
        problem(expected=expected, got=got, where=where, next_step="pass a file, a folder, a glob or a list of them")
    )
