"""Multiclass and regression metrics and calibration, held against scikit-learn and scipy; groups against fairlearn."""

from __future__ import annotations

import fairlearn.metrics as fair
import numpy as np
import pyarrow as pa
import pytest
from scipy.stats import spearmanr
from sklearn import metrics as oracle

from mlops_runtime.monitoring.performance.metrics import (
    MulticlassStatistics,
    RegressionStatistics,
    binary_groups,
    calibration_table,
    read_groups,
    regression_groups,
)


@pytest.fixture
def classified() -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    target = generator.integers(0, 4, 600)
    logits = generator.normal(size=(600, 4)) + 1.5 * np.eye(4)[target]
    return target, np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)


def test_multiclass_metrics_agree_with_scikit_learn(classified: tuple[np.ndarray, np.ndarray]) -> None:
    target, probability = classified
    measured = MulticlassStatistics(target, probability).measure(np.ones(len(target)))
    chosen = probability.argmax(axis=1)
    assert measured["log_loss"] == pytest.approx(oracle.log_loss(target, probability))
    assert measured["accuracy"] == pytest.approx(oracle.accuracy_score(target, chosen))
    assert measured["macro_f1"] == pytest.approx(oracle.f1_score(target, chosen, average="macro"))
    assert measured["roc_auc_ovr"] == pytest.approx(oracle.roc_auc_score(target, probability, multi_class="ovr"))


def test_the_multiclass_confusion_has_true_classes_as_rows(classified: tuple[np.ndarray, np.ndarray]) -> None:
    target, probability = classified
    expected = oracle.confusion_matrix(target, probability.argmax(axis=1))
    assert np.array_equal(MulticlassStatistics(target, probability).confusion(np.ones(len(target))), expected)


def test_regression_metrics_agree_with_scikit_learn_and_scipy() -> None:
    generator = np.random.default_rng(1)
    target = np.round(generator.normal(size=400), 1)
    prediction = target + generator.normal(size=400)
    measured = RegressionStatistics(target, prediction).measure(np.ones(400))
    assert measured["rmse"] == pytest.approx(oracle.root_mean_squared_error(target, prediction))
    assert measured["mae"] == pytest.approx(oracle.mean_absolute_error(target, prediction))
    assert measured["r2"] == pytest.approx(oracle.r2_score(target, prediction))
    assert measured["spearman"] == pytest.approx(spearmanr(target, prediction).statistic)
    assert measured["mean_error"] == pytest.approx(np.mean(prediction - target))


def test_calibration_bins_hold_every_row_and_a_score_of_one() -> None:
    table = calibration_table(np.array([0.0, 0.05, 0.95, 1.0]), np.array([0.0, 1.0, 1.0, 1.0]))
    assert [(row["low"], row["n"], row["share_true"]) for row in table] == [(0.0, 2, 0.5), (0.9, 2, 1.0)]


def test_group_differences_agree_with_fairlearn() -> None:
    generator = np.random.default_rng(2)
    names = generator.choice(["a", "b", "c"], 900)
    positive = generator.random(900) < 0.4
    score = np.clip(generator.normal(0.3 + 0.3 * positive + 0.1 * (names == "b"), 0.2), 0, 1)
    report = binary_groups(read_groups(pa.chunked_array([names]), column="g"), positive, score, 0.5)
    arguments = {"y_true": positive, "y_pred": score >= 0.5, "sensitive_features": names}
    assert report["demographic_parity_difference"] == pytest.approx(fair.demographic_parity_difference(**arguments))
    assert report["equalised_odds_difference"] == pytest.approx(fair.equalized_odds_difference(**arguments))
    assert report["equal_opportunity_difference"] == pytest.approx(fair.equal_opportunity_difference(**arguments))


def test_a_group_of_few_rows_is_reported_as_such_and_left_out_of_the_differences() -> None:
    names = ["a"] * 100 + ["b"] * 100 + ["tiny"] * 5
    positive = np.arange(205) % 2 == 0
    score = np.where(np.arange(205) >= 200, 0.9, np.where(positive, 0.8, 0.2))
    report = binary_groups(read_groups(pa.chunked_array([names]), column="g"), positive, score, 0.5)
    assert report["groups"]["tiny"]["enough_rows"] is False
    assert report["demographic_parity_difference"] == 0.0


def test_missing_values_are_a_group_and_many_numbers_become_quartile_bands() -> None:
    texts = read_groups(pa.chunked_array([pa.array(["x", None, "x"]).dictionary_encode()]), column="g")
    assert texts.names == ("(missing)", "x")
    numbers = read_groups(pa.chunked_array([pa.array([*map(float, range(100)), None])]), column="age")
    assert len(numbers.names) == 5
    assert np.bincount(numbers.index).max() <= 26


def test_regression_groups_report_the_difference_of_mean_errors() -> None:
    groups = read_groups(pa.chunked_array([["a"] * 60 + ["b"] * 60]), column="g")
    target = np.arange(120.0)
    prediction = target + np.where(np.arange(120) < 60, 2.0, -1.0)
    assert regression_groups(groups, target, prediction)["mean_error_difference"] == pytest.approx(3.0)
