"""A drift report in points: what rules, timelines and Prometheus read."""

from __future__ import annotations

import math
from collections.abc import Mapping

from mlops_runtime.monitoring.points import Point, Span
from mlops_runtime.monitoring.report.drift import ColumnDrift, DriftReport

__all__ = ["drift_points"]

_VERDICT = ("p_value", "effect", "drifted")
_OF_EVERY_KIND = ("psi", "js", "hellinger", "total_variation", "chi_square", "cramers_v")
_OF_NUMBERS = ("ks", "cramer_von_mises", "wasserstein", "positive_infinite_share", "negative_infinite_share")
_OF_CATEGORIES = ("new_share",)


def drift_points(report: DriftReport, span: Span, labels: Mapping[str, str] | None = None) -> list[Point]:
    """Return every statistic of every column, with the label `column`, then those of the whole data set.

    Statistics that a kind does not have (KS of categories) make no point; one that could not be computed is NaN.
    `drifted` is 0 or 1. Of the data set: `share_drifted`, `drifted` and `rows`. labels: added to each point.

    >>> import pyarrow as pa
    >>> from mlops_runtime.monitoring import compare
    >>> same = pa.table({"age": [20.0, 30.0] * 50})
    >>> points = drift_points(compare(same, same), Span.of_seconds(0, 60), {"model": "claims"})
    >>> [(point.metric, point.value, dict(point.labels)) for point in points if point.metric == "ks"]
    [('ks', 0.0, {'model': 'claims', 'column': 'age'})]
    """
    shared = dict(labels or {})
    points = [point for column in report.columns for point in _of_column(column, span, shared)]
    dataset = report.dataset
    for metric, value in (
        ("share_drifted", dataset.share_drifted),
        ("drifted", float(dataset.drifted)),
        ("rows", float(dataset.n_current)),
    ):
        points.append(Point(metric, value, span, dataset.n_current, labels=shared))
    return points


def _of_column(column: ColumnDrift, span: Span, labels: Mapping[str, str]) -> list[Point]:
    own, n = {**labels, "column": column.name}, column.current.rows
    points = [Point(metric, float(getattr(column, metric)), span, n, labels=own) for metric in _VERDICT]
    of_kind = _OF_CATEGORIES if column.kind == "categorical" else _OF_NUMBERS
    for metric in ("missing_share", *_OF_EVERY_KIND, *of_kind):
        found = column.statistics.get(metric)
        if found is None:
            points.append(Point(metric, math.nan, span, n, labels=own))
        else:
            points.append(Point(metric, found.value, span, found.m, found.low, found.high, own))
    return points
