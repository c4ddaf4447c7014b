"""Scored rows to points: every metric with its interval, over all rows and by group."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from mlops_runtime.monitoring.performance.measured import (
    Measured,
    area,
    mean,
    proportion,
    root_mean_square,
    sum_of_gaps,
)
from mlops_runtime.monitoring.performance.metrics import (
    BinaryStatistics,
    Groups,
    MulticlassStatistics,
)
from mlops_runtime.monitoring.performance.scoring import ScoredRows, Scoring
from mlops_runtime.monitoring.points import Point, Span

__all__ = ["by_group", "measure_rows", "members", "performance_points"]


def performance_points(
    rows: ScoredRows, scoring: Scoring, span: Span, labels: Mapping[str, str] | None = None
) -> list[Point]:
    """Measure a span's rows: all of them, then each group under the label `group`, as `sex=F`.

    binary: `auc`, `log_loss` (nats), `brier`, `ece`, `accuracy`, `precision`, `recall`. multiclass: `auc` (one against
    the rest, mean), `log_loss`, `ece`, `accuracy`, `macro_f1`. regression: `rmse`, `mae`, `mean_error`, in units of the
    outcome. n is the number of rows a value rests on. No rows, no points.
    """
    given = dict(labels or {})
    points = [each.point(span, given) for each in measure_rows(rows, scoring)]
    for name, members in by_group(rows):
        points += [each.point(span, {**given, "group": name}) for each in measure_rows(members, scoring)]
    return points


def by_group(rows: ScoredRows) -> Iterator[tuple[str, ScoredRows]]:
    """Yield the rows of each group that has any, named `column=value`."""
    for groups in rows.groups:
        for name, chosen in members(groups):
            yield name, ScoredRows(rows.scores[chosen], rows.outcomes[chosen])


def members(groups: Groups) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """Yield `column=value` and which rows it has, of each group that has any."""
    for position, name in enumerate(groups.names):
        chosen = groups.index == position
        if chosen.any():
            yield f"{groups.column}={name}", chosen


def measure_rows(rows: ScoredRows, scoring: Scoring) -> list[Measured]:
    """Measure rows as one; nothing for no rows."""
    if rows.rows == 0:
        return []
    match scoring.task:
        case "binary":
            return _binary(rows.scores[:, 0], rows.outcomes == 1.0, scoring.threshold)
        case "multiclass":
            return _multiclass(rows.scores, rows.outcomes.astype(np.intp))
        case "regression":
            return _regression(rows.scores[:, 0] - rows.outcomes)


def _binary(score: NDArray[np.float64], positive: NDArray[np.bool_], threshold: float) -> list[Measured]:
    rows = len(score)
    statistics = BinaryStatistics(positive, score, threshold)
    every = np.ones(rows)
    measured = statistics.measure(every)
    (right_no, false_alarms), (missed, found) = statistics.confusion(every)
    positives, called = int(missed + found), int(false_alarms + found)
    return [
        area("auc", measured["roc_auc"], statistics.ranking.auc_variance(), positives, rows - positives),
        mean("log_loss", statistics.log_losses, floor=0.0),
        mean("brier", statistics.squares, floor=0.0),
        sum_of_gaps("ece", measured["ece"], statistics.calibration.gap_errors(), rows),
        proportion("accuracy", found + right_no, rows),
        proportion("precision", found, called),
        proportion("recall", found, positives),
    ]


def _multiclass(scores: NDArray[np.float64], target: NDArray[np.intp]) -> list[Measured]:
    rows = len(target)
    statistics = MulticlassStatistics(target, scores)
    measured = statistics.measure(np.ones(rows))
    return [
        Measured("auc", measured["roc_auc_ovr"], rows),
        mean("log_loss", statistics.log_losses, floor=0.0),
        sum_of_gaps("ece", measured["ece"], statistics.calibration.gap_errors(), rows),
        proportion("accuracy", float(statistics.correct.sum()), rows),
        Measured("macro_f1", measured["macro_f1"], rows),
    ]


def _regression(errors: NDArray[np.float64]) -> list[Measured]:
    return [
        root_mean_square("rmse", errors**2),
        mean("mae", np.abs(errors), floor=0.0),
        mean("mean_error", errors),
    ]
