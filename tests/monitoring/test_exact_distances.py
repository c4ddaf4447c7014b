"""Exact distances from samples, through the API that a monitor's user calls."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from scipy import stats

from mlops_runtime.monitoring.statistics.sample_null import sample_ks_p
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


@pytest.mark.parametrize(("n", "m"), [(1, 1), (30, 100), (500, 500), (999, 1000), (3000, 7)])
def test_p_values_of_up_to_ten_thousand_values_are_exact(n: int, m: int) -> None:
    rng = np.random.default_rng(n)
    before, now = rng.normal(size=n), rng.normal(0.1, 1.0, m)
    samples = (sorted_column(pa.table({"x": one}), "x") for one in (before, now))
    expected = stats.ks_2samp(before, now, method="exact").pvalue
    assert exact_distances(*samples).ks.p_value == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    "draw",
    [
        lambda rng, n: rng.random(n),
        lambda rng, n: rng.integers(0, 10, n) / 7.0,
        lambda rng, n: np.where(rng.random(n) < 0.9, 0.0, rng.normal(size=n)),
        lambda rng, n: np.where(rng.random(n) < 0.33, 0.0, rng.normal(size=n)),
        lambda rng, n: rng.integers(0, 1000, n),
    ],
    ids=["continuous", "ten values", "90 % zeros", "a third zeros", "thousand values"],
)
@pytest.mark.parametrize("m", [300, 10_000])
def test_p_values_of_more_reject_at_their_level_whatever_the_ties(
    draw: Callable[[np.random.Generator, int], np.ndarray], m: int, soak_factor: int
) -> None:
    rng, draws = np.random.default_rng(m), 60 * soak_factor
    rejected = 0
    for _ in range(draws):
        before, now = np.sort(draw(rng, 20_000)), np.sort(draw(rng, m))
        both = np.concatenate([before, now])
        gaps = np.searchsorted(before, both, "right") / 20_000 - np.searchsorted(now, both, "right") / m
        rejected += sample_ks_p(before, now, float(np.abs(gaps).max())) <= 0.05
    slack = max(0.01, 4.0 * math.sqrt(0.05 * 0.95 / draws))
    assert 0.05 - slack <= rejected / draws <= 0.05 + slack


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
