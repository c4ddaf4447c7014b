"""From a feature program to its files: canonical JSON that names the digest of every side table."""

from __future__ import annotations

from typing import Any

from mlops_runtime.core.digest import canonical_json, hex_float
from mlops_runtime.features.encoders import Bag, Encoder, HashIds, VocabularyIds
from mlops_runtime.features.expression import Arithmetic, ColumnValue, Expression, Source, Step
from mlops_runtime.features.outputs import DenseCounts, DenseOutput
from mlops_runtime.features.program import FeatureProgram
from mlops_runtime.features.program_file.document import DOCUMENT, FORMAT_VERSION
from mlops_runtime.features.program_file.tables import TableWriter
from mlops_runtime.features.vocabulary import FittedVocabulary

__all__ = ["write_document", "write_files"]

_MAX_INLINE = 8


def write_document(program: FeatureProgram) -> bytes:
    """Return a program's `program.json`."""
    return _document(program, TableWriter())


def write_files(program: FeatureProgram) -> dict[str, bytes]:
    """Return a program's `program.json` and its side tables."""
    tables = TableWriter()
    return {DOCUMENT: _document(program, tables), **tables.files()}


def _document(program: FeatureProgram, tables: TableWriter) -> bytes:
    outputs = {
        "dense": [_dense(output, tables) for output in program.dense],
        "sparse": [
            {"name": output.name, "encoder": _encoder(output.encoder, tables), "missing": output.missing}
            for output in program.sparse
        ],
        "bags": [{"name": output.name, "bag": _bag(output.bag, tables)} for output in program.bags],
    }
    return canonical_json(
        {
            "format_version": FORMAT_VERSION,
            "rows": program.rows,
            "schema": program.schema.to_dict(),
            "tables": tables.entries(),
            **outputs,
        }
    )


def _dense(output: DenseOutput | DenseCounts, tables: TableWriter) -> dict[str, Any]:
    if isinstance(output, DenseOutput):
        expression = _expression(output.expression, tables)
        return {"kind": "expression", "name": output.name, "expression": expression, "missing": output.missing}
    return {
        "kind": "counts",
        "name": output.name,
        "names": list(output.names),
        "bag": _bag(output.bag, tables),
        "first_id": output.first_id,
        "binary": output.binary,
    }


def _encoder(encoder: Encoder, tables: TableWriter) -> dict[str, Any]:
    if isinstance(encoder, VocabularyIds):
        return {"kind": "vocabulary", "column": encoder.column, "table": tables.vocabulary(encoder.vocabulary)}
    if isinstance(encoder, HashIds):
        columns = list(encoder.columns)
        return {"kind": "hash", "columns": columns, "buckets": encoder.buckets, "seed": encoder.seed}
    return {"kind": "expression", "expression": _expression(encoder.expression, tables), "size": encoder.size}


def _bag(bag: Bag, tables: TableWriter) -> dict[str, Any]:
    encoder: dict[str, Any]
    if isinstance(bag.encoder, FittedVocabulary):
        encoder = {"kind": "vocabulary", "table": tables.vocabulary(bag.encoder)}
    else:
        encoder = {"kind": "hash", "buckets": bag.encoder.buckets, "seed": bag.encoder.seed}
    return {
        "column": bag.column,
        "tokens": bag.tokens,
        "shortest": bag.shortest,
        "longest": bag.longest,
        "lower": bag.lower,
        "encoder": encoder,
    }


def _expression(expression: Expression, tables: TableWriter) -> dict[str, Any]:
    source = _source(expression.source, tables)
    return {"source": source, "steps": [_step(step, tables) for step in expression.steps]}


def _source(source: Source, tables: TableWriter) -> dict[str, Any]:
    if isinstance(source, ColumnValue):
        return {"kind": "column", "column": source.column}
    if isinstance(source, Arithmetic):
        return {"kind": "arithmetic", "operation": source.operation, "left": source.left, "right": source.right}
    return {"kind": "id", "column": source.column, "table": tables.vocabulary(source.vocabulary)}


def _step(step: Step, tables: TableWriter) -> dict[str, Any]:
    if step.parameters.size > _MAX_INLINE:
        return {"name": step.name, "parameters": tables.parameters(step.parameters)}
    return {"name": step.name, "parameters": [hex_float(value) for value in step.parameters]}
