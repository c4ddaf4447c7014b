"""Oracle of the table counts kernel: the oracles of histogram and moments, column by column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlops_runtime.kernels.histogram.reference import histogram
from mlops_runtime.kernels.moments.reference import moments
from mlops_runtime.kernels.moments.summary import Summary

__all__ = ["ColumnCounts", "table_counts"]


@dataclass(frozen=True, slots=True, eq=False)
class ColumnCounts:
    """counts: int64[edges + 1]. moments: special values, extremes and exact moments."""

    counts: NDArray[np.int64]
    moments: Summary


def table_counts(values: NDArray[np.floating[Any]], edges: Sequence[NDArray[np.float64]]) -> list[ColumnCounts]:
    """Return what each column of a matrix holds.

    values: float[n, k], NaN where missing. edges: k arrays as `histogram` takes them.
    Source: see `csrc/kernels/table_counts.hpp`.

    >>> table_counts(np.array([[1.0, 5.0], [2.0, np.nan]]), [np.array([1.0]), np.array([0.0])])[0].counts
    array([1, 1])
    """
    columns = np.asarray(values, np.float64).T
    return [ColumnCounts(histogram(x, e), moments(x.tolist())) for x, e in zip(columns, edges, strict=True)]
