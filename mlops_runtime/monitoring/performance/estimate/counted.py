"""Counts of columns, as windows hold them, to estimates: no row is needed.

A bin counts as its middle. What that costs: of a classifier at most the rows of the one bin that holds the threshold
are taken for the wrong side of it; errors are fitted linearly between knots that are much farther apart than bins.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from mlops_runtime.monitoring.performance.estimate.confidence import ConfidenceEstimator
from mlops_runtime.monitoring.performance.estimate.counted_classes import CountedScores, estimate_classes
from mlops_runtime.monitoring.performance.estimate.design import Design
from mlops_runtime.monitoring.performance.estimate.document import Estimator
from mlops_runtime.monitoring.performance.measured import Measured
from mlops_runtime.monitoring.performance.score_columns import called_name, score_names
from mlops_runtime.monitoring.state.summary import CategoricalSummary, ColumnSummary, NumericSummary

__all__ = ["estimate_counts"]

F64 = NDArray[np.float64]
_Summaries = Mapping[str, ColumnSummary]


def estimate_counts(estimator: Estimator, summaries: _Summaries, classes: Sequence[str]) -> list[Measured]:
    """Estimate the metrics of the rows that were counted.

    classes: of the model, none of a number: `score_columns` says which columns hold their scores. Of three or more,
    accuracy and macro F1 need the columns of rows called so, which older bundles do not count. Nothing comes of no
    rows, or where a column that the estimator reads was not counted, or counted otherwise.
    """
    if not isinstance(estimator, ConfidenceEstimator):
        sums, rows = _sums(estimator.design, summaries)
        return estimator.estimate_sums(sums, rows) if rows else []
    scores = [_counted(summaries.get(name)) for name in score_names(classes)]
    if estimator.classes != len(classes) or any(one is None for one in scores):
        return []
    known = [one for one in scores if one is not None]
    if len(classes) == 2:
        return estimator.estimate(known[1].scores, weight=known[1].rows)
    called = [_counted(summaries.get(called_name(name))) for name in classes]
    counted = [one for one in called if one is not None]
    return estimate_classes(estimator, known, counted if len(counted) == len(classes) else ())


def _counted(summary: ColumnSummary | None) -> CountedScores | None:
    if not isinstance(summary, NumericSummary):
        return None
    rows = summary.counts.astype(np.float64)
    if summary.finite == 0:
        return CountedScores(np.zeros(len(rows)), rows)
    return CountedScores(np.clip(_middles(summary), 0.0, 1.0), rows)


def _middles(summary: NumericSummary) -> F64:
    """Return the middle of each bin, which the column's least and greatest value bound."""
    ends = np.concatenate([[summary.minimum], summary.edges, [summary.maximum]]).astype(np.float64)
    inside = np.clip(ends, summary.minimum, summary.maximum)
    middles: F64 = (inside[:-1] + inside[1:]) / 2
    return middles


def _sums(design: Design, summaries: _Summaries) -> tuple[F64, int]:
    """Return the sums of the rows' weights and how many rows there are; none unless all columns have as many."""
    parts = []
    for name, cut in design.columns.items():
        summary = summaries.get(name)
        if isinstance(cut, tuple) and isinstance(summary, CategoricalSummary) and summary.holds == "string":
            parts.append(_texts(cut, summary))
        elif not isinstance(cut, tuple) and isinstance(summary, NumericSummary):
            parts.append(_numbers(cut, summary))
        else:
            return np.zeros(0), 0
    rows = {round(float(part.sum())) for part in parts}
    return (np.concatenate(parts), rows.pop()) if len(rows) == 1 else (np.zeros(0), 0)


def _texts(cut: tuple[str, ...], summary: CategoricalSummary) -> F64:
    slots = {text: slot for slot, text in enumerate(cut)}
    places = [slots.get(category, len(cut)) for category in summary.categories]
    sums = np.bincount(np.array(places, np.int64), summary.counts, len(cut) + 2).astype(np.float64)
    sums[-2:] += summary.other + summary.new, summary.missing
    return sums


def _numbers(cut: F64, summary: NumericSummary) -> F64:
    counted = summary.counts > 0
    position = np.interp(_middles(summary)[counted], cut, np.arange(len(cut))) if counted.any() else np.zeros(0)
    low, rows = np.floor(position).astype(np.int64), summary.counts[counted].astype(np.float64)
    upper = rows * (position - low)
    sums = np.bincount(low, rows - upper, len(cut) + 2) + np.bincount(low + 1, upper, len(cut) + 2)
    sums[[0, len(cut) - 1]] += [summary.negative_infinite, summary.positive_infinite]
    sums[-1] += summary.missing
    return sums.astype(np.float64)
