"""From a score to the probability that it comes true: isotonic, or logistic in the score's logarithms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from mlops_runtime.core.errors import EmptyInputError, problem

__all__ = ["Calibrator", "Isotonic", "Logistic", "Method", "fit_calibrator"]

F64 = NDArray[np.float64]
Method = Literal["isotonic", "platt", "beta"]

_RIDGE = 1e-3  # of a coefficient, in rows: keeps classes that are wholly apart from sending it to infinity
_STEPS = 50
_LOGARITHM_FLOOR = 1e-7


class Calibrator(Protocol):
    """A fitted map from scores to probabilities."""

    def __call__(self, score: F64) -> F64:
        """Return the calibrated probability of each score."""
        ...


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
    return _fit_isotonic(score, outcome) if method == "isotonic" else _fit_logistic(score, outcome, method)


@dataclass(frozen=True, slots=True)
class Isotonic:
    """Constant on blocks of scores and linear between them. scores, probabilities: float64[k], both ascending."""

    scores: F64
    probabilities: F64

    def __call__(self, score: F64) -> F64:
        """Return the calibrated probability of each score; beyond the ends, that of the end."""
        return np.interp(score, self.scores, self.probabilities)


def _fit_isotonic(score: F64, outcome: F64) -> Isotonic:
    """Pool adjacent violators, every falling run at once: its rows share one value in the least-squares solution.

    Source: Barlow, Bartholomew, Bremner, Brunk, Statistical Inference under Order Restrictions (1972).
    """
    values, place, weight = np.unique(score, return_inverse=True, return_counts=True)
    weights = weight.astype(np.float64)
    sums = np.bincount(place, outcome)
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


def _fit_logistic(score: F64, outcome: F64, method: Method) -> Logistic:
    """Newton's method, ridged."""
    low, high = _logarithms(score)
    slopes = [low + high] if method == "platt" else [low, high]
    inputs = np.stack([np.ones(len(score)), *slopes], axis=1)
    ridge = np.diag([0.0, *[_RIDGE] * len(slopes)])
    fitted = np.zeros(inputs.shape[1])
    for _ in range(_STEPS):
        probability = _logistic(inputs @ fitted)
        gradient = inputs.T @ (outcome - probability) - ridge @ fitted
        curvature = (inputs * (probability * (1 - probability))[:, None]).T @ inputs + ridge
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
