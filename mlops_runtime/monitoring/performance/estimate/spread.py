"""How uncertain a calibration is: what calibrators of resampled rows give, less what that of all rows gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlops_runtime.core.errors import SchemaError, problem
from mlops_runtime.monitoring.performance.estimate.calibrators import Method, fit_counts
from mlops_runtime.monitoring.state.arrays import array_of, plain

__all__ = ["Placed", "Spread", "resample"]

F64 = NDArray[np.float64]

_RESAMPLES = 50
_KNOTS = 65
_CELLS = 1024


@dataclass(frozen=True, slots=True)
class Placed:
    """Scores between two knots each. low: int64[n], the lower one. share: float64[n], how far on to the next."""

    deviations: F64
    low: NDArray[np.int64]
    share: F64

    def of_sum(self, slope: F64) -> F64:
        """Return float64[resamples]: by how much the sum of slope times probability deviates over these scores."""
        knots = self.deviations.shape[1]
        upper = np.bincount(self.low, slope * self.share, knots)
        mass = np.bincount(self.low, slope, knots) - upper
        mass[1:] += upper[:-1]  # at the last knot nothing is on the way to the next
        found: F64 = (self.deviations * mass).sum(axis=1)
        return found


@dataclass(frozen=True, slots=True)
class Spread:
    """knots: float64[k] ascending scores. deviations: float64[resamples, k], linear between knots, flat beyond."""

    knots: F64
    deviations: F64

    def place(self, score: F64) -> Placed:
        """Return where scores are among the knots."""
        position = np.interp(score, self.knots, np.arange(len(self.knots)))
        low = position.astype(np.int64)
        return Placed(self.deviations, low, position - low)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {"knots": plain(self.knots), "deviations": plain(self.deviations.astype(np.float32))}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], *, where: str) -> Spread:
        """Read what `to_dict` wrote. Raises SchemaError for other numbers, KeyError and ValueError for less."""
        knots = array_of(values["knots"], "f8", (None,), where=where)
        deviations = array_of(values["deviations"], "f4", (_RESAMPLES, len(knots)), where=where)
        if len(knots) == 0 or not (np.diff(knots) > 0).all() or np.abs(deviations).max() > 1.0:
            expected, next_step = "ascending knots and deviations of at most 1", "fit the estimator again"
            raise SchemaError(problem(expected=expected, got="others", where=where, next_step=next_step))
        return cls(knots, deviations.astype(np.float64))


@dataclass(frozen=True, slots=True)
class _Cells:
    """Scores of one class, counted. values: float64[cells], their means. place: each row's cell and outcome."""

    values: F64
    place: NDArray[np.int64]

    @classmethod
    def of(cls, score: F64, came_true: F64) -> _Cells:
        edges = np.unique(np.quantile(score, np.linspace(0, 1, _CELLS + 1)[1:-1], method="lower"))
        cell = np.searchsorted(edges, score, side="left")
        rows = np.bincount(cell, minlength=len(edges) + 1)
        values = np.bincount(cell, score, len(edges) + 1) / np.maximum(rows, 1)
        values[rows == 0] = score.max()  # only the last can be empty
        return cls(values, 2 * cell + came_true.astype(np.int64))

    def probabilities(self, times: F64 | None, knots: F64, method: Method) -> F64 | None:
        """Return what a calibrator of the rows, each so many times, gives at the knots; None of one outcome."""
        counts = np.bincount(self.place, times, 2 * len(self.values)).reshape(-1, 2).astype(np.float64)
        if not counts.any(axis=0).all():
            return None
        return fit_counts(self.values, counts.sum(axis=1), counts[:, 1], method)(knots)


def resample(scores: F64, came_true: F64, method: Method, *, seed: int) -> tuple[Spread, ...]:
    """Draw rows with repetition, fifty times, and calibrate each class on them: its spread.

    scores, came_true: float64[n, classes]. The classes share their draws, for their calibrations are not independent.
    Scores are counted in up to 1,024 cells; the spread is kept at up to 65 of their quantiles.
    """
    generator, rows = np.random.default_rng(seed), len(scores)
    cells = [_Cells.of(scores[:, k], came_true[:, k]) for k in range(scores.shape[1])]
    knots = [np.unique(np.quantile(each.values, np.linspace(0, 1, _KNOTS))) for each in cells]
    whole = [each.probabilities(None, at, method) for each, at in zip(cells, knots, strict=True)]
    deviations = [np.zeros((_RESAMPLES, len(at))) for at in knots]
    for draw in range(_RESAMPLES):
        times = np.bincount(generator.integers(0, rows, rows), minlength=rows).astype(np.float64)
        for k, each in enumerate(cells):
            drawn, all_rows = each.probabilities(times, knots[k], method), whole[k]
            if drawn is not None and all_rows is not None:
                deviations[k][draw] = (drawn - all_rows).astype(np.float32)  # as they are stored
    return tuple(map(Spread, knots, deviations))
