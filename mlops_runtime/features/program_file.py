"""The file form of a feature program: canonical JSON beside Arrow tables, believed only after every check."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mlops_runtime.core.digest import canonical_json, from_hex_float, hex_float
from mlops_runtime.core.errors import IntegrityError, SchemaError, problem
from mlops_runtime.data import Schema
from mlops_runtime.features.program import DenseOutput, FeatureProgram, SparseOutput
from mlops_runtime.features.vocabulary import FittedVocabulary

__all__ = ["read_program", "table_name", "write_document"]

_FORMAT_VERSION = 1
_DOCUMENT = "program.json"


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class _Dense(_Strict):
    name: str
    column: str
    kind: Literal["value", "indicator"]
    fill: str
    center: str
    scale: str
    missing: int = Field(ge=0)


class _Sparse(_Strict):
    name: str
    column: str
    dtype: Literal["utf8", "int64"]
    keys: int = Field(ge=0)
    kept: int = Field(ge=0)
    digest: str = Field(pattern=r"^[0-9a-f]{64}$")
    missing: int = Field(ge=0)


class _Document(_Strict):
    format_version: int
    rows: int = Field(ge=0)
    schema_: dict[str, Any] = Field(alias="schema")
    dense: list[_Dense]
    sparse: list[_Sparse]


def table_name(position: int) -> str:
    """Return the file of the sparse column at `position`; column names never become paths."""
    return f"tables/{position:03d}.arrow"


def write_document(program: FeatureProgram) -> bytes:
    """Return a program's `program.json`."""
    dense = [
        {
            "name": output.name,
            "column": output.column,
            "kind": output.kind,
            "fill": hex_float(output.fill),
            "center": hex_float(output.center),
            "scale": hex_float(output.scale),
            "missing": output.missing,
        }
        for output in program.dense
    ]
    sparse = [
        {
            "name": output.name,
            "column": output.column,
            "dtype": output.vocabulary.dtype,
            "keys": len(output.vocabulary.keys),
            "kept": output.vocabulary.kept,
            "digest": output.vocabulary.digest,
            "missing": output.missing,
        }
        for output in program.sparse
    ]
    return canonical_json(
        {
            "format_version": _FORMAT_VERSION,
            "rows": program.rows,
            "schema": program.schema.to_dict(),
            "dense": dense,
            "sparse": sparse,
        }
    )


def read_program(files: Mapping[str, bytes]) -> FeatureProgram:
    """Read a program from its files. Raises IntegrityError naming the file and what is wrong with it."""
    document = _parse(files)
    expected = {_DOCUMENT, *(table_name(position) for position in range(len(document.sparse)))}
    if set(files) != expected:
        raise _refusal("program", f"files {sorted(expected)}", str(sorted(files)))
    program = FeatureProgram(
        schema=_schema(document),
        dense=tuple(_dense(entry) for entry in document.dense),
        sparse=tuple(
            _sparse(entry, files[table_name(position)], table_name(position))
            for position, entry in enumerate(document.sparse)
        ),
        rows=document.rows,
    )
    _check_names(program)
    if program.document != files[_DOCUMENT]:
        raise _refusal(_DOCUMENT, "canonical JSON (RFC 8785) with C99 hex floats", "another spelling of it")
    return program


def _parse(files: Mapping[str, bytes]) -> _Document:
    if _DOCUMENT not in files:
        raise _refusal("program", f"a file {_DOCUMENT}", f"files {sorted(files)}")
    try:
        document = _Document.model_validate_json(files[_DOCUMENT])
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "document"
        raise _refusal(_DOCUMENT, "a feature program", f"{where}: {first['msg']}") from error
    if document.format_version != _FORMAT_VERSION:
        raise _refusal(_DOCUMENT, f"format_version {_FORMAT_VERSION}", str(document.format_version))
    return document


def _schema(document: _Document) -> Schema:
    try:
        return Schema.from_dict(document.schema_)
    except SchemaError as error:
        raise _refusal(_DOCUMENT, "a schema", str(error)) from error


def _dense(entry: _Dense) -> DenseOutput:
    try:
        fill, center, scale = (from_hex_float(text) for text in (entry.fill, entry.center, entry.scale))
    except (ValueError, OverflowError) as error:
        raise _refusal(f"{_DOCUMENT}, dense output `{entry.name}`", "C99 hex floats", str(error)) from error
    if not all(map(math.isfinite, (fill, center, scale))):
        raise _refusal(f"{_DOCUMENT}, dense output `{entry.name}`", "finite numbers", "NaN or infinity")
    return DenseOutput(entry.name, entry.column, entry.kind, fill, center, scale, entry.missing)


def _sparse(entry: _Sparse, data: bytes, where: str) -> SparseOutput:
    vocabulary = FittedVocabulary.from_arrow(data, dtype=entry.dtype, kept=entry.kept, where=where)
    if vocabulary.digest != entry.digest or len(vocabulary.keys) != entry.keys:
        raise _refusal(where, f"digest {entry.digest[:16]}…", f"{vocabulary.digest[:16]}…")
    return SparseOutput(entry.name, entry.column, vocabulary, entry.missing)


def _check_names(program: FeatureProgram) -> None:
    for names in (program.dense_names, program.sparse_names):
        _require_distinct(names)
    kinds = {column.name: column.kind for column in program.schema.columns}
    for dense in program.dense:
        if kinds.get(dense.column, "string") == "string":
            raise _refusal(_DOCUMENT, f"dense output `{dense.name}` to read numbers", f"column `{dense.column}`")
    for sparse in program.sparse:
        wanted = "string" if sparse.vocabulary.dtype == "utf8" else "number or integer"
        if kinds.get(sparse.column, "none") not in wanted:
            raise _refusal(_DOCUMENT, f"column `{sparse.column}` of kind {wanted}", f"{kinds.get(sparse.column)}")


def _require_distinct(names: Iterable[str]) -> None:
    listed = list(names)
    if len(set(listed)) != len(listed):
        raise _refusal(_DOCUMENT, "distinct output names", str(listed))


def _refusal(where: str, expected: str, got: str) -> IntegrityError:
    return IntegrityError(
        problem(expected=expected, got=got[:300], where=where, next_step="the program is damaged: fit it again")
    )
