"""The metrics of scores under any chances of their outcomes, as sums over rows: cheap enough to draw outcomes often."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mlops_runtime.monitoring.performance.metrics import PROBABILITY_FLOOR, mean_ranks, ratio

__all__ = ["Outcomes"]

F64 = NDArray[np.float64]


class Outcomes:
    """Scores float64[n], sorted once. A row is called positive when its score is at least the threshold."""

    def __init__(self, score: F64, threshold: float) -> None:
        inside = np.clip(score, PROBABILITY_FLOOR, 1.0 - PROBABILITY_FLOOR)
        called = (score >= threshold).astype(np.float64)
        others_below = mean_ranks(score) - 1.0  # ties count half
        when_true = np.log1p(-inside) - np.log(inside), 1.0 - 2.0 * score  # what the losses add if the row comes true
        self._terms = np.stack([np.ones(len(score)), called, others_below, *when_true])
        self._rows, self._called = float(len(score)), float(called.sum())
        self._log_loss, self._brier = float(-np.log1p(-inside).sum()), float((score**2).sum())

    def measure(self, chance: F64) -> dict[str, float]:
        """Return the metrics, NaN where undefined, when row i comes true with chance[i]: 0 or 1 for known outcomes.

        AUC, precision and recall are ratios of expectations. AUC is over pairs of different rows: Σ p_i b_i, b_i rows
        below i, counts pairs whatever the lower row is, of which half Σ_{i≠j} p_i p_j are two that come true.
        """
        positives, found, below, log_loss, brier = (float(each) for each in np.sum(self._terms * chance, axis=1))
        squares = float(np.sum(chance * chance))
        both = positives**2 - squares
        right_no = self._rows - self._called - positives + found
        return {
            "auc": ratio(below - both / 2, (self._rows - 1.0) * positives - both),
            "log_loss": ratio(self._log_loss + log_loss, self._rows),
            "brier": ratio(self._brier + brier, self._rows),
            "accuracy": ratio(found + right_no, self._rows),
            "precision": ratio(found, self._called),
            "recall": ratio(found, positives),
        }

    def confusion(self, chance: F64) -> list[list[float]]:
        """Return the expected [[true negative, false positive], [false negative, true positive]], in rows."""
        positives, found = (float(each) for each in np.sum(self._terms[:2] * chance, axis=1))
        false_alarms = self._called - found
        return [[self._rows - positives - false_alarms, false_alarms], [positives - found, found]]
