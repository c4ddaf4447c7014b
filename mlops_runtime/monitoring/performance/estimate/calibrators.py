"""From a score to the probability that it comes true: isotonic, or logistic in the score's logarithms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mlops_runtime.core.digest import from_hex_float, hex_float
from mlops_runtime.core.errors import EmptyInputError, SchemaError, problem
from mlops_runtime.monitoring.state.arrays import array_of, plain

__all__ = ["Calibrator", "Isotonic", "Logistic", "Method", "calibrator_of", "fit_calibrator", "fit_counts"]

F64 = NDArray[np.float64]
Method = Literal["isotonic", "platt", "beta"]

_RIDGE = 1e-3  # of a coefficient, in rows: keeps classes that are wholly apart from sending it to infinity
_STEPS = 50
_LOGARITHM_FLOOR = 1e-7


@dataclass(frozen=True, slots=True)
class Isotonic:
    """Constant on blocks of scores and linear between them. scores, probabilities: float64[k], both ascending."""

    scores: F64
    probabilities: F64

    def __call__(self, score: F64) -> F64:
        """Return the calibrated probability of each score; beyond the ends, that of the end."""
        return np.interp(score, self.scores, self.probabilities)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {"scores": plain(self.scores), "probabilities": plain(self.probabilities)}


@dataclass(frozen=True, slots=True)
class Logistic:
    """The logistic of intercept + rising · ln s - falling · ln(1 - s); Platt's has one slope for both."""

    intercept: float
    rising: float
    falling: float

    def __call__(self, score: F64) -> F64:
        """Return the calibrated probability of each score."""
        low, high = _logarithms(score)
        return _logistic(self.intercept + self.rising * low + self.falling * high)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, floats as C99 hex."""
        return {"logistic": [hex_float(each) for each in (self.intercept, self.rising, self.falling)]}


Calibrator = Isotonic | Logistic


def calibrator_of(values: Mapping[str, Any], *, where: str) -> Calibrator:
    """Read what `to_dict` wrote. Raises SchemaError for numbers that no fit gives, KeyError and ValueError for less."""
    if "logistic" in values:
        intercept, rising, falling = (from_hex_float(each) for each in values["logistic"])
        if not np.isfinite([intercept, rising, falling]).all():
            raise _no_fit("finite coefficients", where)
        return Logistic(intercept, rising, falling)
    scores = array_of(values["scores"], "f8", (None,), where=where)
    probabilities = array_of(values["probabilities"], "f8", (len(scores),), where=where)
    rises = bool((np.diff(scores) > 0).all() and (np.diff(probabilities) >= 0).all())
    if not rises or len(scores) == 0 or probabilities[0] < 0.0 or probabilities[-1] > 1.0:
        raise _no_fit("probabilities that rise with the scores", where)
    return Isotonic(scores, probabilities)


def fit_calibrator(score: F64, outcome: F64, *, method: Method = "isotonic") -> Calibrator:
    """Fit on labelled rows that the model was not trained on.

    score: float64[n] in [0, 1]. outcome: float64[n], 1 where the row came true. isotonic: any shape that
    rises; it knows little of the ends, where few rows are. beta, platt: two slopes or one, and an intercept.
    Raises EmptyInputError unless both outcomes occur.
    Source: Zadrozny & Elkan, KDD (2002); Platt (1999); Kull, Silva Filho, Flach, AISTATS (2017).
    """
    if outcome.all() or not outcome.any():
        got = f"{len(outcome)} rows of one outcome" if len(outcome) else "no rows"
        raise EmptyInputError(
            problem(expected="rows of both outcomes", got=got, where="fit_calibrator", next_step="add labelled rows")
        )
    values, place, count = np.unique(score, return_inverse=True, return_counts=True)
    return fit_counts(values, count.astype(np.float64), np.bincount(place, outcome).astype(np.float64), method)


def fit_counts(values: F64, rows: F64, came_true: F64, method: Method) -> Calibrator:
    """Fit on counts: of `rows` with each ascending value, so many came true; some did and some did not."""
    some = rows > 0
    if not some.all():
        values, rows, came_true = values[some], rows[some], came_true[some]
    if method == "isotonic":
        return _fit_isotonic(values, rows, came_true)
    return _fit_logistic(values, rows, came_true, method)


def _fit_isotonic(values: F64, weights: F64, sums: F64) -> Isotonic:
    """Pool adjacent violators, every falling run at once: its rows share one value in the least-squares solution.

    Source: Barlow, Bartholomew, Bremner, Brunk, Statistical Inference under Order Restrictions (1972).
    """
    first = np.arange(len(values))
    while len(first) > 1:
        level = sums / weights
        rises = np.r_[True, level[1:] > level[:-1]]
        if rises.all():
            break
        starts = np.flatnonzero(rises)
        first, sums, weights = first[starts], np.add.reduceat(sums, starts), np.add.reduceat(weights, starts)
    last = np.r_[first[1:], len(values)] - 1
    ends = np.stack([values[first], values[last]], axis=1).ravel()
    kept = np.r_[True, ends[1:] != ends[:-1]]  # a block of one score has one end
    return Isotonic(ends[kept], np.repeat(sums / weights, 2)[kept])


def _fit_logistic(values: F64, rows: F64, came_true: F64, method: Method) -> Logistic:
    """Newton's method, ridged."""
    low, high = _logarithms(values)
    slopes = [low + high] if method == "platt" else [low, high]
    inputs = np.stack([np.ones(len(values)), *slopes], axis=1)
    ridge = np.diag([0.0, *[_RIDGE] * len(slopes)])
    fitted = np.zeros(inputs.shape[1])
    for _ in range(_STEPS):
        probability = _logistic(inputs @ fitted)
        gradient = inputs.T @ (came_true - rows * probability) - ridge @ fitted
        curvature = (inputs * (rows * probability * (1 - probability))[:, None]).T @ inputs + ridge
        step = np.linalg.lstsq(curvature, gradient)[0]
        fitted = fitted + step
        if float(np.abs(step).max()) < 1e-10:
            break
    return Logistic(float(fitted[0]), float(fitted[1]), float(fitted[-1]))


def _logarithms(score: F64) -> tuple[F64, F64]:
    """Return ln s and -ln(1 - s)."""
    inside = np.clip(score, _LOGARITHM_FLOOR, 1 - _LOGARITHM_FLOOR)
    return np.log(inside), -np.log1p(-inside)


def _logistic(x: F64) -> F64:
    return np.exp(-np.logaddexp(0.0, -x))


def _no_fit(expected: str, where: str) -> SchemaError:
    return SchemaError(problem(expected=expected, got="others", where=where, next_step="fit the estimator again"))
