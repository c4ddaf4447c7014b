"""From the program model to the objects of the native module that execute it."""

from __future__ import annotations

from collections.abc import Iterable

from mlops_runtime import _native
from mlops_runtime.features.columns import InputColumns
from mlops_runtime.features.encoders import Encoder, HashIds, VocabularyIds
from mlops_runtime.features.expression import Arithmetic, ColumnValue, Expression, VocabularyId
from mlops_runtime.features.outputs import DenseCounts, DenseOutput, SparseOutput

__all__ = ["dense_plan", "sparse_plan"]


def dense_plan(outputs: Iterable[DenseOutput | DenseCounts], columns: InputColumns) -> _native.DensePlan:
    """Return the plan of a dense matrix, for tables laid out as `columns` says."""
    return _native.DensePlan([_expression(_one(output), columns) for output in outputs])


def _one(output: DenseOutput | DenseCounts) -> Expression:
    assert isinstance(output, DenseOutput)
    return output.expression


def _expression(expression: Expression, columns: InputColumns) -> _native.Expression:
    source = expression.source
    operation = (
        source.operation if isinstance(source, Arithmetic) else "column" if isinstance(source, ColumnValue) else "id"
    )
    return _native.Expression(
        [columns.position(reading) for reading in expression.reads],
        operation,
        [(step.name, step.parameters) for step in expression.steps],
        source.vocabulary.native if isinstance(source, VocabularyId) else None,
    )


def sparse_plan(outputs: Iterable[SparseOutput], columns: InputColumns) -> _native.SparsePlan:
    """Return the plan of a sparse matrix, for tables laid out as `columns` says."""
    return _native.SparsePlan([_encoder(output.encoder, columns) for output in outputs])


def _encoder(encoder: Encoder, columns: InputColumns) -> _native.VocabularyIds | _native.HashIds:
    positions = [columns.position(reading) for reading in encoder.reads]
    if isinstance(encoder, HashIds):
        return _native.HashIds(positions, encoder.buckets, encoder.seed)
    assert isinstance(encoder, VocabularyIds)
    return _native.VocabularyIds(positions[0], encoder.vocabulary.native)
