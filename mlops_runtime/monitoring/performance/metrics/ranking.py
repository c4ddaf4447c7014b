"""Areas under the ROC and the precision-recall curve for sorted, weighted, tied scores."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mlops_runtime.monitoring.performance.metrics.sums import weighted_sum

__all__ = ["Ranking"]


class Ranking:
    """Scores sorted once; each area is then one pass, whatever the row weights.

    score: float[N]. positive: bool[N]. Rows of equal score count as one step of the curve.
    """

    def __init__(self, score: NDArray[np.floating], positive: NDArray[np.bool_]) -> None:
        self._order = np.argsort(-score, kind="stable")
        ordered = score[self._order]
        self._steps = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]]) if len(score) else np.zeros(0, np.intp)
        self._positive = positive[self._order]

    def areas(self, weights: NDArray[np.float64]) -> tuple[float, float]:
        """Return (ROC AUC, average precision); NaN when a class has no weight.

        ROC AUC is P(positive scores higher) + P(tie) / 2; average precision sums precision times recall gained.
        """
        weight = weights[self._order]
        of_positives = np.where(self._positive, weight, 0.0)
        gained = np.add.reduceat(of_positives, self._steps)
        wrong = np.add.reduceat(weight - of_positives, self._steps)
        positives, negatives = gained.sum(), wrong.sum()
        if not positives or not negatives:
            return float("nan"), float("nan")
        found, false_alarms = np.cumsum(gained), np.cumsum(wrong)
        auc = 1.0 - weighted_sum(gained, false_alarms - 0.5 * wrong) / (positives * negatives)
        flagged = found + false_alarms
        precision = np.divide(found, flagged, out=np.zeros_like(found), where=flagged > 0)
        return float(auc), weighted_sum(gained, precision) / float(positives)

    def auc_variance(self) -> float:
        """Return the variance of the unweighted ROC AUC; NaN with fewer than two rows of a class.

        Source: DeLong, DeLong, Clarke-Pearson, Biometrics 44 (1988): the variances of each positive row's share of
        negatives below it, and of each negative row's share of positives above it, ties counting half.
        """
        of_positives = self._positive.astype(np.float64)
        if min(positives := float(of_positives.sum()), negatives := len(of_positives) - positives) < 2:
            return float("nan")
        gained = np.add.reduceat(of_positives, self._steps)
        wrong = np.add.reduceat(1.0 - of_positives, self._steps)
        below = (negatives - np.cumsum(wrong) + 0.5 * wrong) / negatives
        above = (np.cumsum(gained) - 0.5 * gained) / positives
        auc = weighted_sum(below, gained) / positives
        of_each_positive = weighted_sum((below - auc) ** 2, gained) / (positives - 1)
        of_each_negative = weighted_sum((above - auc) ** 2, wrong) / (negatives - 1)
        return of_each_positive / positives + of_each_negative / negatives
