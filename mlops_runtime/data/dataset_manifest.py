"""A version of a data set: its files, its schema, and a sketch of every column, in one file that checks itself."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from mlops_runtime.core.digest import canonical_json, sha256_bytes
from mlops_runtime.core.durable import durable_write
from mlops_runtime.core.errors import ConfigError, DataError, IntegrityError, problem
from mlops_runtime.data.batch import Batch
from mlops_runtime.data.manifest import DataFile, Manifest, TableVersion
from mlops_runtime.data.schema import Schema
from mlops_runtime.data.sketch import ColumnSketch, TableSketch
from mlops_runtime.data.sketch.model import StrictModel
from mlops_runtime.data.source import Source

__all__ = ["DatasetManifest"]

_Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _File(StrictModel):
    name: str
    sha256: _Sha256
    rows: Annotated[int, Field(ge=0)]
    partition: dict[str, str | None]


class _Table(StrictModel):
    format: Literal["delta", "iceberg"]
    id: str
    version: str


class _Document(StrictModel):
    format_version: Literal[1]
    digest: _Sha256
    dataset: _Sha256
    files: tuple[_File, ...]
    table: _Table | None = None
    table_schema: dict[str, Any]
    columns: tuple[ColumnSketch, ...]


@dataclass(frozen=True, slots=True)
class DatasetManifest:
    """What a data set is and holds.

    Two digests name it. `manifest.digest`, the identity, covers the files' content, rows and partitions: what a run
    read. `digest`, the version, covers the identity, the schema and the sketches: what was seen in it, read that way.
    So one identity has a version for every schema it is read by, and two data sets of one version have one identity.
    Neither covers names or times: a moved data set keeps both. It holds values of the data (extremes, frequent keys):
    guard it as you guard the data.
    """

    manifest: Manifest
    schema: Schema
    columns: tuple[ColumnSketch, ...]

    @property
    def rows(self) -> int:
        """How many rows the sketches are of."""
        return self.columns[0].rows if self.columns else 0

    @property
    def digest(self) -> str:
        """The version of the data set: SHA-256, in lower-case hex."""
        return sha256_bytes(canonical_json(self._content()))

    @classmethod
    def of(cls, source: Source, batches: Iterable[Batch] | None = None) -> DatasetManifest:
        """Describe a data set, in one pass over its rows and one over its bytes; memory as `TableSketch` says.

        batches: those of the source, when somebody watches them go by.
        """
        sketch = TableSketch(source.schema)
        for batch in source.batches() if batches is None else batches:
            sketch.update(batch)
        return cls(source.manifest(), source.schema, sketch.freeze())

    def _content(self) -> dict[str, Any]:
        return {
            "format_version": 1,
            "dataset": self.manifest.digest,
            "table_schema": self.schema.to_dict(),
            "columns": [column.model_dump(mode="json") for column in self.columns],
        }

    def to_bytes(self) -> bytes:
        """Return the manifest as RFC 8785 JSON: floats as C99 hex, both digests and the files' names included."""
        found_by = {key: value for key, value in self.manifest.to_dict().items() if key in ("files", "table")}
        return canonical_json(self._content() | found_by | {"digest": self.digest})

    def save(self, path: Path) -> None:
        """Write `to_bytes`, durably."""
        durable_write(path, self.to_bytes())

    @classmethod
    def from_bytes(cls, data: bytes, *, where: str) -> DatasetManifest:
        """Read what `to_bytes` wrote.

        Raises DataError, saying `where`, for anything else, IntegrityError when a digest is not of its content.
        """
        try:
            document = _Document.model_validate_json(data)
        except ValidationError as error:
            first = error.errors()[0]
            got = f"{'.'.join(map(str, first['loc'])) or 'the document'}: {first['msg']}"
            raise _malformed(got, where) from error
        files = (DataFile(file.name, file.sha256, file.rows, file.partition) for file in document.files)
        table = None if document.table is None else TableVersion(**document.table.model_dump())
        manifest = cls(Manifest(tuple(files), table), Schema.from_dict(document.table_schema), document.columns)
        for name, recorded, actual in (
            ("dataset", document.dataset, manifest.manifest.digest),
            ("digest", document.digest, manifest.digest),
        ):
            if recorded != actual:
                expected, got = f"{name} {recorded}", f"content with {actual}"
                advice = "the manifest was changed: write it again with mlrt data manifest"
                raise IntegrityError(problem(expected=expected, got=got, where=where, next_step=advice))
        manifest._check(where)
        return manifest

    def _check(self, where: str) -> None:
        """Refuse what no data set can be, however consistent its digests."""
        declared = [(column.name, column.kind) for column in self.schema.columns]
        if [(column.name, column.kind) for column in self.columns] != declared:
            raise _malformed("sketches of other columns than the schema's", where)
        if any(column.rows != self.rows for column in self.columns) or self.rows > self.manifest.rows:
            raise _malformed("sketches of different numbers of rows, or of more than the files have", where)

    @classmethod
    def load(cls, path: Path) -> DatasetManifest:
        """Read a manifest file. Raises ConfigError when it cannot be read, else as `from_bytes`."""
        try:
            data = path.read_bytes()
        except OSError as error:
            raise ConfigError(
                problem(expected="a manifest file", got=str(error), where=str(path), next_step="check the path")
            ) from error
        return cls.from_bytes(data, where=str(path))


def _malformed(got: str, where: str) -> DataError:
    return DataError(
        problem(
            expected="a data-set manifest (format_version 1)",
            got=got,
            where=where,
            next_step="write it with mlrt data manifest",
        )
    )
