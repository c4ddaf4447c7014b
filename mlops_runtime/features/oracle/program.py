"""The matrices of a program."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mlops_runtime.features.columns import Reading
from mlops_runtime.features.encoders import Encoder, HashIds, VocabularyIds
from mlops_runtime.features.oracle.bags import bag_counts, bag_ids
from mlops_runtime.features.oracle.expression import evaluate
from mlops_runtime.features.oracle.keys import hash_ids, vocabulary_ids
from mlops_runtime.features.outputs import DenseCounts, DenseOutput, Matrices
from mlops_runtime.features.program import FeatureProgram
from mlops_runtime.kernels.dense.reference import to_float32
from mlops_runtime.kernels.sparse.reference import ids_of_values

__all__ = ["transform_reference"]

_Column = Callable[[Reading], pa.ChunkedArray]


def transform_reference(program: FeatureProgram, table: pa.Table) -> Matrices:
    """Run `program` on a conformed table, as `FeatureProgram.transform` does, without the native kernels."""
    inputs = program.columns.arrow(table)

    def column(reading: Reading) -> pa.ChunkedArray:
        return inputs.column(program.columns.position(reading))

    rows = table.num_rows
    dense = [_dense(output, column) for output in program.dense]
    sparse = [_ids(output.encoder, column) for output in program.sparse]
    return Matrices(
        np.concatenate([np.empty((rows, 0), np.float32), *dense], axis=1),
        np.stack(sparse, axis=1) if sparse else np.empty((rows, 0), np.int64),
        {output.name: bag_ids(output.bag, column(output.reads[0])) for output in program.bags},
    )


def _dense(output: DenseOutput | DenseCounts, column: _Column) -> NDArray[np.float32]:
    """float32[rows, columns of the output]."""
    if isinstance(output, DenseCounts):
        return bag_counts(output, column(output.reads[0]))
    return to_float32(evaluate(output.expression, column))[:, None]


def _ids(encoder: Encoder, column: _Column) -> NDArray[np.int64]:
    values = [column(reading) for reading in encoder.reads]
    if isinstance(encoder, VocabularyIds):
        return vocabulary_ids(values[0], encoder.vocabulary)
    if isinstance(encoder, HashIds):
        return hash_ids(values, encoder.buckets, encoder.seed)
    return ids_of_values(evaluate(encoder.expression, column), encoder.size)
