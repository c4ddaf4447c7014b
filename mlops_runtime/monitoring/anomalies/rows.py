"""Rows that are unlike the reference: conformal p-values of any distance, so that the share of false finds is held."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mlops_runtime.core.errors import EmptyInputError, problem

__all__ = ["RowAnomalies", "RowDistances", "RowFindings", "discoveries"]

F64 = NDArray[np.float64]


class RowDistances(Protocol):
    """Whatever says how far each row is from the data it was fitted on."""

    def row_distances(self, table: pa.Table, /) -> F64:
        """Return float64[n], larger for stranger rows."""
        ...


@dataclass(frozen=True, slots=True)
class RowFindings:
    """What was found in a batch.

    distances, p_values: float64[n]; a distance that is NaN has p-value 1. flagged: the rows found, strangest first.
    """

    distances: F64
    p_values: F64
    flagged: NDArray[np.int64]


class RowAnomalies:
    """Judges rows by where their distance would rank among those of reference rows.

    reference: rows, or the distances of rows, on which `distances` were not fitted: those look closer than new ones.
    Raises EmptyInputError without reference rows.
    Source: Bates, Candès, Lei, Romano, Sesia, Testing for Outliers with Conformal p-values, Ann. Statistics 51 (2023).
    """

    def __init__(self, distances: RowDistances, reference: pa.Table | F64) -> None:
        self._distances = distances
        found = reference if isinstance(reference, np.ndarray) else distances.row_distances(reference)
        self._ranked = np.sort(found[np.isfinite(found)])
        if len(self._ranked) == 0:
            next_step = "pass rows that the distances were not fitted on"
            raise EmptyInputError(
                problem(expected="reference rows", got="none", where="RowAnomalies", next_step=next_step)
            )

    def judge(self, batch: pa.Table, *, false_discovery_rate: float = 0.05) -> RowFindings:
        """Return each row's p-value, and the rows found: of these, at most the given share is false, on average.

        The least p-value is 1 / (reference rows + 1): a batch of n rows with one strange row needs more than n / rate
        reference rows to find it.
        """
        distances, p_values = self.measure(batch)
        flagged = discoveries(p_values, false_discovery_rate=false_discovery_rate)
        return RowFindings(distances, p_values, flagged[np.argsort(-distances[flagged], kind="stable")])

    def measure(self, batch: pa.Table) -> tuple[F64, F64]:
        """Return each row's distance and p-value: of batches of one data set, `discoveries` judges these together."""
        distances = self._distances.row_distances(batch)
        known = len(self._ranked)
        farther = known - np.searchsorted(self._ranked, distances, side="left")
        return distances, np.where(np.isnan(distances), 1.0, (farther + 1.0) / (known + 1.0))


def discoveries(p_values: F64, *, false_discovery_rate: float) -> NDArray[np.int64]:
    """Return the places of the rows found, by Benjamini & Hochberg's rule, which holds for conformal p-values.

    >>> discoveries(np.array([0.5, 0.001, 0.9]), false_discovery_rate=0.05).tolist()
    [1]
    """
    order = np.argsort(p_values, kind="stable")
    limits = false_discovery_rate * np.arange(1, len(order) + 1) / max(1, len(order))
    met = np.flatnonzero(p_values[order] <= limits)
    return order[: met[-1] + 1] if len(met) else order[:0]
