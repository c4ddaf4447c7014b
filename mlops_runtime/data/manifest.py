"""What a data set is made of: its files' hashes and row counts, and the identity computed from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from mlops_runtime.core.digest import canonical_json, sha256_bytes

__all__ = ["DataFile", "Manifest", "TableVersion"]


@dataclass(frozen=True, slots=True)
class TableVersion:
    """A version of a Delta table, or a snapshot of an Iceberg table. id: the table's own, wherever it lies."""

    format: Literal["delta", "iceberg"]
    id: str
    version: str

    def to_dict(self) -> dict[str, str]:
        """Return it as plain JSON values."""
        return {"format": self.format, "id": self.id, "version": self.version}


@dataclass(frozen=True, slots=True)
class DataFile:
    """One file: its content's hash, its rows, and the partition values its place in the data set stands for.

    A partition value of None is a missing one.
    """

    name: str
    sha256: str
    rows: int
    partition: Mapping[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Manifest:
    """The files of a data set, ordered by the bytes of their relative path; row ordinals follow that order.

    The digest is the SHA-256 of the RFC 8785 list of {sha256, rows, partition}: names and times are left out, so a
    moved or copied data set keeps its identity; so is the table the files were found by, if it was one.

    >>> here, there = (Manifest((DataFile(name, "ab" * 32, 10),)) for name in ("a.csv", "b.csv"))
    >>> here.digest == there.digest
    True
    """

    files: tuple[DataFile, ...]
    table: TableVersion | None = None

    @property
    def rows(self) -> int:
        """Rows of all files."""
        return sum(file.rows for file in self.files)

    @property
    def digest(self) -> str:
        """The identity of the data set, in lower-case hex."""
        entries = [{"sha256": file.sha256, "rows": file.rows, "partition": dict(file.partition)} for file in self.files]
        return sha256_bytes(canonical_json(entries))

    def to_dict(self) -> dict[str, Any]:
        """Return the manifest as plain JSON values."""
        files = [
            {"name": file.name, "sha256": file.sha256, "rows": file.rows, "partition": dict(file.partition)}
            for file in self.files
        ]
        table = {} if self.table is None else {"table": self.table.to_dict()}
        return {"digest": self.digest, "rows": self.rows, "files": files} | table
