"""Binary metrics, held against scikit-learn; intervals; the threshold."""

from __future__ import annotations

import time

import numpy as np
import pytest
from sklearn import metrics as oracle

from mlops_runtime.monitoring.performance.metrics import BinaryStatistics, choose_threshold, intervals


def tied_scores(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    positive = generator.random(rows) < 0.3
    score = np.clip(generator.normal(0.35 + 0.3 * positive, 0.2), 0, 1).astype(np.float32)
    score[::3] = np.round(score[::3], 1)
    return positive, score


@pytest.mark.parametrize("seed", range(5))
def test_every_metric_agrees_with_scikit_learn_under_any_weights(seed: int) -> None:
    positive, score = tied_scores(700, seed)
    weight = np.random.default_rng(seed).integers(0, 4, len(score)).astype(float)
    measured = BinaryStatistics(positive, score, 0.5).measure(weight)
    called = score >= 0.5
    expected = {
        "roc_auc": oracle.roc_auc_score(positive, score, sample_weight=weight),
        "average_precision": oracle.average_precision_score(positive, score, sample_weight=weight),
        "log_loss": oracle.log_loss(positive, score, sample_weight=weight),
        "brier": oracle.brier_score_loss(positive, score, sample_weight=weight),
        "accuracy": oracle.accuracy_score(positive, called, sample_weight=weight),
        "precision": oracle.precision_score(positive, called, sample_weight=weight),
        "recall": oracle.recall_score(positive, called, sample_weight=weight),
        "f1": oracle.f1_score(positive, called, sample_weight=weight),
    }
    for name, value in expected.items():
        assert measured[name] == pytest.approx(value, abs=2e-6), name


def test_a_metric_without_both_classes_is_undefined_and_not_zero() -> None:
    measured = intervals(BinaryStatistics(np.ones(5, bool), np.linspace(0, 1, 5), 0.5), resamples=5, seed=0)
    assert measured["roc_auc"].value is None
    assert measured["accuracy"].value == 0.6


def test_a_certain_and_wrong_score_costs_a_finite_log_loss() -> None:
    measured = BinaryStatistics(np.array([True, False]), np.array([0.0, 1.0], np.float32), 0.5).measure(np.ones(2))
    assert 15 < measured["log_loss"] < 17


def test_intervals_hold_the_value_and_repeat_with_the_seed() -> None:
    statistics = BinaryStatistics(*tied_scores(2000, 1), 0.5)
    first, again = (intervals(statistics, resamples=50, seed=3) for _ in range(2))
    other = intervals(statistics, resamples=50, seed=4)
    assert first == again
    assert first != other
    for name, interval in first.items():
        assert interval.low <= interval.value <= interval.high, name
        assert interval.low < interval.high, name


def test_the_interval_of_the_auc_covers_the_truth_as_often_as_it_says() -> None:
    rows, covered = np.arange(200), 0
    positive, certain = rows % 2 == 0, rows % 4 == 0  # half of the positives outscore all others: the AUC is 3/4
    for seed in range(60):
        score = (2.0 * certain + np.random.default_rng(seed).random(200)) / 3
        interval = intervals(BinaryStatistics(positive, score, 0.5), resamples=100, seed=seed)["roc_auc"]
        covered += interval.low <= 0.75 <= interval.high
    assert 50 <= covered <= 60


@pytest.mark.parametrize("overconfidence", [0.0, 0.1])
@pytest.mark.parametrize("rows", [60, 1000])
def test_the_interval_of_the_calibration_error_holds_the_value_and_covers_the_truth(
    overconfidence: float, rows: int
) -> None:
    """Scores lie in the middle of their bins, so the true calibration error is the overconfidence in every bin."""
    covered = 0
    for seed in range(60):
        generator = np.random.default_rng(seed)
        score = 0.25 + generator.integers(0, 6, rows) / 10
        positive = generator.random(rows) < score - overconfidence
        ece = intervals(BinaryStatistics(positive, score, 0.5), resamples=100, seed=seed)["ece"]
        assert ece.low <= ece.value <= ece.high
        covered += ece.low <= overconfidence <= ece.high
    assert covered >= 54, covered


def test_sixteen_thousand_rows_and_200_resamples_take_less_than_two_seconds_of_processor_time() -> None:
    statistics = BinaryStatistics(*tied_scores(16_000, 2), 0.5)
    started = time.process_time()
    intervals(statistics, resamples=200, seed=0)
    assert time.process_time() - started < 2.0


@pytest.mark.parametrize("seed", range(5))
def test_the_chosen_threshold_has_the_best_macro_f1_of_all_scores(seed: int) -> None:
    positive, score = tied_scores(200, seed)
    threshold = choose_threshold(positive, score)
    best = max(oracle.f1_score(positive, score >= cut, average="macro", zero_division=0) for cut in np.unique(score))
    assert oracle.f1_score(positive, score >= threshold, average="macro") == pytest.approx(best, abs=1e-12)
    assert threshold not in score


def test_the_threshold_is_one_half_when_a_class_is_absent() -> None:
    assert choose_threshold(np.zeros(4, bool), np.linspace(0, 1, 4)) == 0.5
