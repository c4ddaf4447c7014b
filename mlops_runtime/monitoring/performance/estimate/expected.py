"""The metrics of scores whose outcomes have chances: their expectations, and how much each row's chance matters.

A gradient is what makes an interval cheap: by it the spread of outcomes, and that of the calibration, follow without
drawing any.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlops_runtime.monitoring.performance.metrics import PROBABILITY_FLOOR, ratio

__all__ = ["Expected", "expected_area", "expected_binary", "expected_confusion", "expected_multiclass"]

F64 = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Expected:
    """A metric's expectation, NaN where undefined. gradient: float64[n, classes], of one row of each score."""

    metric: str
    value: float
    gradient: F64


def expected_binary(score: F64, chance: F64, weight: F64, threshold: float) -> Iterator[Expected]:
    """Yield AUC, log loss, Brier, accuracy, precision and recall.

    score, chance, weight: float64[n]: of `weight` rows of this score each comes true with this chance; for known
    outcomes it is 0 or 1. A row is called positive when its score is at least the threshold.
    """
    rows, positives = float(weight.sum()), _sum(weight, chance)
    area, slope = expected_area(score, chance, weight)
    yield Expected("auc", area, slope[:, None])
    inside = np.clip(score, PROBABILITY_FLOOR, 1.0 - PROBABILITY_FLOOR)
    if_false, if_true = np.log1p(-inside), np.log(inside)
    yield _linear("log_loss", -if_false, if_false - if_true, chance, weight)
    yield _linear("brier", score**2, 1.0 - 2.0 * score, chance, weight)
    called = (score >= threshold).astype(np.float64)
    yield _linear("accuracy", 1.0 - called, 2.0 * called - 1.0, chance, weight)
    found, all_called = _sum(weight * called, chance), _sum(weight, called)
    yield Expected("precision", ratio(found, all_called), (called / (all_called or rows))[:, None])
    recall = ratio(found, positives)
    yield Expected("recall", recall, ((called - recall) / (positives or rows))[:, None])


def expected_multiclass(scores: F64, chances: F64, weight: F64) -> Iterator[Expected]:
    """Yield AUC (one against the rest, mean), log loss, accuracy and macro F1. scores, chances: float64[n, classes]."""
    classes = scores.shape[1]
    areas = [expected_area(scores[:, k], chances[:, k], weight) for k in range(classes)]
    defined = [k for k in range(classes) if np.isfinite(areas[k][0])]
    slopes = [areas[k][1] if k in defined else np.zeros(len(weight)) for k in range(classes)]
    mean = ratio(sum(areas[k][0] for k in defined), len(defined))
    yield Expected("auc", mean, np.stack(slopes, axis=1) / max(1, len(defined)))
    yield _choice("log_loss", -np.log(np.clip(scores, PROBABILITY_FLOOR, 1.0)), chances, weight)
    chosen = np.eye(classes)[scores.argmax(axis=1)]
    yield _choice("accuracy", chosen, chances, weight)
    hits, called, real = (weight @ each for each in (chosen * chances, chosen, chances))
    both = called + real
    some = both > 0
    each_f1 = np.divide(2 * hits, both, out=np.zeros(classes), where=some)
    slope = np.divide(2 * chosen - each_f1, both, out=np.zeros_like(chosen), where=some)
    yield Expected("macro_f1", ratio(float(each_f1[some].sum()), int(some.sum())), slope / max(1, int(some.sum())))


def expected_confusion(score: F64, chance: F64, threshold: float) -> list[list[float]]:
    """Return the expected [[true negative, false positive], [false negative, true positive]], in rows."""
    called = score >= threshold
    positives, found = float(chance.sum()), float(chance[called].sum())
    false_alarms = float(called.sum()) - found
    return [[len(score) - positives - false_alarms, false_alarms], [positives - found, found]]


def _linear(metric: str, if_false: F64, more_if_true: F64, chance: F64, weight: F64) -> Expected:
    """A mean over rows of what a row adds: `if_false`, and `more_if_true` when it comes true."""
    rows = float(weight.sum())
    return Expected(metric, _sum(weight, if_false + more_if_true * chance) / rows, (more_if_true / rows)[:, None])


def _choice(metric: str, of_class: F64, chances: F64, weight: F64) -> Expected:
    """A mean over rows of what the class that comes true adds."""
    rows = float(weight.sum())
    return Expected(metric, _sum(weight, (of_class * chances).sum(axis=1)) / rows, of_class / rows)


def expected_area(score: F64, chance: F64, weight: F64) -> tuple[float, F64]:
    """Return the expected pairs in order over the expected pairs, NaN where there is none, and that ratio's gradient.

    Over pairs of different rows, one true and one false, with b_i rows below row i (ties half) of n: in order
    U = Σ p_i b_i - V, in all D = (n - 1) Σ p_i - 2V, with V = ((Σ p_i)² - Σ p_i²) / 2 pairs of which both come true.
    """
    rows, positives = float(weight.sum()), _sum(weight, chance)
    others = positives - chance  # dV / dp_i
    both = (positives**2 - _sum(weight, chance**2)) / 2
    below = _rows_below(score, weight)
    in_order, pairs = _sum(weight * chance, below) - both, (rows - 1.0) * positives - 2 * both
    value = ratio(in_order, pairs)
    slope = below - others - value * (rows - 1.0 - 2 * others)
    return value, slope / pairs if pairs else slope


def _rows_below(score: F64, weight: F64) -> F64:
    """How many rows have a lower score than one row of each score, others of the same score counting half."""
    order = np.argsort(score)
    ordered = score[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    tied = np.add.reduceat(weight[order], starts)
    below = np.cumsum(tied) - tied + (tied - 1.0) / 2
    found = np.empty(len(score))
    found[order] = np.repeat(below, np.diff(starts, append=len(score)))
    return found


def _sum(one: F64, other: F64) -> float:
    return float(np.sum(one * other))
