"""From the program model to the objects of the native module that execute it."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from mlops_runtime import _native
from mlops_runtime.features.columns import InputColumns
from mlops_runtime.features.encoders import VocabularyIds
from mlops_runtime.features.expression import Arithmetic, ColumnValue
from mlops_runtime.features.outputs import DenseCounts, DenseOutput, SparseOutput

__all__ = ["dense_plan", "sparse_plan"]


def dense_plan(outputs: Iterable[DenseOutput | DenseCounts], columns: InputColumns) -> _native.DensePlan:
    """Return the plan of a dense matrix, for tables laid out as `columns` says."""
    positions, kinds, parameters = [], [], []
    for output in outputs:
        assert isinstance(output, DenseOutput)
        assert isinstance(output.expression.source, ColumnValue)
        assert not isinstance(output.expression.source, Arithmetic)
        steps = {step.name: step.parameters for step in output.expression.steps}
        assert set(steps) in ({"is_missing"}, {"impute", "affine"}, {"impute"})
        positions.append(columns.position(output.reads[0]))
        kinds.append("is_missing" in steps)
        parameters.append((*steps.get("impute", [0.0]), *steps.get("affine", [0.0, 1.0])))
    fill, center, scale = np.array(parameters, np.float64).reshape(-1, 3).T.copy()
    return _native.DensePlan(np.array(positions, np.int32), np.array(kinds, np.uint8), fill, center, scale)


def sparse_plan(outputs: Iterable[SparseOutput], columns: InputColumns) -> _native.SparsePlan:
    """Return the plan of a sparse matrix, for tables laid out as `columns` says."""
    encoders = [output.encoder for output in outputs]
    assert all(isinstance(encoder, VocabularyIds) for encoder in encoders)
    positions = np.array([columns.position(encoder.reads[0]) for encoder in encoders], np.int32)
    return _native.SparsePlan(positions, [vocabulary.native for e in encoders for vocabulary in e.vocabularies])
