"""Direct loss estimation: a regression model's errors from its inputs and predictions, before the truth is known.

The reference's losses are fitted as a sum of one function for each column, linear between knots at its quantiles, by
ridge regression; so the mean loss of a window follows from the mean weights of its rows. What has to hold: the error of
a row like this one is what it was on the reference. What two columns do together is seen only through each alone: where
that mattered, and values were missing that had drifted, intervals of 95 % held the truth in 91 % (MAE) and 88 % (RMSE)
of 400 simulations.
Source: the idea is that of NannyML's DLE, documented there; the interval by White's sandwich (Econometrica 48, 1980).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlops_runtime.core.digest import from_hex_float, hex_float
from mlops_runtime.core.errors import EmptyInputError, problem
from mlops_runtime.monitoring.performance.estimate.design import Design, Weights
from mlops_runtime.monitoring.performance.measured import Z95, Measured
from mlops_runtime.monitoring.points import Point, Span
from mlops_runtime.monitoring.state.arrays import array_of, plain
from mlops_runtime.monitoring.state.table import as_table

__all__ = ["ASSUMPTIONS", "PREDICTION", "LossEstimator"]

F64 = NDArray[np.float64]

ASSUMPTIONS = (
    "a row's expected error depends on its inputs as it did on the reference: they may drift, the target may not",
    "the effects of columns on the error add up",
    "the reference's rows were not used to train the model, and errors of rows do not depend on each other",
)

PREDICTION = "score"  # what the column of a bundle's own predictions is called

_RIDGE = 1.0  # of each weight, in rows
_MINIMUM_ROWS = 100
_LEAST_VARIANCE = 0.1  # of the reference's: a sum of effects can fall below 0, a variance cannot


@dataclass(frozen=True, slots=True)
class _Loss:
    """One loss: its mean on the reference, and what each weight adds to it; both with their variance.

    row_variance, variance_effects: the same two for the variance of a row's loss about its expectation.
    """

    level: float
    level_variance: float
    effects: F64
    covariance: F64
    row_variance: float
    variance_effects: F64

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON; of the covariance, which is symmetric, the lower half in float32."""
        half = self.covariance[_lower(len(self.effects))].astype(np.float32)
        return {
            "numbers": [hex_float(each) for each in (self.level, self.level_variance, self.row_variance)],
            "effects": plain(self.effects),
            "variance_effects": plain(self.variance_effects),
            "covariance": plain(half),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], *, width: int, where: str) -> _Loss:
        """Read what `to_dict` wrote. Raises SchemaError for other numbers, KeyError and ValueError for less."""
        level, level_variance, row_variance = (from_hex_float(each) for each in values["numbers"])
        if not 0.0 <= min(level, level_variance, row_variance) <= max(level, level_variance, row_variance) < math.inf:
            raise ValueError("a loss or a variance that is negative or infinite")
        half = array_of(values["covariance"], "f4", (width * (width + 1) // 2,), where=where)
        effects, of_variance = (
            array_of(values[name], "f8", (width,), where=where) for name in ("effects", "variance_effects")
        )
        return cls(level, level_variance, effects, _mirrored(half), row_variance, of_variance)

    def mean(self, shift: F64, rows: int) -> tuple[float, float]:
        """Return the mean loss of rows whose mean weights have so shifted, and its standard deviation."""
        of_a_row = max(self.row_variance + float(self.variance_effects @ shift), _LEAST_VARIANCE * self.row_variance)
        variance = of_a_row / rows + self.level_variance + max(0.0, float(shift @ self.covariance @ shift))
        return max(0.0, self.level + float(self.effects @ shift)), math.sqrt(variance)


@dataclass(frozen=True, slots=True)
class LossEstimator:
    """The fitted losses of the reference: absolute and squared errors."""

    design: Design
    reference_means: F64
    absolute: _Loss
    squared: _Loss

    @classmethod
    def fit(cls, inputs: object, error: F64, *, most_columns: int = 12) -> LossEstimator:
        """Fit on labelled rows.

        inputs: an Arrow-able table of numbers and texts: features, and the prediction itself. error: float64[n],
        prediction - outcome. most_columns: keep so many, those that alone tell most of the error's size; what is kept
        grows with their square. Raises EmptyInputError for fewer than 100 rows, SchemaError for columns of other kinds.
        """
        if len(error) < _MINIMUM_ROWS:
            expected, got = f"{_MINIMUM_ROWS} rows or more", str(len(error))
            raise EmptyInputError(
                problem(expected=expected, got=got, where="LossEstimator.fit", next_step="add labelled rows")
            )
        design = _telling(Design.fit(inputs), inputs, np.abs(error), most_columns)
        weights = design.weights(inputs)
        means = weights.sums(np.ones(weights.rows)) / weights.rows
        ridge = _RIDGE * np.eye(weights.width)
        inverse = np.linalg.inv(_spread(weights, means, np.ones(weights.rows)) + ridge).astype(np.float64)
        absolute, squared = (_fit(weights, means, inverse, loss) for loss in (np.abs(error), error**2))
        return cls(design, means, absolute, squared)

    def estimate(self, inputs: object) -> list[Measured]:
        """Estimate MAE and RMSE of these rows, in units of the outcome.

        The interval is where the metric will lie with 95 % once the outcomes are in: it holds the spread of errors and
        the uncertainty of the fit. Raises SchemaError for a column that is missing or of another kind.
        """
        table = as_table(inputs)
        return self.estimate_sums(self.sums(table), table.num_rows) if table.num_rows else []

    def sums(self, inputs: object) -> F64:
        """Return float64[width], all of rows that their estimate needs; add up those of batches. Raises as above."""
        weights = self.design.weights(inputs)
        return weights.sums(np.ones(weights.rows))

    def estimate_sums(self, sums: F64, rows: int) -> list[Measured]:
        """Estimate as `estimate` does, from the `sums` of so many rows."""
        shift = sums / rows - self.reference_means
        size, deviation = self.absolute.mean(shift, rows)
        mae = Measured("mae", size, rows, max(0.0, size - Z95 * deviation), size + Z95 * deviation)
        square, deviation = self.squared.mean(shift, rows)
        if square == 0.0:
            return [Measured("rmse", 0.0, rows), mae]
        factor = math.exp(Z95 * deviation / square / 2)
        root = math.sqrt(square)
        return [Measured("rmse", root, rows, root / factor, root * factor), mae]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "columns": self.design.to_dict(),
            "reference_means": plain(self.reference_means),
            "absolute": self.absolute.to_dict(),
            "squared": self.squared.to_dict(),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], *, where: str) -> LossEstimator:
        """Read what `to_dict` wrote. Raises SchemaError for other numbers, KeyError and ValueError for less."""
        design = Design.from_dict(values["columns"], where=where)
        width = design.width
        means = array_of(values["reference_means"], "f8", (width,), where=where)
        absolute, squared = (
            _Loss.from_dict(values[name], width=width, where=where) for name in ("absolute", "squared")
        )
        return cls(design, means, absolute, squared)

    def points(self, inputs: object, span: Span, labels: Mapping[str, str] | None = None) -> list[Point]:
        """Return the estimates as points under the label `estimated`."""
        named = {**(labels or {}), "estimated": "losses"}
        return [each.point(span, named) for each in self.estimate(inputs)]


def _telling(design: Design, inputs: object, size: F64, most: int) -> Design:
    """Keep the columns between whose slots the size of errors differs most."""

    def told(name: str) -> float:
        weights = design.only([name]).weights(inputs)
        sums = weights.sums(size - size.mean())
        return float((sums**2 / (weights.sums(np.ones(weights.rows)) + _RIDGE)).sum())

    if len(design.columns) <= most:
        return design
    return design.only(sorted(design.columns, key=told, reverse=True)[:most])


def _fit(weights: Weights, means: F64, inverse: F64, loss: F64) -> _Loss:
    level = float(loss.mean())
    effects = inverse @ weights.sums(loss - level)
    squares = (loss - level - weights.effects(effects) + float(means @ effects)) ** 2
    variance = float(squares.mean())
    covariance = _mirrored((inverse @ _spread(weights, means, squares) @ inverse)[_lower(len(inverse))])
    variance_effects = inverse @ weights.sums(squares - variance)
    return _Loss(level, variance / len(loss), effects, covariance, variance, variance_effects)


def _lower(width: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    return np.tril_indices(width)


def _mirrored(half: NDArray[np.floating]) -> F64:
    """Return the symmetric matrix of a lower half, rounded to float32 as it is stored."""
    width = math.isqrt(2 * len(half))
    whole = np.zeros((width, width))
    whole[_lower(width)] = half.astype(np.float32)
    return whole + np.tril(whole, -1).T


def _spread(weights: Weights, means: F64, of: F64) -> F64:
    """Return float64[width, width], the sum of outer products of the rows' centred weights, times one number each."""
    total = np.zeros((weights.width, weights.width))
    for rows, dense in weights.chunks():
        centred = dense - means
        total += (centred * of[rows, None]).T @ centred
    return total
