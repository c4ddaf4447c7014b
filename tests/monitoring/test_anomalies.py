"""Anomalies: scores keep the level they state when nothing is wrong, and find what is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats

from mlops_runtime.core.errors import ConfigError, DataError, EmptyInputError
from mlops_runtime.monitoring.anomalies import (
    Anomaly,
    RowAnomalies,
    Series,
    robust_anomalies,
    seasonal_anomalies,
    series_of,
    traffic_anomalies,
)
from mlops_runtime.monitoring.anomalies.tails import negative_binomial_below, student_tail
from mlops_runtime.monitoring.multivariate import MultivariateReference
from mlops_runtime.monitoring.points import Point, Span

HOUR_S = 3_600.0
DAY_S = 24 * HOUR_S


def noise(n: int, generator: np.random.Generator) -> np.ndarray:
    return 0.8 + 0.01 * generator.normal(size=n)


def season(n: int, generator: np.random.Generator) -> np.ndarray:
    """A daily wave over a slow trend."""
    return np.sin(np.arange(n) * 2 * np.pi / 24) * 5 + 0.01 * np.arange(n) + generator.normal(size=n)


def counts(n: int, generator: np.random.Generator) -> np.ndarray:
    """Requests an hour that are more spread than Poisson's."""
    mean = 200 * (1.2 + np.sin(np.arange(n) * 2 * np.pi / 24)) * generator.gamma(50, 1 / 50, n)
    return generator.poisson(mean).astype(np.float64)


def by_season(series: Series, newest: int | None = None) -> list[Anomaly]:
    return seasonal_anomalies(series, period_s=DAY_S, newest=newest)


def by_traffic(series: Series, newest: int | None = None) -> list[Anomaly]:
    return traffic_anomalies(series, period_s=DAY_S, newest=newest)


def by_past(series: Series, newest: int | None = None) -> list[Anomaly]:
    return robust_anomalies(series, history=50, newest=newest)


METHODS = [(by_past, noise, 51), (by_season, season, 24 * 9 + 5), (by_traffic, counts, 24 * 8 + 5)]
Judge = Callable[..., list[Anomaly]]
Make = Callable[[int, np.random.Generator], np.ndarray]


def hourly(values: np.ndarray) -> Series:
    return Series("m", values, step_s=HOUR_S)


@pytest.mark.parametrize(("judge", "make", "n"), METHODS)
def test_scores_of_ordinary_values_keep_their_level(judge: Judge, make: Make, n: int, soak_factor: int) -> None:
    draws = 500 * soak_factor
    scores = np.array([judge(hourly(make(n, np.random.default_rng(seed))), newest=1)[0].score for seed in range(draws)])
    assert (np.abs(scores) > 1.96).mean() <= 0.075  # 5 % and the noise of 500 draws; traffic is one-sided
    assert (np.abs(scores) > 3.3).mean() <= 0.008
    assert (scores < -1.0).mean() >= 0.08  # and it is not merely silent


@pytest.mark.parametrize(("judge", "make", "n"), METHODS)
def test_a_collapse_is_found_also_after_gaps_and_earlier_anomalies(judge: Judge, make: Make, n: int) -> None:
    values = make(n, np.random.default_rng(3))
    values[n - 30] = values[n - 8] = np.nan
    values[n - 12] *= 3
    values[-1] = 0.0 if make is not season else values[-1] - 12
    (found,) = judge(hourly(values), newest=1)
    assert found.score < -3.5
    assert found.slot == n - 1
    assert f"{found.score:+.1f} standard deviations" in found.reason


def test_a_season_is_no_anomaly_but_its_value_at_the_wrong_hour_is() -> None:
    values = season(24 * 9, np.random.default_rng(5))
    assert max(abs(each.score) for each in by_season(hourly(values), newest=24)) < 4
    values[-1] = values[-18]  # well within what a day holds
    assert abs(by_season(hourly(values), newest=1)[0].score) > 3.5
    assert abs(by_past(hourly(values), newest=1)[0].score) < 3


def test_a_short_past_is_not_judged() -> None:
    assert by_past(hourly(np.ones(20))) == []
    assert by_season(hourly(season(24 * 4, np.random.default_rng(0)))) == []
    assert by_traffic(hourly(np.ones(24 * 3))) == []


def test_a_constant_past_makes_any_other_value_an_anomaly() -> None:
    found = by_past(hourly(np.r_[np.full(30, 0.5), 0.5, 0.6]))
    assert [each.score for each in found[-2:]] == [0.0, 37.0]


def test_a_past_with_one_common_value_has_a_spread_all_the_same() -> None:
    values = np.r_[np.zeros(40), np.array([1.0, -1.0] * 5), 1.0]
    assert 1.0 < by_past(hourly(values), newest=1)[0].score < 37.0


def test_values_that_are_not_there_are_not_judged() -> None:
    values = noise(60, np.random.default_rng(0))
    values[-1] = np.nan
    assert by_past(hourly(values), newest=1) == []


def test_no_rows_at_all_are_found_though_no_point_came() -> None:
    full = counts(24 * 8, np.random.default_rng(1))
    until = hourly(full).until(datetime.fromtimestamp(DAY_S * 8 + 2 * HOUR_S, UTC))
    found = by_traffic(until, newest=2)
    assert [each.value for each in found] == [0.0, 0.0]
    assert max(each.score for each in found) < -5
    assert "is 0" in found[0].reason


def test_quiet_hours_may_be_empty() -> None:
    nights = np.tile(np.r_[np.zeros(8), np.full(16, 500.0)], 9)
    assert all(each.score > -2 for each in by_traffic(hourly(nights)))


def test_more_rows_than_ever_are_no_missing_traffic() -> None:
    values = counts(24 * 8 + 1, np.random.default_rng(2))
    values[-1] *= 10
    assert by_traffic(hourly(values), newest=1)[0].score == 0.0


def test_a_period_has_to_be_whole_spans() -> None:
    with pytest.raises(ConfigError, match="two or more whole spans of 3600 s, got 5000 s"):
        seasonal_anomalies(hourly(np.ones(10)), period_s=5_000)


def _points(values: dict[int, float], **labels: str) -> list[Point]:
    return [
        Point("auc", value, Span.of_seconds(at * HOUR_S, (at + 1) * HOUR_S), 1, labels=labels)
        for at, value in values.items()
    ]


def test_points_become_series_by_labels_with_gaps_and_restatements() -> None:
    points = [
        *_points({0: 0.1, 3: 0.4}, model="a"),
        *_points({1: 0.9}, model="b"),
        *_points({3: 0.5}, model="a", restated="2"),
    ]
    first, second = series_of(points)
    assert np.array_equal(first.values, [0.1, np.nan, np.nan, 0.5], equal_nan=True)
    assert first.labels == {"model": "a"}
    assert second.span(0) == Span.of_seconds(HOUR_S, 2 * HOUR_S)


def test_the_point_of_an_anomaly_says_what_it_is_of() -> None:
    series = series_of(_points(dict(enumerate([*np.linspace(0.8, 0.81, 30), 0.2])), model="a"))[0]
    (found,) = robust_anomalies(series, newest=1)
    point = found.point(series, "robust")
    assert (point.metric, point.labels) == ("anomaly_score", {"model": "a", "metric": "auc", "method": "robust"})
    assert point.value > 8
    assert point.span == series.span(30)


def test_points_that_are_no_series_are_refused() -> None:
    odd = Point("auc", 0.5, Span.of_seconds(0, 60), 1)
    with pytest.raises(DataError, match="spans of one length"):
        series_of([*_points({0: 0.1}), odd])
    with pytest.raises(DataError, match="spans side by side"):
        series_of([odd, Point("auc", 0.5, Span.of_seconds(30, 90), 1)])
    with pytest.raises(DataError, match="at most 1,000,000"):
        series_of(_points({0: 0.1, 2_000_000: 0.2}))


def test_tails_agree_with_scipy() -> None:
    for t, degrees in ((0.0, 3.0), (2.0, 7.4), (10.0, 20.0), (30.0, 1.5)):
        assert student_tail(t, degrees) == pytest.approx(stats.t.sf(t, degrees), rel=1e-10)
    for count, mean, size in ((0, 3.0, 2.0), (50, 100.0, 7.0), (9_000, 10_000.0, 1e6), (0, 1e4, 1e3)):
        expected = stats.nbinom.cdf(count, size, size / (size + mean))
        assert negative_binomial_below(count, mean, size) == pytest.approx(expected, rel=1e-6, abs=1e-300)


class Distances:
    """The Euclidean distance from the origin."""

    def row_distances(self, batch: pa.Table) -> np.ndarray:
        return np.sqrt(sum(batch[name].to_numpy() ** 2 for name in batch.column_names))


def rows(n: int, generator: np.random.Generator) -> pa.Table:
    return pa.table({name: generator.normal(size=n) for name in "abc"})


def test_strange_rows_are_found_and_few_others(soak_factor: int) -> None:
    false = found = 0
    for seed in range(20 * soak_factor):
        generator = np.random.default_rng(seed)
        judge = RowAnomalies(Distances(), rows(5_000, generator))
        strange = pa.table({name: np.full(20, 6.0) for name in "abc"})
        flagged = judge.judge(pa.concat_tables([rows(480, generator), strange])).flagged
        found += int((flagged >= 480).sum())
        false += int((flagged < 480).sum())
    assert found == 400 * soak_factor
    assert false / (false + found) <= 0.08


def test_a_row_whose_columns_are_ordinary_but_not_together_is_found() -> None:
    generator = np.random.default_rng(4)

    def correlated(n: int) -> pa.Table:
        common = generator.normal(size=n)
        return pa.table({name: common + 0.1 * generator.normal(size=n) for name in "abc"})

    judge = RowAnomalies(MultivariateReference.fit(correlated(4_000)), correlated(8_000))
    odd = pa.table({"a": [1.5], "b": [-1.5], "c": [1.5]})
    assert 200 in judge.judge(pa.concat_tables([correlated(200), odd])).flagged


def test_rows_like_the_reference_have_uniform_p_values() -> None:
    generator = np.random.default_rng(0)
    findings = RowAnomalies(Distances(), rows(2_000, generator)).judge(rows(2_000, generator))
    assert stats.kstest(findings.p_values, "uniform").pvalue > 0.001
    assert len(findings.flagged) == 0


def test_a_row_without_a_distance_is_not_flagged_and_no_reference_is_refused() -> None:
    judge = RowAnomalies(Distances(), rows(100, np.random.default_rng(0)))
    findings = judge.judge(pa.table({"a": [np.nan], "b": [0.0], "c": [0.0]}))
    assert findings.p_values.tolist() == [1.0]
    assert len(findings.flagged) == 0
    with pytest.raises(EmptyInputError, match="reference rows, got none"):
        RowAnomalies(Distances(), rows(0, np.random.default_rng(0)))
