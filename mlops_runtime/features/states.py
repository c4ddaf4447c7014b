"""The mergeable state of one feature while it is fitted, and how it becomes outputs of the program."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pyarrow as pa

from mlops_runtime._native import ArrowTable, Moments, QuantileSample, VocabularyCounter
from mlops_runtime.features.encoders import VocabularyIds
from mlops_runtime.features.expression import ColumnValue, Expression, Step
from mlops_runtime.features.outputs import DenseOutput, SparseOutput
from mlops_runtime.features.spec import CategoryFeature, NumericFeature
from mlops_runtime.features.vocabulary import FittedVocabulary

__all__ = ["CategoryState", "NumericState"]

_SUM_UNIT = Fraction(1, 2**1074)
_SQUARES_UNIT = Fraction(1, 2**2148)
_ROOT_BITS = 128
_SMALLEST_NORMAL = 2.0**-1022


class NumericState:
    """Exact sums of a numeric column and, for the median, a sample that is exact up to 65,536 values."""

    def __init__(self, feature: NumericFeature) -> None:
        self._feature = feature
        self._moments = Moments()
        self._sample = QuantileSample() if feature.impute == "median" else None

    def update(self, columns: ArrowTable, position: int, first_row: int) -> None:
        """Add one column of a table whose first row has the ordinal `first_row`."""
        self._moments.update(columns, position)
        if self._sample is not None:
            self._sample.update(columns, position, first_row)

    def merge(self, other: NumericState) -> None:
        """Add what another state of this feature has seen."""
        self._moments.merge(other._moments)
        if self._sample is not None and other._sample is not None:
            self._sample.merge(other._sample)

    def freeze(self) -> list[DenseOutput]:
        """Return the value output and, when asked for or needed, the missing indicator."""
        feature, missing = self._feature, self._moments.missing
        fill = self._fill()
        center, scale = self._standardisation(fill) if feature.scale == "standard" else (0.0, 1.0)
        value = Expression(ColumnValue(feature.column))
        scaled = value.then(Step("impute", [fill]), Step("affine", [center, scale]))
        outputs = [DenseOutput(feature.column, scaled, missing)]
        if feature.indicator is True or (feature.indicator == "auto" and missing > 0):
            name = f"{feature.column}:missing"
            outputs.append(DenseOutput(name, value.then(Step("is_missing")), missing))
        return outputs

    def _fill(self) -> float:
        if self._feature.impute == "constant":
            return self._feature.constant
        if self._moments.count == 0:
            return 0.0
        if self._sample is not None:
            return _median(self._sample.sorted_values())
        return float(self._moments.sums()[0] * _SUM_UNIT / self._moments.count)

    def _standardisation(self, fill: float) -> tuple[float, float]:
        """Mean and 1 / standard deviation (divisor n) of the imputed column, each rounded once from exact sums."""
        moments = self._moments
        imputed = moments.missing + moments.positive_infinite + moments.negative_infinite
        rows = moments.count + imputed
        if rows == 0:
            return 0.0, 1.0
        total, squares = moments.sums()
        mean = (total * _SUM_UNIT + imputed * Fraction(fill)) / rows
        variance = (squares * _SQUARES_UNIT + imputed * Fraction(fill) ** 2) / rows - mean**2
        deviation = _square_root(variance)
        return float(mean), 1.0 / deviation if deviation >= _SMALLEST_NORMAL else 1.0


class CategoryState:
    """Exact counts of a column's keys."""

    def __init__(self, feature: CategoryFeature) -> None:
        self._feature = feature
        self._counter = VocabularyCounter()

    def update(self, columns: ArrowTable, position: int) -> None:
        """Add one column of a table."""
        self._counter.update(columns, position)

    def merge(self, other: CategoryState) -> None:
        """Add what another state of this feature has seen."""
        self._counter.merge(other._counter)

    def freeze(self, *, integer: bool) -> SparseOutput:
        """Return the sparse output. integer: the keys' type when no key was seen."""
        feature = self._feature
        if self._counter.kind == "empty" and integer:
            vocabulary = FittedVocabulary(pa.array([], pa.int64()), np.empty(0, np.int64), 0)
        else:
            vocabulary = FittedVocabulary.freeze(self._counter, min_count=feature.min_count, max_size=feature.max_size)
        return SparseOutput(feature.column, VocabularyIds(feature.column, vocabulary), self._counter.missing)


def _median(ascending: np.ndarray[tuple[int], np.dtype[np.float64]]) -> float:
    """The middle value, or the mean of the two middle ones without overflow."""
    upper = len(ascending) // 2
    lower = (len(ascending) - 1) // 2
    return float(ascending[lower] / 2 + ascending[upper] / 2) if lower != upper else float(ascending[upper])


def _square_root(value: Fraction) -> float:
    """The square root of a fraction >= 0 as a float, to within half an ulp and 2**-60; no range is too wide for it."""
    if value <= 0:
        return 0.0
    shift = max(0, _ROOT_BITS - value.numerator.bit_length() + value.denominator.bit_length())
    shift += shift % 2
    root = math.isqrt((value.numerator << shift) // value.denominator)
    return float(Fraction(root, 1 << (shift // 2)))
