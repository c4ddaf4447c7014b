"""Expressions: a source's values, then the steps."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mlops_runtime.features.columns import Reading
from mlops_runtime.features.expression import Arithmetic, Expression, VocabularyId
from mlops_runtime.features.oracle.keys import vocabulary_ids
from mlops_runtime.kernels.dense import reference

__all__ = ["evaluate"]

F64 = NDArray[np.float64]


def evaluate(expression: Expression, column: Callable[[Reading], pa.ChunkedArray]) -> F64:
    """Return float64[rows]. column: gives the column of a reading."""
    source, values = expression.source, [column(reading) for reading in expression.reads]
    if isinstance(source, Arithmetic):
        x = reference.combine(source.operation, *map(_numbers, values))
    elif isinstance(source, VocabularyId):
        x = vocabulary_ids(values[0], source.vocabulary).astype(np.float64)
    else:
        x = _numbers(values[0])
    return reference.evaluate(x, [(step.name, step.parameters) for step in expression.steps])


def _numbers(values: pa.ChunkedArray) -> F64:
    """Numbers of any type as float64, null as NaN."""
    present = values.is_valid().to_numpy()
    if pa.types.is_null(values.type):
        return np.full(len(values), np.nan)
    filled = values.fill_null(False if pa.types.is_boolean(values.type) else pa.scalar(0).cast(values.type))
    return np.where(present, filled.to_numpy().astype(np.float64), np.nan)
