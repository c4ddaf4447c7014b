"""`manifest.json`: what a bundle is, what it takes and gives, and the SHA-256 of every file in it.

RFC 8785 bytes; the bundle's digest is their SHA-256. Reading is strict: the bytes must be exactly what writing the
parsed value gives, so no bit, no duplicate key and no extra field passes unnoticed.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import Any, Literal

import pydantic_core
from pydantic import TypeAdapter, ValidationError

from mlops_runtime.core.digest import canonical_json
from mlops_runtime.core.errors import DataError, IntegrityError, problem
from mlops_runtime.data.schema import ColumnKind

__all__ = [
    "FORMAT_VERSION",
    "DatasetRef",
    "FileEntry",
    "Input",
    "Manifest",
    "Output",
    "RequestType",
    "Task",
    "check_file_name",
    "check_name",
]

FORMAT_VERSION = 1

Task = Literal["binary", "multiclass", "regression"]
RequestType = Literal["FP64", "INT64", "BYTES"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}\Z")
_SHA256 = re.compile(r"[0-9a-f]{64}\Z")
_NAME_PART_BYTES = 200
_MAX_DEPTH = 8


@dataclass(frozen=True, slots=True)
class Input:
    """One request tensor, shape [N]: a raw source column. Missing values are allowed where `nullable`."""

    name: str
    datatype: RequestType
    kind: ColumnKind
    nullable: bool


@dataclass(frozen=True, slots=True)
class Output:
    """One response tensor; `shape` is `["N"]`, or `["N", "K"]` with K the number of classes."""

    name: str
    datatype: Literal["FP64", "FP32", "BYTES"]
    shape: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DatasetRef:
    """A data set the model learned from, by its manifest's digest."""

    name: str
    digest: str


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One file of the bundle, by its path inside it. size in bytes."""

    path: str
    kind: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """The whole of `manifest.json`. threshold: C99 hex float, only for binary tasks."""

    name: str
    task: Task
    model_kind: str
    target: str
    classes: tuple[str, ...]
    threshold: str | None
    schema: dict[str, Any]
    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]
    program: str
    datasets: tuple[DatasetRef, ...]
    files: tuple[FileEntry, ...]
    format_version: int = FORMAT_VERSION

    def to_dict(self) -> dict[str, Any]:
        """Return the manifest as plain JSON values."""
        return asdict(self)

    def to_bytes(self) -> bytes:
        """Return the manifest as RFC 8785 JSON."""
        return canonical_json(self.to_dict())

    def entry(self, path: str) -> FileEntry:
        """Return one file's entry. Raises DataError, listing what there is, when the bundle has no such file."""
        for entry in self.files:
            if entry.path == path:
                return entry
        known = ", ".join(entry.path for entry in self.files)
        raise DataError(f"bundle `{self.name}`: expected one of {known}, got {path!r} — read a file the manifest lists")

    @classmethod
    def from_bytes(cls, data: bytes, *, where: str) -> Manifest:
        """Read what `to_bytes` wrote. Raises IntegrityError when anything differs from it by a bit."""
        version = _read_version(data, where)
        if version != FORMAT_VERSION:
            upgrade = "upgrade mlops_runtime to read it"
            raise _refused(where, f"format_version {FORMAT_VERSION}", f"{version!r:.40}", upgrade)
        try:
            manifest = TypeAdapter(cls).validate_json(data, strict=True)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(str(part) for part in first["loc"])
            raise _refused(where, "a bundle manifest", f"`{place}`: {first['msg']}") from error
        if manifest.to_bytes() != data:
            raise _refused(where, "canonical JSON (RFC 8785)", "other bytes for the same value")
        manifest._check(where)
        return manifest

    def _check(self, where: str) -> None:
        try:
            check_name(self.name)
            for entry in self.files:
                check_file_name(entry.path)
        except DataError as error:
            raise _refused(where, "safe names", str(error)) from error
        paths = [entry.path for entry in self.files]
        if paths != sorted(set(paths)):
            raise _refused(where, "unique file paths in order", "a double or another order")
        if any(not _SHA256.match(entry.sha256) or entry.size < 0 for entry in self.files):
            raise _refused(where, "a SHA-256 and a size for every file", "something else")


def _refused(where: str, expected: str, got: str, next_step: str = "restore it from its source") -> IntegrityError:
    return IntegrityError(problem(expected=expected, got=got, where=where, next_step=next_step))


def _read_version(data: bytes, where: str) -> object:
    try:
        value = pydantic_core.from_json(data)
    except ValueError as error:
        raise _refused(where, "JSON", str(error)) from error
    version = value.get("format_version") if isinstance(value, dict) else None
    return version if type(version) is int else repr(version)


def check_name(name: str) -> str:
    """Return a model's name if it is usable. Raises DataError otherwise.

    >>> check_name("claims-v2")
    'claims-v2'
    """
    if not _NAME.match(name):
        raise DataError(
            f"model name: expected 1 to 128 letters, digits, `.`, `_` or `-`, starting with a letter or digit, "
            f"got {name[:140]!r} — choose another name"
        )
    return name


def check_file_name(path: str) -> str:
    """Return a bundle-relative path if it cannot lead outside the bundle. Raises DataError otherwise.

    >>> check_file_name("program/tables/city.arrow")
    'program/tables/city.arrow'
    """
    parts = path.split("/")
    safe = len(parts) <= _MAX_DEPTH and "\\" not in path and path.isprintable()
    if not safe or any(not part or part.startswith(".") or len(part.encode()) > _NAME_PART_BYTES for part in parts):
        raise DataError(f"bundle file name: expected a plain relative path, got {path[:200]!r} — rename it")
    return path
