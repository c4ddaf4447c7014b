"""A report in points: what the report says, with its limits, under the names that rules know."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa

from mlops_runtime.monitoring import DriftReport, compare
from mlops_runtime.monitoring.points import Point, Span
from mlops_runtime.monitoring.report.points import drift_points

SPAN = Span.of_seconds(0, 3600)


def report() -> DriftReport:
    rng = np.random.default_rng(3)
    before = pa.table({"x": rng.standard_normal(400), "word": ["a", "b"] * 200, "void": pa.nulls(400, pa.float64())})
    now = pa.table({"x": rng.standard_normal(400) + 1, "word": ["a", None] * 200, "void": rng.standard_normal(400)})
    return compare(before, now)


def named(metric: str, points: list[Point], **labels: str) -> Point:
    (found,) = [one for one in points if one.metric == metric and labels.items() <= one.labels.items()]
    return found


def test_a_point_says_what_the_report_says() -> None:
    found = report()
    points = drift_points(found, SPAN, {"model": "claims"})
    psi, ks = named("psi", points, column="x"), named("ks", points, column="x")
    assert psi.value == found.column("x").psi
    assert (ks.value, ks.span, ks.n) == (found.column("x").ks, SPAN, 400)
    whole = found.column("x").statistics["ks"]
    assert (ks.low, ks.high) == (whole.low, whole.high)
    assert named("missing_share", points, column="word").value == 0.5
    assert all(point.labels["model"] == "claims" for point in points)


def test_verdicts_are_zero_or_one_and_the_data_set_has_its_own() -> None:
    points = drift_points(report(), SPAN)
    assert named("drifted", points, column="x").value == 1.0
    whole = {point.metric: point.value for point in points if "column" not in point.labels}
    assert whole == {"share_drifted": 1.0, "drifted": 1.0, "rows": 400.0}


def test_a_statistic_of_another_kind_makes_no_point_and_one_without_values_is_nan() -> None:
    points = drift_points(report(), SPAN)
    metrics = {point.metric for point in points if point.labels.get("column") == "word"}
    assert {"total_variation", "new_share"} <= metrics
    assert not metrics & {"ks", "wasserstein"}
    assert math.isnan(named("ks", points, column="void").value)


def test_points_survive_json() -> None:
    for point in drift_points(report(), SPAN):
        again = Point.from_dict(point.to_dict())
        assert again == point or (math.isnan(again.value) and math.isnan(point.value))
