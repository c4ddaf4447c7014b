"""The oracle: a feature program executed by NumPy and Arrow alone, one plain line per rule.

It shares no code with the native kernels; on the same table both must give the same bits.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mlops_runtime.features.outputs import DenseOutput, Matrices, SparseOutput
from mlops_runtime.features.program import FeatureProgram
from mlops_runtime.features.vocabulary import MISSING_ID, UNSEEN_ID

__all__ = ["transform_reference"]

_LARGEST = float(np.finfo(np.float32).max)


def transform_reference(program: FeatureProgram, table: pa.Table) -> Matrices:
    """Run `program` on a conformed table, as `FeatureProgram.transform` does, without the native kernels."""
    columns = program.columns.arrow(table)
    dense = np.empty((table.num_rows, len(program.dense)), np.float32)
    sparse = np.empty((table.num_rows, len(program.sparse)), np.int64)
    for position, output in enumerate(program.dense):
        dense[:, position] = _dense_column(columns.column(program.columns.position(output.reads[0])), output)
    for position, encoded in enumerate(program.sparse):
        sparse[:, position] = _ids(columns.column(program.columns.position(encoded.reads[0])), encoded)
    return Matrices(dense, sparse)


def _dense_column(values: pa.ChunkedArray, output: DenseOutput) -> NDArray[np.float32]:
    x = _as_float64(values)
    steps = {step.name: step.parameters for step in output.expression.steps}
    if "is_missing" in steps:
        return np.isnan(x).astype(np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        scaled = (np.where(np.isfinite(x), x, steps["impute"][0]) - steps["affine"][0]) * steps["affine"][1]
    above = np.where(scaled > -_LARGEST, scaled, -_LARGEST)
    return np.where(above < _LARGEST, above, _LARGEST).astype(np.float32)


def _as_float64(values: pa.ChunkedArray) -> NDArray[np.float64]:
    present = values.is_valid().to_numpy()
    filled = values.fill_null(False if pa.types.is_boolean(values.type) else pa.scalar(0).cast(values.type))
    return np.where(present, filled.to_numpy().astype(np.float64), np.nan)


def _ids(values: pa.ChunkedArray, output: SparseOutput) -> NDArray[np.int64]:
    (vocabulary,) = output.vocabularies
    keys = vocabulary.keys
    looked_up = values.cast(keys.type)
    position = pc.index_in(looked_up, value_set=keys).fill_null(-1).to_numpy()
    ids = np.append(vocabulary.ids, UNSEEN_ID)[position]
    missing = looked_up.is_null()
    if pa.types.is_string(keys.type):
        missing = pc.or_kleene(missing, pc.equal(looked_up, ""))
    return np.where(missing.fill_null(True).to_numpy(), MISSING_ID, ids)
