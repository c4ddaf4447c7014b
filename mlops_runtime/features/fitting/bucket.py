"""Fitting buckets: the edges between them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mlops_runtime.data import Schema
from mlops_runtime.features.encoders import ExpressionIds
from mlops_runtime.features.expression import ColumnValue, Expression, Step
from mlops_runtime.features.fitting.collector import Collectors
from mlops_runtime.features.fitting.sample import quantiles
from mlops_runtime.features.fitting.values import ValueMoments, ValueSample
from mlops_runtime.features.outputs import SparseOutput
from mlops_runtime.features.spec import BucketFeature

__all__ = ["BucketFitter"]


class BucketFitter:
    """One id per row: 0 where missing, else 1 + how many edges are at or below the value.

    Edges are given; or cut the range between the least and the greatest value into equal parts; or are quantiles, of a
    sample beyond 65,536 values (see `ValueSample`). Edges that fall together are one.
    """

    def __init__(self, feature: BucketFeature, schema: Schema, collectors: Collectors) -> None:
        self._feature = feature
        self._source = Expression(ColumnValue(feature.column))
        self._present = collectors.share(ValueMoments(self._source))
        self._sample = collectors.share(ValueSample(self._source)) if feature.method == "quantile" else None

    def freeze(self) -> tuple[SparseOutput, ...]:
        """Return the sparse output."""
        edges = self._edges()
        encoder = ExpressionIds(self._source.then(Step("bucket", edges)), len(edges) + 2)
        return (SparseOutput(self._feature.output_name, encoder, self._present.moments.missing),)

    def _edges(self) -> NDArray[np.float64]:
        if self._feature.edges is not None:
            return np.array(self._feature.edges, np.float64)
        if self._present.moments.count == 0:
            return np.zeros(1)
        levels = np.arange(1, self._feature.bins) / self._feature.bins
        if self._sample is not None:
            return np.unique(quantiles(self._sample.ascending, levels))
        ends = np.array([self._present.moments.minimum, self._present.moments.maximum])
        return np.unique(quantiles(ends, levels))
