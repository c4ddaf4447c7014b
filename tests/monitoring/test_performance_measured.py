"""Performance as points: values against scikit-learn, intervals against simulation."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics as oracle

from mlops_runtime.core.errors import ConfigError, ShapeError
from mlops_runtime.monitoring.performance.measure import measure_rows, performance_points
from mlops_runtime.monitoring.performance.measured import Measured, mean, proportion, student_95
from mlops_runtime.monitoring.performance.metrics import Groups
from mlops_runtime.monitoring.performance.scoring import ScoredRows, Scoring
from mlops_runtime.monitoring.points import Span

BINARY = Scoring("binary")
DAY = Span.of_seconds(0, 86_400)


def scored(n: int, generator: np.random.Generator) -> ScoredRows:
    """Calibrated probabilities and outcomes drawn by them."""
    probability = generator.beta(1.5, 2.5, n)
    return ScoredRows(probability[:, None], (generator.random(n) < probability).astype(np.float64))


def named(measured: list[Measured]) -> dict[str, Measured]:
    return {each.metric: each for each in measured}


def test_binary_metrics_agree_with_scikit_learn() -> None:
    rows = scored(3_000, np.random.default_rng(1))
    found, score, called = named(measure_rows(rows, Scoring("binary"))), rows.scores[:, 0], rows.scores[:, 0] >= 0.5
    assert found["auc"].value == pytest.approx(oracle.roc_auc_score(rows.outcomes, score), abs=1e-12)
    assert found["log_loss"].value == pytest.approx(oracle.log_loss(rows.outcomes, score))
    assert found["brier"].value == pytest.approx(oracle.brier_score_loss(rows.outcomes, score))
    assert found["precision"].value == pytest.approx(oracle.precision_score(rows.outcomes, called))
    assert found["recall"].value == pytest.approx(oracle.recall_score(rows.outcomes, called))
    assert found["recall"].n == int(rows.outcomes.sum())


def test_the_variance_of_an_auc_is_delongs() -> None:
    rows = scored(200, np.random.default_rng(2))
    score = np.round(rows.scores[:, 0], 1)  # ties
    positives, negatives = score[rows.outcomes == 1], score[rows.outcomes == 0]
    wins = (positives[:, None] > negatives) + 0.5 * (positives[:, None] == negatives)
    expected = wins.mean(axis=1).var(ddof=1) / len(positives) + wins.mean(axis=0).var(ddof=1) / len(negatives)
    auc = named(measure_rows(ScoredRows(score[:, None], rows.outcomes), Scoring("binary")))["auc"]
    assert auc.low is not None
    assert auc.high is not None
    width = math.log(auc.high / (1 - auc.high)) - math.log(auc.low / (1 - auc.low))
    error = width / (2 * stats.norm.ppf(0.975)) * auc.value * (1 - auc.value)
    assert error**2 == pytest.approx(expected)


def _covered(draws: int, make: Callable[[np.random.Generator], list[Measured]], truth: dict[str, float]) -> list[float]:
    hits = dict.fromkeys(truth, 0)
    for seed in range(draws):
        for each in make(np.random.default_rng(seed)):
            if each.metric in truth and each.low is not None and each.high is not None:
                hits[each.metric] += each.low <= truth[each.metric] <= each.high
    return [count / draws for count in hits.values()]


@pytest.mark.parametrize("n", [100, 1_000])
def test_intervals_of_binary_metrics_hold_the_true_value(n: int, soak_factor: int) -> None:
    truth = {each.metric: each.value for each in measure_rows(scored(2_000_000, np.random.default_rng(0)), BINARY)}
    truth["ece"] = 0.0
    covered = _covered(400 * soak_factor, lambda generator: measure_rows(scored(n, generator), BINARY), truth)
    assert min(covered) > 0.92  # 95 % less the noise of 400 draws


def test_intervals_of_regression_errors_hold_the_true_value(soak_factor: int) -> None:
    def make(generator: np.random.Generator) -> list[Measured]:
        outcome = generator.normal(size=200)
        prediction = outcome + generator.normal(0.5, 2.0, 200)
        return measure_rows(ScoredRows(prediction[:, None], outcome), Scoring("regression"))

    truth = {"rmse": math.sqrt(4.25), "mean_error": 0.5}
    assert min(_covered(400 * soak_factor, make, truth)) > 0.92


def test_thirty_right_answers_of_thirty_do_not_prove_perfection() -> None:
    rows = ScoredRows(np.linspace(0.6, 0.9, 30)[:, None], np.ones(30))
    accuracy = named(measure_rows(rows, BINARY))["accuracy"]
    assert accuracy.value == accuracy.high == 1.0
    assert accuracy.low is not None
    assert accuracy.low < 0.9


def test_classes_that_are_wholly_apart_leave_an_interval() -> None:
    rows = ScoredRows(np.linspace(0.0, 1.0, 40)[:, None], (np.arange(40) >= 20).astype(np.float64))
    auc = named(measure_rows(rows, BINARY))["auc"]
    assert auc.value == auc.high == 1.0
    assert auc.low is not None
    assert 0.7 < auc.low < 0.95


def test_one_class_alone_has_no_auc() -> None:
    auc = named(measure_rows(ScoredRows(np.full((10, 1), 0.3), np.zeros(10)), BINARY))["auc"]
    assert math.isnan(auc.value)
    assert auc.low is None


def test_multiclass_metrics_agree_with_scikit_learn() -> None:
    generator = np.random.default_rng(5)
    scores = generator.dirichlet([1.0, 1.0, 1.0], 500)
    target = np.array([generator.choice(3, p=row) for row in scores]).astype(np.float64)
    found = named(measure_rows(ScoredRows(scores, target), Scoring("multiclass", ("a", "b", "c"))))
    assert found["auc"].value == pytest.approx(oracle.roc_auc_score(target, scores, multi_class="ovr"))
    assert found["accuracy"].value == pytest.approx(oracle.accuracy_score(target, scores.argmax(axis=1)))


def test_each_group_has_points_of_its_own() -> None:
    rows = scored(1_000, np.random.default_rng(3))
    groups = Groups("sex", ("F", "M", "X"), np.arange(1_000) % 2)
    points = performance_points(ScoredRows(rows.scores, rows.outcomes, (groups,)), BINARY, DAY, {"model": "m@1"})
    assert {point.labels.get("group") for point in points} == {None, "sex=F", "sex=M"}  # X has no rows
    women = next(point for point in points if point.labels.get("group") == "sex=F" and point.metric == "auc")
    even = slice(None, None, 2)
    assert women.value == pytest.approx(oracle.roc_auc_score(rows.outcomes[even], rows.scores[even, 0]))
    assert women.labels["model"] == "m@1"
    assert women.n == 500


def test_no_rows_make_no_points() -> None:
    assert performance_points(ScoredRows(np.zeros((0, 1)), np.zeros(0)), BINARY, DAY) == []


def test_student_quantiles_agree_with_scipy() -> None:
    for degrees in (1, 2, 3, 5, 10, 29, 1_000):
        assert student_95(degrees) == pytest.approx(stats.t.ppf(0.975, degrees), rel=8e-3)


def test_wilsons_interval_agrees_with_scipy() -> None:
    found, expected = proportion("x", 7, 40), stats.binomtest(7, 40).proportion_ci(method="wilson")
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


def test_a_mean_of_one_row_has_no_interval() -> None:
    assert mean("mae", np.array([2.0])) == Measured("mae", 2.0, 1)


def test_scorings_that_cannot_be_are_refused() -> None:
    with pytest.raises(ConfigError, match="two different classes, got a, a"):
        Scoring("binary", ("a", "a"))
    with pytest.raises(ConfigError, match="no class, got a"):
        Scoring("regression", ("a",))
    with pytest.raises(ConfigError, match=r"a threshold in \[0, 1\], got 2"):
        Scoring("binary", threshold=2.0)
    with pytest.raises(ShapeError, match=r"scores\[3\]"):
        ScoredRows(np.zeros(3), np.zeros(3))
