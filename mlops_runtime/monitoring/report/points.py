"""A drift report in points: what rules, timelines and Prometheus read."""

from __future__ import annotations

import math
from collections.abc import Mapping

from mlops_runtime.monitoring.points import Point, Span
from mlops_runtime.monitoring.report.drift import ColumnDrift, DriftReport

__all__ = ["COLUMN_METRICS", "drift_points"]

COLUMN_METRICS = (
    "psi",
    "ks",
    "js",
    "wasserstein",
    "total_variation",
    "missing_share",
    "new_share",
    "p_value",
    "effect",
    "drifted",
)


def drift_points(report: DriftReport, span: Span, labels: Mapping[str, str] | None = None) -> list[Point]:
    """Return every statistic of every column, with the label `column`, then those of the whole data set.

    Statistics that a column does not have (KS of categories, say) make no point; one that could not be computed is NaN.
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
    own = {**labels, "column": column.name}
    points = []
    for metric in COLUMN_METRICS:
        if metric in column.inapplicable:
            continue
        value = getattr(column, metric)
        low, high = column.limits.get(metric) or (None, None)
        number = math.nan if value is None else float(value)
        points.append(Point(metric, number, span, column.n_current, low, high, own))
    return points
