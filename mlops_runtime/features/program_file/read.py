"""From files to a feature program, believed only after every check."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from mlops_runtime.core.digest import from_hex_float
from mlops_runtime.core.errors import ConfigError, DataError, IntegrityError, problem
from mlops_runtime.data import Schema
from mlops_runtime.features.encoders import Bag, Encoder, ExpressionIds, HashBuckets, HashIds, VocabularyIds
from mlops_runtime.features.expression import Arithmetic, ColumnValue, Expression, Source, Step, VocabularyId
from mlops_runtime.features.outputs import BagOutput, DenseCounts, DenseOutput, SparseOutput
from mlops_runtime.features.program import FeatureProgram
from mlops_runtime.features.program_file import document as file
from mlops_runtime.features.program_file.document import DOCUMENT, FORMAT_VERSION
from mlops_runtime.features.program_file.tables import TableReader, table_name
from mlops_runtime.features.vocabulary import FittedVocabulary

__all__ = ["read_program"]

_Model = TypeVar("_Model", bound=BaseModel)

_FIT_AGAIN = "the program is damaged: fit it again"


def read_program(files: Mapping[str, bytes]) -> FeatureProgram:
    """Read a program from its files. Raises IntegrityError naming the file and what is wrong with it."""
    document = _document(files)
    expected = {DOCUMENT, *map(table_name, range(len(document.tables)))}
    if set(files) != expected:
        raise _refusal("program", f"files {sorted(expected)}", str(sorted(files)))
    tables = TableReader(document.tables, files)
    try:
        program = _program(document, tables)
    except (ConfigError, DataError, ValueError, OverflowError) as error:
        raise _refusal(DOCUMENT, "a program that can be run", str(error)) from error
    tables.check_all_used()
    if program.document != files[DOCUMENT]:
        raise _refusal(DOCUMENT, "canonical JSON (RFC 8785) with C99 hex floats", "another spelling of it")
    return program


def _document(files: Mapping[str, bytes]) -> file.Document:
    if DOCUMENT not in files:
        raise _refusal("program", f"a file {DOCUMENT}", f"files {sorted(files)}")
    version = _parse(file.Version, files[DOCUMENT]).format_version
    if version != FORMAT_VERSION:
        made_by = "an older release: fit the program again" if version < FORMAT_VERSION else "a newer release: update"
        raise _refusal(DOCUMENT, f"format_version {FORMAT_VERSION}", str(version), next_step=f"it is of {made_by}")
    return _parse(file.Document, files[DOCUMENT])


def _parse(model: type[_Model], data: bytes) -> _Model:
    try:
        return model.model_validate_json(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "document"
        raise _refusal(DOCUMENT, "a feature program", f"{where}: {first['msg']}") from error


def _program(document: file.Document, tables: TableReader) -> FeatureProgram:
    return FeatureProgram(
        schema=Schema.from_dict(document.schema_),
        dense=tuple(_dense(entry, tables) for entry in document.dense),
        sparse=tuple(SparseOutput(e.name, _encoder(e.encoder, tables), e.missing) for e in document.sparse),
        bags=tuple(BagOutput(entry.name, _bag(entry.bag, tables)) for entry in document.bags),
        rows=document.rows,
    )


def _dense(entry: file.DenseEntry | file.CountsEntry, tables: TableReader) -> DenseOutput | DenseCounts:
    if isinstance(entry, file.DenseEntry):
        return DenseOutput(entry.name, _expression(entry.expression, tables), entry.missing)
    return DenseCounts(entry.name, tuple(entry.names), _bag(entry.bag, tables), entry.first_id, entry.binary)


def _encoder(
    entry: file.VocabularyIdsEntry | file.HashIdsEntry | file.ExpressionIdsEntry, tables: TableReader
) -> Encoder:
    if isinstance(entry, file.VocabularyIdsEntry):
        return VocabularyIds(entry.column, tables.vocabulary(entry.table))
    if isinstance(entry, file.HashIdsEntry):
        return HashIds(tuple(entry.columns), entry.buckets, entry.seed)
    return ExpressionIds(_expression(entry.expression, tables), entry.size)


def _bag(entry: file.BagEntry, tables: TableReader) -> Bag:
    encoder: FittedVocabulary | HashBuckets
    if isinstance(entry.encoder, file.TokenVocabularyEntry):
        encoder = tables.vocabulary(entry.encoder.table)
    else:
        encoder = HashBuckets(entry.encoder.buckets, entry.encoder.seed)
    return Bag(entry.column, entry.tokens, entry.shortest, entry.longest, entry.lower, encoder)


def _expression(entry: file.ExpressionEntry, tables: TableReader) -> Expression:
    return Expression(_source(entry.source, tables), tuple(_step(step, tables) for step in entry.steps))


def _source(entry: file.ColumnEntry | file.ArithmeticEntry | file.IdEntry, tables: TableReader) -> Source:
    if isinstance(entry, file.ColumnEntry):
        return ColumnValue(entry.column)
    if isinstance(entry, file.ArithmeticEntry):
        return Arithmetic(entry.operation, entry.left, entry.right)
    return VocabularyId(entry.column, tables.vocabulary(entry.table))


def _step(entry: file.StepEntry, tables: TableReader) -> Step:
    if isinstance(entry.parameters, int):
        return Step(entry.name, tables.parameters(entry.parameters))
    return Step(entry.name, [_float(text) for text in entry.parameters])


def _float(text: str) -> float:
    try:
        return from_hex_float(text)
    except (ValueError, OverflowError) as error:
        raise _refusal(DOCUMENT, "C99 hex floats", f"{text[:40]!r} ({error})") from error


def _refusal(where: str, expected: str, got: str, next_step: str = _FIT_AGAIN) -> IntegrityError:
    return IntegrityError(problem(expected=expected, got=got[:300], where=where, next_step=next_step))
