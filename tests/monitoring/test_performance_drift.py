"""Drift of calibration, attributions and fairness: found where it is, at its level where it is not."""

from __future__ import annotations

import numpy as np
import pytest
from fairlearn.metrics import selection_rate, true_positive_rate
from sklearn.metrics import ndcg_score

from mlops_runtime.core.errors import ShapeError
from mlops_runtime.monitoring.performance.drift import attribution_drift, calibration_drift, fairness_drift
from mlops_runtime.monitoring.performance.metrics import Groups
from mlops_runtime.monitoring.performance.scoring import ScoredRows
from mlops_runtime.monitoring.points import Span

DAY = Span.of_seconds(0, 86_400)


def calibrated(n: int, generator: np.random.Generator, *, shift: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    logit = generator.normal(-1.0 + shift, 1.2, n)
    score = 1 / (1 + np.exp(-logit))
    return score, (generator.random(n) < score).astype(np.float64)


@pytest.mark.parametrize(("n", "shift"), [(100, 0.0), (300, 0.0), (3_000, 0.0), (1_000, 0.7)])
def test_the_calibration_test_keeps_its_level_also_when_scores_drift(n: int, shift: float, soak_factor: int) -> None:
    draws, alarms = 400 * soak_factor, 0
    for seed in range(draws):
        generator = np.random.default_rng(seed)
        drift = calibration_drift(calibrated(5_000, generator), calibrated(n, generator, shift=shift))
        alarms += drift.p_value < 0.05
    assert 0.02 <= alarms / draws <= 0.085  # 5 % and the noise of 400 draws


def test_scores_that_grew_too_sure_are_found() -> None:
    generator = np.random.default_rng(1)
    score, outcome = calibrated(2_000, generator)
    sure = 1 / (1 + np.exp(-1.6 * np.log(score / (1 - score))))
    drift = calibration_drift(calibrated(5_000, generator), (sure, outcome))
    assert drift.p_value < 1e-4
    assert drift.bins == 10
    assert drift.current.low > drift.reference.value
    points = {point.metric: point.value for point in drift.points(DAY)}
    assert points["ece_change"] == pytest.approx(drift.current.value - drift.reference.value)


def test_too_few_labels_prove_nothing() -> None:
    few, many = (calibrated(n, np.random.default_rng(2)) for n in (24, 1_000))
    assert calibration_drift(few, many).p_value == 1.0
    assert calibration_drift(many, (np.zeros(0), np.zeros(0))).bins == 0


def test_one_score_for_all_rows_is_one_bin() -> None:
    constant = np.full(200, 0.3)
    drift = calibration_drift((constant, (np.arange(200) < 60).astype(float)), (constant, np.ones(200)))
    assert drift.bins == 1
    assert drift.p_value < 1e-10


def _contributions(n: int, scales: list[float], generator: np.random.Generator) -> np.ndarray:
    return generator.normal(size=(n, len(scales))) * scales


def test_the_ndcg_of_attributions_agrees_with_scikit_learn() -> None:
    generator = np.random.default_rng(0)
    reference, current = _contributions(500, [4, 2, 1, 0.5], generator), _contributions(500, [1, 2, 0.4, 3], generator)
    drift = attribution_drift(reference, current, "abcd")
    expected = ndcg_score([np.abs(reference).mean(axis=0)], [np.abs(current).mean(axis=0)])
    assert drift.ndcg.value == pytest.approx(expected)
    assert drift.ndcg.value < 0.9
    assert drift.features[0].name == "d"
    assert (drift.features[0].reference_rank, drift.features[0].current_rank) == (4, 1)


def test_attributions_that_stayed_are_ranked_alike_and_bad_rows_left_out() -> None:
    generator = np.random.default_rng(1)
    reference, current = _contributions(2_000, [4, 2, 1], generator), _contributions(2_000, [4, 2, 1], generator)
    current[7, 1] = np.nan
    drift = attribution_drift(reference, current, "abc")
    assert drift.ndcg.value == drift.ndcg.low == drift.ndcg.high == 1.0
    assert drift.ndcg.n == 1_999
    assert {p.labels["column"] for p in drift.points(DAY) if p.metric == "attribution_share"} == {"a", "b", "c"}


def test_a_ranking_that_rests_on_noise_has_a_wide_interval() -> None:
    generator = np.random.default_rng(2)
    reference = _contributions(2_000, [4, 2, 1, 0.1], generator)
    drift = attribution_drift(reference, _contributions(30, [1, 1, 1, 1], generator), "abcd")
    assert drift.ndcg.high - drift.ndcg.low > 0.1


def test_no_attributions_give_no_number_and_other_columns_an_error() -> None:
    some = np.ones((3, 2))
    assert np.isnan(attribution_drift(some, np.zeros((0, 2)), "ab").ndcg.value)
    with pytest.raises(ShapeError, match=r"two arrays of 2 columns, got float64\[3, 2\] and float64\[4, 3\]"):
        attribution_drift(some, np.ones((4, 3)), "ab")


def grouped(n: int, generator: np.random.Generator, *, penalty: float = 0.0) -> ScoredRows:
    sex = generator.integers(0, 2, n)
    logit = generator.normal(0.0, 1.5, n)
    outcome = (generator.random(n) < 1 / (1 + np.exp(-logit))).astype(np.float64)
    score = 1 / (1 + np.exp(-(logit + generator.normal(0.0, 0.5, n) - penalty * sex)))
    return ScoredRows(score[:, None], outcome, (Groups("sex", ("F", "M"), 1 - sex),))


def test_rates_of_groups_agree_with_fairlearn() -> None:
    rows = grouped(3_000, np.random.default_rng(0))
    drift = fairness_drift(rows, 0.5)
    women = rows.groups[0].index == 0
    called = rows.scores[women, 0] >= 0.5
    rates = {each.metric: each.value for each in drift.rates["sex=F"]}
    assert rates["selection_rate"] == pytest.approx(selection_rate(rows.outcomes[women], called))
    assert rates["true_positive_rate"] == pytest.approx(true_positive_rate(rows.outcomes[women], called))
    gaps = {(gap.rate, gap.group): gap for gap in drift.gaps}
    assert gaps["selection_rate", "sex=F"].value == pytest.approx(-gaps["selection_rate", "sex=M"].value)
    assert drift.p_value == 1.0  # there is no reference


def test_a_group_that_is_newly_disadvantaged_is_found() -> None:
    generator = np.random.default_rng(1)
    drift = fairness_drift(grouped(2_000, generator, penalty=0.8), 0.5, reference=grouped(5_000, generator))
    assert drift.p_value < 1e-3
    gap = next(gap for gap in drift.gaps if gap.rate == "selection_rate" and gap.group == "sex=F")
    assert gap.low < gap.value < gap.high < 0.0
    points = {(point.metric, point.labels.get("group")): point for point in drift.points(DAY)}
    assert points["selection_rate_gap", "sex=F"].high == gap.high
    assert points["fairness_p_value", None].value == drift.p_value


def test_the_fairness_test_keeps_its_level_and_its_intervals_hold(soak_factor: int) -> None:
    draws, alarms, held = 300 * soak_factor, 0, 0
    for seed in range(draws):
        generator = np.random.default_rng(seed)
        drift = fairness_drift(grouped(400, generator), 0.5, reference=grouped(2_000, generator))
        alarms += drift.p_value < 0.05
        held += sum(gap.low <= 0.0 <= gap.high for gap in drift.gaps) / len(drift.gaps)
    assert alarms / draws <= 0.08
    assert held / draws >= 0.93


def test_small_groups_have_rates_but_no_gaps() -> None:
    rows = grouped(60, np.random.default_rng(3))
    drift = fairness_drift(rows, 0.5, reference=rows)
    assert drift.gaps == ()
    assert drift.p_value == 1.0
    assert set(drift.rates) == {"sex=F", "sex=M"}
