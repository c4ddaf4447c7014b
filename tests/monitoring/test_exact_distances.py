"""Exact distances from samples, through the API that a monitor's user calls."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from scipy import stats

from mlops_runtime.monitoring.statistics.samples import exact_distances, sorted_column


def test_one_prepared_reference_serves_many_comparisons() -> None:
    rng = np.random.default_rng(1)
    before = rng.normal(size=5000)
    reference = sorted_column(pa.table({"x": before}), "x")
    for shift in (0.0, 0.05, 0.5):
        now = rng.normal(shift, 1.0, 3000)
        found = exact_distances(reference, sorted_column(pl.DataFrame({"x": now}), "x"))
        expected = stats.ks_2samp(before, now, method="asymp")
        assert found.ks.value == pytest.approx(expected.statistic, rel=1e-12)
        assert found.ks.p_value == pytest.approx(expected.pvalue, rel=0.2, abs=1e-12)
        assert found.wasserstein.value == pytest.approx(stats.wasserstein_distance(before, now), rel=1e-12)
        assert (found.ks.n, found.ks.m, found.ks.limits) == (5000, 3000, "exact")


@pytest.mark.parametrize("n", [30, 300])
def test_the_means_without_drift_are_those_stated(n: int) -> None:
    rng = np.random.default_rng(n)
    draws = []
    for _ in range(400):
        samples = (sorted_column(pa.table({"x": rng.normal(size=rows)}), "x") for rows in (n, 2 * n))
        draws.append(exact_distances(*samples))
    for name in ("cramer_von_mises", "anderson_darling"):
        values = np.array([getattr(draw, name).value for draw in draws])
        error = values.std() / np.sqrt(len(values))
        assert abs(values.mean() - getattr(draws[0], name).null) < 4 * error


def test_times_are_compared_in_microseconds() -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    days = [start + timedelta(days=day) for day in range(10)]
    later = [day + timedelta(seconds=1) for day in days]
    found = exact_distances(sorted_column(pa.table({"t": days}), "t"), sorted_column(pa.table({"t": later}), "t"))
    assert found.wasserstein.value == pytest.approx(1e6, rel=1e-12)
