"""Performance estimated before labels: on held-out rows whose inputs drifted, the truth lies within the interval."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow.csv import read_csv
from sklearn import metrics as oracle
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from mlops_runtime.core.errors import EmptyInputError, SchemaError, ShapeError
from mlops_runtime.monitoring import Baseline, Monitor
from mlops_runtime.monitoring.performance.estimate import (
    ConfidenceEstimator,
    LossEstimator,
    estimate_counts,
    fit_calibrator,
)
from mlops_runtime.monitoring.performance.estimate.expected import expected_binary, expected_multiclass
from mlops_runtime.monitoring.performance.measure import measure_rows
from mlops_runtime.monitoring.performance.measured import Measured
from mlops_runtime.monitoring.performance.score_columns import score_columns
from mlops_runtime.monitoring.performance.scoring import ScoredRows, Scoring
from mlops_runtime.monitoring.points import Span
from mlops_runtime.monitoring.state.summary import ColumnSummary


def overconfident(n: int, generator: np.random.Generator, *, shift: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Scores twice as sure as they should be, over inputs that may have moved."""
    logit = generator.normal(-0.5 + shift, 1.0, n)
    outcome = (generator.random(n) < 1 / (1 + np.exp(-logit))).astype(np.float64)
    return 1 / (1 + np.exp(-2 * logit)), outcome


def named(measured: list[Measured]) -> dict[str, Measured]:
    return {each.metric: each for each in measured}


def test_isotonic_calibration_agrees_with_scikit_learn() -> None:
    generator = np.random.default_rng(0)
    score = np.round(generator.random(2_000), 2)  # ties
    outcome = (generator.random(2_000) < score**2).astype(np.float64)
    expected = IsotonicRegression(out_of_bounds="clip").fit(score, outcome)
    asked = generator.uniform(-0.1, 1.1, 500)
    assert fit_calibrator(score, outcome, method="isotonic")(asked) == pytest.approx(expected.predict(asked), abs=1e-12)


def test_logistic_calibrations_agree_with_scikit_learn() -> None:
    score, outcome = overconfident(3_000, np.random.default_rng(1))
    low, high = np.log(score), -np.log1p(-score)
    for method, inputs in (("platt", (low + high)[:, None]), ("beta", np.stack([low, high], axis=1))):
        expected = LogisticRegression(C=1e9, tol=1e-10).fit(inputs, outcome).predict_proba(inputs)[:, 1]
        assert fit_calibrator(score, outcome, method=method)(score) == pytest.approx(expected, abs=1e-5)


def test_a_calibrator_of_classes_that_are_wholly_apart_is_finite() -> None:
    score = np.linspace(0.0, 1.0, 100)
    for method in ("isotonic", "platt", "beta"):
        calibrated = fit_calibrator(score, (score > 0.5).astype(np.float64), method=method)(score)
        assert np.isfinite(calibrated).all()
        assert calibrated[0] < 0.01
        assert calibrated[-1] > 0.99


def test_a_calibrator_needs_both_outcomes() -> None:
    with pytest.raises(EmptyInputError, match="rows of both outcomes, got 3 rows of one outcome"):
        fit_calibrator(np.array([0.1, 0.2, 0.3]), np.ones(3))


@pytest.mark.parametrize("method", ["platt", "beta"])
def test_the_metrics_of_drifted_rows_lie_within_the_estimates(method: str, soak_factor: int) -> None:
    hits, draws = dict.fromkeys(("auc", "log_loss", "brier", "accuracy", "precision", "recall"), 0), 40 * soak_factor
    for seed in range(draws):
        generator = np.random.default_rng(seed)
        estimator = ConfidenceEstimator.fit(*overconfident(4_000, generator), method=method)
        score, outcome = overconfident(1_000, generator, shift=0.8)
        truth = named(measure_rows(ScoredRows(score[:, None], outcome), Scoring("binary")))
        for each in estimator.estimate(score):
            hits[each.metric] += each.low <= truth[each.metric].value <= each.high
    assert min(hits.values()) / draws >= 0.85  # 95 % less the noise of 40 draws
    assert sum(hits.values()) / draws / len(hits) >= 0.91


def test_rows_without_a_score_are_left_out() -> None:
    score, outcome = overconfident(1_000, np.random.default_rng(3))
    estimator = ConfidenceEstimator.fit(score, outcome)
    gaps = np.r_[score, np.nan, 0.5], np.r_[outcome, 1.0, np.nan]
    assert ConfidenceEstimator.fit(*gaps).estimate(score) == estimator.estimate(score)
    assert estimator.estimate(gaps[0][:-1]) == estimator.estimate(score)
    assert estimator.estimate(np.array([np.nan])) == []


def three_classes(n: int, generator: np.random.Generator, *, shift: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Scores of three classes, surer than they should be."""
    logits = generator.normal([0.0, shift, -0.5], 1.0, (n, 3))
    chances, scores = (np.exp(by * logits) / np.exp(by * logits).sum(axis=1, keepdims=True) for by in (1.0, 1.7))
    outcome = (generator.random((n, 1)) > np.cumsum(chances, axis=1)).sum(axis=1)
    return scores, np.minimum(outcome, 2).astype(np.float64)


def test_the_metrics_of_several_classes_lie_within_the_estimates(soak_factor: int) -> None:
    hits, draws = dict.fromkeys(("auc", "log_loss", "accuracy", "macro_f1"), 0), 40 * soak_factor
    for seed in range(draws):
        generator = np.random.default_rng(seed)
        estimator = ConfidenceEstimator.fit(*three_classes(4_000, generator), method="beta")
        scores, outcome = three_classes(1_000, generator, shift=0.5)
        truth = named(measure_rows(ScoredRows(scores, outcome), Scoring("multiclass", ("a", "b", "c"))))
        for each in estimator.estimate(scores):
            hits[each.metric] += each.low <= truth[each.metric].value <= each.high
    assert min(hits.values()) / draws >= 0.85


def counted_classes(scores: np.ndarray, baseline: Baseline) -> dict[str, ColumnSummary]:
    return Monitor(baseline).update(pa.table(score_columns(("a", "b", "c"), scores))).summaries()


def test_counts_of_several_classes_are_as_good_as_their_rows(soak_factor: int) -> None:
    hits, draws = dict.fromkeys(("auc", "log_loss", "accuracy", "macro_f1"), 0), 20 * soak_factor
    for seed in range(draws):
        generator = np.random.default_rng(seed)
        known, outcome = three_classes(4_000, generator)
        estimator = ConfidenceEstimator.fit(known, outcome, method="beta")
        baseline = Baseline.fit(pa.table(score_columns(("a", "b", "c"), known)))
        scores, outcome = three_classes(1_000, generator, shift=0.5)
        truth = named(measure_rows(ScoredRows(scores, outcome), Scoring("multiclass", ("a", "b", "c"))))
        by_rows = named(estimator.estimate(scores))
        for each in estimate_counts(estimator, counted_classes(scores, baseline), ("a", "b", "c")):
            hits[each.metric] += each.low <= truth[each.metric].value <= each.high
            assert each.n == 1_000
            assert each.value == pytest.approx(by_rows[each.metric].value, abs=0.02)
    assert min(hits.values()) / draws >= 0.85


def test_without_the_rows_called_so_two_metrics_of_several_classes_are_known() -> None:
    scores, outcome = three_classes(2_000, np.random.default_rng(1))
    estimator = ConfidenceEstimator.fit(scores, outcome)
    summaries = counted_classes(scores, Baseline.fit(pa.table(score_columns(("a", "b", "c"), scores))))
    alone = {name: one for name, one in summaries.items() if name.startswith("score:")}
    found = estimate_counts(estimator, alone, ("a", "b", "c"))
    assert found == estimate_counts(estimator, summaries, ("a", "b", "c"))[:2]
    assert [each.metric for each in found] == ["auc", "log_loss"]
    del alone["score:b"]
    assert estimate_counts(estimator, alone, ("a", "b", "c")) == []


def test_a_class_that_no_row_was_called_has_no_part_in_the_estimate() -> None:
    scores, outcome = three_classes(2_000, np.random.default_rng(1))
    estimator = ConfidenceEstimator.fit(scores, outcome)
    baseline = Baseline.fit(pa.table(score_columns(("a", "b", "c"), scores)))
    sure = scores[scores.argmax(axis=1) != 1]
    found = named(estimate_counts(estimator, counted_classes(sure, baseline), ("a", "b", "c")))
    by_rows = named(estimator.estimate(sure))
    assert found["accuracy"].value == pytest.approx(by_rows["accuracy"].value, abs=0.02)
    assert found["macro_f1"].value == pytest.approx(by_rows["macro_f1"].value, abs=0.02)
    assert estimate_counts(estimator, counted_classes(scores[:0], baseline), ("a", "b", "c")) == []


def test_scores_of_other_classes_are_refused() -> None:
    estimator = ConfidenceEstimator.fit(*three_classes(300, np.random.default_rng(0)))
    with pytest.raises(ShapeError, match=r"scores of 3 classes, got float64\[5\]"):
        estimator.estimate(np.zeros(5))
    with pytest.raises(ShapeError, match=r"three or more, got float64\[5, 2\]"):
        estimator.estimate(np.zeros((5, 2)))


def test_the_census_is_estimated_closely_on_rows_that_were_held_out(shared_data: Path) -> None:
    columns = ["age", "education_num", "hours_per_week", "capital_gain", "income"]
    table = read_csv(shared_data / "adult" / "train.csv").select(columns)
    inputs = np.log1p(np.stack([table[name].to_numpy() for name in columns[:-1]], axis=1))
    label = np.array([">" in text for text in table["income"].to_pylist()], np.float64)
    trained, reference, held_out = np.array_split(np.random.default_rng(0).permutation(len(label)), 3)
    model = LogisticRegression(class_weight="balanced", max_iter=1_000).fit(inputs[trained], label[trained])
    score = model.predict_proba(inputs)[:, 1]  # balanced: far from calibrated
    truth = named(measure_rows(ScoredRows(score[held_out, None], label[held_out]), Scoring("binary")))
    for method in ("isotonic", "beta"):
        estimator = ConfidenceEstimator.fit(score[reference], label[reference], method=method)
        for each in estimator.estimate(score[held_out]):
            assert each.value == pytest.approx(truth[each.metric].value, abs=0.025), (method, each.metric)
    assert truth["ece"].value > 0.1


def test_the_expected_auc_is_the_mean_of_the_aucs_of_all_outcomes() -> None:
    score = np.array([0.2, 0.5, 0.5, 0.8])
    weighted = pairs = 0.0
    for i in range(4):
        for j in set(range(4)) - {i}:
            weight = score[i] * (1 - score[j])
            pairs += weight
            weighted += weight * (float(score[i] > score[j]) + 0.5 * float(score[i] == score[j]))
    expected = {each.metric: each for each in expected_binary(score, score, np.ones(4), 0.5)}
    assert expected["auc"].value == pytest.approx(weighted / pairs)


def test_known_outcomes_are_measured_as_everywhere() -> None:
    generator = np.random.default_rng(6)
    score, outcome = overconfident(500, generator)
    score = np.round(score, 1)  # ties, and scores of 0 and 1
    expected = named(measure_rows(ScoredRows(score[:, None], outcome), Scoring("binary", threshold=0.4)))
    for each in expected_binary(score, outcome, np.ones(500), 0.4):
        assert each.value == pytest.approx(expected[each.metric].value, rel=1e-12), each.metric


def test_known_classes_are_measured_as_everywhere() -> None:
    scores, outcome = three_classes(500, np.random.default_rng(6))
    expected = named(measure_rows(ScoredRows(scores, outcome), Scoring("multiclass", ("a", "b", "c"))))
    for each in expected_multiclass(scores, np.eye(3)[outcome.astype(int)], np.ones(500)):
        assert each.value == pytest.approx(expected[each.metric].value, rel=1e-12), each.metric


def test_a_gradient_says_by_how_much_a_metric_grows() -> None:
    generator = np.random.default_rng(9)
    score, chance, weight = np.round(generator.random(40), 1), generator.random(40), np.ones(40)
    before = list(expected_binary(score, chance, weight, 0.5))
    scores = generator.dirichlet(np.ones(3), 40)
    chances = generator.dirichlet(np.ones(3), 40)
    before_of_three = list(expected_multiclass(scores, chances, weight))
    for row in (0, 17, 39):
        step = np.where(np.arange(40) == row, 1e-6, 0.0)
        for one, more in zip(before, expected_binary(score, chance + step, weight, 0.5), strict=True):
            assert (more.value - one.value) / 1e-6 == pytest.approx(one.gradient[row, 0], abs=1e-6), one.metric
        moved = chances + step[:, None] * np.array([1.0, -1.0, 0.0])
        for one, more in zip(before_of_three, expected_multiclass(scores, moved, weight), strict=True):
            slope = one.gradient[row, 0] - one.gradient[row, 1]
            assert (more.value - one.value) / 1e-6 == pytest.approx(slope, abs=1e-6), one.metric


def test_rows_of_one_score_may_be_counted() -> None:
    generator = np.random.default_rng(2)
    estimator = ConfidenceEstimator.fit(*overconfident(1_000, generator))
    score = np.round(overconfident(3_000, generator)[0], 2)
    values, counts = np.unique(score, return_counts=True)
    row_by_row = named(estimator.estimate(score))
    for each in estimator.estimate(np.r_[values, 0.5], weight=np.r_[counts, 0].astype(np.float64)):
        one = row_by_row[each.metric]
        assert (each.n, each.value, each.low, each.high) == pytest.approx((one.n, one.value, one.low, one.high))


def test_the_expected_confusion_counts_every_row_once() -> None:
    generator = np.random.default_rng(3)
    estimator = ConfidenceEstimator.fit(*overconfident(20_000, generator))
    score, outcome = overconfident(20_000, generator)
    expected = np.array(estimator.confusion(score))
    assert expected.sum() == pytest.approx(20_000)
    assert expected == pytest.approx(oracle.confusion_matrix(outcome, score >= 0.5), abs=250)


def test_a_changed_meaning_of_the_inputs_is_what_the_estimate_cannot_see() -> None:
    generator = np.random.default_rng(4)
    estimator = ConfidenceEstimator.fit(*overconfident(5_000, generator))
    score, outcome = overconfident(2_000, generator)
    accuracy = named(estimator.estimate(score))["accuracy"]
    assert accuracy.low > oracle.accuracy_score(1 - outcome, score >= 0.5) + 0.2


def test_estimates_say_that_they_are_estimates() -> None:
    estimator = ConfidenceEstimator.fit(*overconfident(500, np.random.default_rng(5)))
    points = estimator.points(np.array([0.3, 0.7]), Span.of_seconds(0, 60), {"model": "m"})
    assert {(point.labels["estimated"], point.labels["model"]) for point in points} == {("confidence", "m")}
    assert estimator.points(np.zeros(0), Span.of_seconds(0, 60)) == []


def noisy(n: int, generator: np.random.Generator, *, shift: float = 0.0) -> tuple[pa.Table, np.ndarray]:
    """Errors whose variance grows with one number, where it is known, and is larger in one city."""
    x, known = generator.normal(shift, 1.0, n), generator.random(n) >= 0.05
    city = generator.choice(["A", "B"], n, p=[0.7 - shift / 4, 0.3 + shift / 4])
    variance = 0.5 + np.where(known, np.exp(np.clip(x, -3, 3) / 2), 1.0) + (city == "B")
    inputs = {"x": np.where(known, x, np.nan), "city": city, "prediction": generator.normal(size=n)}
    return pa.table(inputs), generator.normal(0.0, np.sqrt(variance))


def test_the_errors_of_drifted_rows_lie_within_the_estimates(soak_factor: int) -> None:
    hits, draws = {"mae": 0, "rmse": 0}, 40 * soak_factor
    for seed in range(draws):
        generator = np.random.default_rng(seed)
        estimator = LossEstimator.fit(*noisy(4_000, generator))
        inputs, error = noisy(800, generator, shift=0.6)
        truth = {"mae": np.abs(error).mean(), "rmse": np.sqrt((error**2).mean())}
        for each in estimator.estimate(inputs):
            hits[each.metric] += each.low <= truth[each.metric] <= each.high
    assert min(hits.values()) / draws >= 0.85


def test_an_estimate_follows_a_drift_of_the_inputs() -> None:
    generator = np.random.default_rng(8)
    estimator = LossEstimator.fit(*noisy(20_000, generator))
    before, after = (named(estimator.estimate(noisy(20_000, generator, shift=by)[0]))["mae"] for by in (0.0, 0.6))
    assert after.low > before.high


def test_counted_columns_give_what_their_rows_give() -> None:
    generator = np.random.default_rng(4)
    inputs, error = noisy(3_000, generator)
    estimator, baseline = LossEstimator.fit(inputs, error), Baseline.fit(inputs)
    now, _ = noisy(1_000, generator, shift=0.5)
    x = now["x"].to_numpy().copy()
    x[:30] = [np.inf] * 10 + [-np.inf] * 20
    now = now.set_column(0, "x", pa.array(x))
    counted = named(estimate_counts(estimator, Monitor(baseline).update(now).summaries(), ()))
    for each in estimator.estimate(now):
        assert counted[each.metric].n == 1_000
        assert counted[each.metric].value == pytest.approx(each.value, rel=2e-3)
        assert counted[each.metric].low == pytest.approx(each.low, rel=5e-3)
    names = pa.table({"x": inputs["city"], "city": inputs["city"], "prediction": inputs["prediction"]})
    assert estimate_counts(estimator, Baseline.fit(names).columns, ()) == []
    assert estimate_counts(estimator, Monitor(baseline).update(now.drop_columns(["x"])).summaries(), ()) == []


def test_columns_that_were_not_fitted_on_are_refused() -> None:
    estimator = LossEstimator.fit(*noisy(200, np.random.default_rng(0)))
    with pytest.raises(SchemaError, match="expected column `city`, got columns x"):
        estimator.estimate(pa.table({"x": [1.0]}))
    with pytest.raises(SchemaError, match="column `city`: expected texts, as it was fitted on, got int64"):
        estimator.estimate(pa.table({"x": [1.0], "city": [1], "prediction": [0.0]}))
    with pytest.raises(EmptyInputError, match="100 rows or more, got 3"):
        LossEstimator.fit(pa.table({"x": [1.0, 2.0, 3.0]}), np.ones(3))


def test_new_categories_and_empty_columns_are_no_error() -> None:
    generator = np.random.default_rng(1)
    inputs = pa.table({"x": pa.nulls(300, pa.float64()), "city": ["A", "B", None] * 100})
    estimator = LossEstimator.fit(inputs, generator.normal(size=300))
    found = named(estimator.estimate(pa.table({"x": [1.0, None], "city": ["Z", None]})))
    assert 0.3 < found["mae"].value < 1.5
    assert estimator.estimate(inputs.slice(0, 0)) == []
