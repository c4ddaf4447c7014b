"""From the program model to the objects of the native module that execute it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import pyarrow as pa

from mlops_runtime import _native
from mlops_runtime.features.columns import InputColumns
from mlops_runtime.features.encoders import Bag, Encoder, HashBuckets, HashIds, VocabularyIds
from mlops_runtime.features.expression import Arithmetic, Expression, VocabularyId
from mlops_runtime.features.outputs import BagOutput, DenseCounts, DenseOutput, Matrices, RaggedIds, SparseOutput

__all__ = ["NativeExecutor", "native_expression"]


class NativeExecutor:
    """The outputs of a program as plans of the native module, for tables laid out as `columns` says. Thread-safe."""

    def __init__(
        self,
        columns: InputColumns,
        dense: Sequence[DenseOutput | DenseCounts],
        sparse: Sequence[SparseOutput],
        bags: Sequence[BagOutput],
    ) -> None:
        self._columns = columns
        self._dense = _native.DensePlan([_dense(output, columns) for output in dense if output.names])
        self._sparse = _native.SparsePlan([_encoder(output.encoder, columns) for output in sparse])
        self._sparse_width = len(sparse)
        self._bags = {output.name: _bag(output.bag, columns) for output in bags}

    def run(self, table: pa.Table, out: Matrices | None, ids: Literal["int64", "int32"]) -> Matrices:
        """Return the matrices of a conformed table; see `FeatureProgram.transform`."""
        columns = self._columns.native(table)
        reused = None if out is None else out.first(columns.num_rows, self._dense.width, self._sparse_width, ids)
        dense = self._dense.run(columns, reused.dense if reused else None)
        sparse = self._sparse.run(columns, reused.sparse if reused else None, dtype=ids)
        return Matrices(dense, sparse, {name: RaggedIds(*bag.run(columns)) for name, bag in self._bags.items()})


def native_expression(expression: Expression, columns: InputColumns) -> _native.Expression:
    """Return the expression for tables laid out as `columns` says."""
    source = expression.source
    return _native.Expression(
        [columns.position(reading) for reading in source.reads],
        source.operation if isinstance(source, Arithmetic) else "id" if isinstance(source, VocabularyId) else "column",
        [(step.name, step.parameters) for step in expression.steps],
        source.vocabulary.native if isinstance(source, VocabularyId) else None,
    )


def _dense(output: DenseOutput | DenseCounts, columns: InputColumns) -> _native.Expression | _native.BagCounts:
    if isinstance(output, DenseOutput):
        return native_expression(output.expression, columns)
    bag = _bag(output.bag, columns)
    return _native.BagCounts(bag, output.first_id, len(output.names), output.binary)


def _encoder(
    encoder: Encoder, columns: InputColumns
) -> _native.VocabularyIds | _native.HashIds | _native.ExpressionIds:
    if isinstance(encoder, VocabularyIds):
        return _native.VocabularyIds(columns.position(encoder.reads[0]), encoder.vocabulary.native)
    if isinstance(encoder, HashIds):
        positions = [columns.position(reading) for reading in encoder.reads]
        return _native.HashIds(positions, encoder.buckets, encoder.seed)
    return _native.ExpressionIds(native_expression(encoder.expression, columns), encoder.size)


def _bag(bag: Bag, columns: InputColumns) -> _native.Bag:
    if isinstance(bag.encoder, HashBuckets):
        vocabulary, hashed = None, bag.encoder
    else:
        vocabulary, hashed = bag.encoder.native, HashBuckets(1, 0)
    position = columns.position(bag.reads[0])
    return _native.Bag(
        position, bag.tokens, bag.shortest, bag.longest, bag.lower, vocabulary, hashed.buckets, hashed.seed
    )
