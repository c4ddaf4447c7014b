"""The p-value of Cramér and von Mises' statistic from counts, beside tables, scipy and every assignment of the rows."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats

from mlops_runtime.monitoring.statistics.cvm_null import cramer_von_mises_p


def statistic(reference: np.ndarray, current: np.ndarray) -> np.ndarray:
    """The sum over edges of the gap's square by the pooled mass; current: one sample a row."""
    gaps = np.cumsum(reference, -1) / reference.sum(-1, keepdims=True) - np.cumsum(current, -1) / current.sum(
        -1, keepdims=True
    )
    pooled = reference + current
    return (pooled / pooled.sum(-1, keepdims=True) * gaps**2).sum(-1)


@pytest.mark.parametrize("counts", [([100, 100], [60, 40]), ([9, 91], [12, 40]), ([5000, 20], [900, 9])])
def test_two_bins_give_pearsons_chi_square_less_one_row(counts: tuple[list[int], list[int]]) -> None:
    table = np.array(counts)
    rows = table.sum()
    value = scipy.stats.chi2_contingency(table, correction=False).statistic * (rows - 1) / rows
    assert cramer_von_mises_p(*table) == pytest.approx(scipy.stats.chi2.sf(value, 1), rel=1e-9)


@pytest.mark.parametrize("counts", [([7, 0], [4, 0]), ([0, 3], [0, 2]), ([4], [9])])
def test_rows_that_are_all_alike_are_no_evidence(counts: tuple[list[int], list[int]]) -> None:
    assert cramer_von_mises_p(*map(np.array, counts)) == 1.0


@pytest.mark.parametrize("shift", [0.05, 0.1, 0.15, 0.2, 0.3])
def test_rows_without_ties_have_the_p_value_of_scipy(shift: float) -> None:
    rng = np.random.default_rng(1)
    before, now = rng.normal(size=900), rng.normal(shift, 1.0, 600)
    order = np.argsort(np.concatenate([before, now]))
    counts = (order < 900).astype(np.int64), (order >= 900).astype(np.int64)
    expected = scipy.stats.cramervonmises_2samp(before, now, method="asymptotic").pvalue
    assert cramer_von_mises_p(*counts) == pytest.approx(expected, rel=0.2, abs=1e-6)


@pytest.mark.parametrize(
    "masses", [[1, 2, 3, 4, 5, 5, 4, 3, 2, 1], [50, 900, 20, 10, 10, 5, 5], [1, 1, 1]], ids=["ten", "atom", "three"]
)
def test_tied_rows_have_the_share_of_assignments_that_lie_as_far_apart(masses: list[int]) -> None:
    rng, draws = np.random.default_rng(2), 40_000
    pooled = rng.multinomial(12_000, np.array(masses) / sum(masses))
    current = rng.multivariate_hypergeometric(pooled, 4000, draws)
    values = statistic(pooled - current, current)
    for share in (0.2, 0.05, 0.01):
        place = int(np.argsort(values)[round(draws * (1.0 - share))])
        truth = float((values >= values[place] * (1.0 - 1e-12)).mean())
        found = cramer_von_mises_p(pooled - current[place], current[place])
        assert abs(found - truth) <= 0.06 * truth + 5.0 * math.sqrt(truth / draws)


def test_a_hundred_million_rows_are_no_trouble() -> None:
    reference = np.array([2**40, 2**40, 2**41])
    assert cramer_von_mises_p(reference, reference) > 0.99
    assert cramer_von_mises_p(reference, reference[::-1].copy()) == 0.0
