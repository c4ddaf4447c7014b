"""Statistics against SciPy where both are exact, and against the truth on raw data where ours are bounds."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pytest
import scipy.spatial
import scipy.stats

from mlops_runtime.monitoring import Baseline, Monitor
from mlops_runtime.monitoring.state.edges import interpolated_cdf, quantile_edges
from mlops_runtime.monitoring.state.summary import NumericSummary
from mlops_runtime.monitoring.statistics.comparison import compare_summaries
from mlops_runtime.monitoring.statistics.contingency import chi_square, cramers_v
from mlops_runtime.monitoring.statistics.cumulative import (
    cramer_von_mises,
    ks,
    reference_scale,
    wasserstein,
    wasserstein_limits,
)
from mlops_runtime.monitoring.statistics.distances import hellinger, jensen_shannon, psi, total_variation
from mlops_runtime.monitoring.statistics.groups import pool_adjacent, pool_rare
from mlops_runtime.monitoring.statistics.ks_null import bridge_tail, ks_p
from mlops_runtime.monitoring.statistics.ranks import cliffs_delta
from mlops_runtime.monitoring.statistics.result import Statistic
from mlops_runtime.monitoring.statistics.shares import new_share_p, share_change, share_change_p, wilson
from mlops_runtime.monitoring.statistics.special import chi2_tail, kolmogorov_tail, normal_tail

RNG = np.random.default_rng(7)


def histogram(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    return np.bincount(np.searchsorted(edges, values, "left"), minlength=len(edges) + 1)


def test_tails_agree_with_scipy_over_the_whole_range() -> None:
    for z in np.linspace(-8, 30, 77):
        assert normal_tail(z) == pytest.approx(scipy.stats.norm.sf(z), rel=1e-12)
    for x in np.linspace(0.05, 6, 120):
        assert kolmogorov_tail(x) == pytest.approx(scipy.stats.kstwobign.sf(x), rel=1e-12)
    for degrees in (1, 2, 3, 10, 100, 1000):
        for x in np.geomspace(1e-3, 5 * degrees + 50, 40):
            assert chi2_tail(x, degrees) == pytest.approx(scipy.stats.chi2.sf(x, degrees), rel=1e-12, abs=1e-14)


def test_chi_square_and_cramers_v_agree_with_scipy() -> None:
    for size in (2, 5, 40):
        p, q = RNG.integers(5, 500, size), RNG.integers(5, 500, size)
        expected = scipy.stats.chi2_contingency(np.stack([p, q]), correction=False)
        found = chi_square(p, q)
        assert found.value == pytest.approx(expected.statistic, rel=1e-12)
        assert found.p_value == pytest.approx(expected.pvalue, rel=1e-12, abs=1e-14)
        association = scipy.stats.contingency.association(np.stack([p, q]), method="cramer")
        assert cramers_v(found).value == pytest.approx(association, rel=1e-12)


def test_jensen_shannon_agrees_with_scipy_with_empty_cells() -> None:
    p, q = np.array([10, 0, 5, 30]), np.array([0, 7, 5, 60])
    assert jensen_shannon(p, q).value == pytest.approx(scipy.spatial.distance.jensenshannon(p, q, base=2), rel=1e-12)
    assert jensen_shannon(np.array([1, 0]), np.array([0, 1])).value == 1.0


def test_hellinger_and_total_variation_agree_with_their_definitions() -> None:
    p, q = np.array([10, 0, 5, 30]), np.array([0, 7, 5, 60])
    shares = p / p.sum(), q / q.sum()
    root = scipy.spatial.distance.euclidean(np.sqrt(shares[0]), np.sqrt(shares[1])) / np.sqrt(2.0)
    assert hellinger(p, q).value == pytest.approx(root, rel=1e-12)
    assert total_variation(p, q).value == pytest.approx(scipy.spatial.distance.cityblock(*shares) / 2.0, rel=1e-12)
    for distance in (hellinger, total_variation):
        assert distance(np.array([4, 0]), np.array([0, 9])).value == 1.0


def test_psi_is_symmetric_zero_for_equal_counts_and_finite_for_empty_groups() -> None:
    p, q = np.array([100, 200, 0, 0]), np.array([150, 100, 50, 0])
    assert psi(p, q).value == pytest.approx(psi(q, p).value)
    assert psi(p, p).value == 0.0
    assert 0.0 < psi(p, q).value < 2.0


@pytest.mark.parametrize("statistic", [psi, jensen_shannon, hellinger, total_variation])
def test_a_cell_empty_on_both_sides_changes_nothing(statistic: Callable[..., Statistic]) -> None:
    p, q = np.array([100, 200]), np.array([150, 100])
    assert statistic(np.append(p, 0), np.append(q, 0)) == statistic(p, q)


INTERVALS = {"psi": psi, "js": jensen_shannon, "hellinger": hellinger, "total_variation": total_variation}


@pytest.mark.parametrize("rows", [30, 300, 10_000])
@pytest.mark.parametrize("tilt", [0.0, 0.03, 0.2])
def test_intervals_cover_the_populations_statistic(rows: int, tilt: float, soak_factor: int) -> None:
    rng, draws = np.random.default_rng(rows), 150 * soak_factor
    p = np.full(10, 0.1)
    q = p * np.exp(tilt * np.arange(-5, 5)) / np.sum(p * np.exp(tilt * np.arange(-5, 5)))
    many = 10**12
    truth = {name: one(np.rint(p * many).astype(int), np.rint(q * many).astype(int)) for name, one in INTERVALS.items()}
    misses = dict.fromkeys([*INTERVALS, "cramers_v"], 0)
    v = np.sqrt(2.0 / 3.0 * rows * np.sum((p - q) ** 2 / ((2.0 * p + q) / 3.0)) / (3.0 * rows))
    for _ in range(draws):
        counts = rng.multinomial(2 * rows, p), rng.multinomial(rows, q)
        for name, one in INTERVALS.items():
            found = one(*counts)
            misses[name] += not found.low - 1e-6 <= truth[name].value <= found.high + 1e-6
        found = cramers_v(chi_square(*counts))
        misses["cramers_v"] += not found.low - 1e-6 <= v <= found.high
    most = 0.05 * draws + 4.0 * np.sqrt(0.05 * 0.95 * draws)
    assert {name: missed for name, missed in misses.items() if missed > most} == {}


def test_ks_and_wasserstein_are_exact_when_every_value_has_its_own_bin() -> None:
    before, now = RNG.integers(0, 40, 3000).astype(float), RNG.integers(5, 40, 2000).astype(float)
    edges = quantile_edges(np.sort(before), before.min(), before.max(), bins=256)
    p, q = histogram(before, edges), histogram(now, edges)
    distance = ks(edges, p, q)
    assert distance.value == distance.high == pytest.approx(scipy.stats.ks_2samp(before, now).statistic, rel=1e-12)
    points, f = interpolated_cdf(edges, p, before.min(), before.max())
    _, g = interpolated_cdf(edges, q, before.min(), before.max())
    value = wasserstein_limits(points, f, g)[0].sum()
    assert value == pytest.approx(scipy.stats.wasserstein_distance(before, now), rel=1e-12)


def untied_cramer_von_mises(before: np.ndarray, now: np.ndarray) -> float:
    """The integral of (F - G)² from scipy's statistic, which subtracts a constant."""
    n, m = len(before), len(now)
    t = scipy.stats.cramervonmises_2samp(before, now).statistic
    return t * (n + m) / (n * m)


def test_cramer_von_mises_is_exact_for_untied_rows_with_bins_of_their_own() -> None:
    values = RNG.permutation(100).astype(float)
    before, now = values[:60], values[60:]
    edges = np.unique(np.concatenate([np.nextafter(values, -np.inf), values]))
    found = cramer_von_mises(edges, histogram(before, edges), histogram(now, edges))
    assert found.low == found.value == found.high == pytest.approx(untied_cramer_von_mises(before, now), rel=1e-12)


@pytest.mark.parametrize("shift", [0.0, 0.3, 3.0])
@pytest.mark.parametrize("shape", ["normal", "lognormal", "cauchy"])
def test_certified_limits_hold_on_the_raw_data(shape: str, shift: float) -> None:
    draw = {"normal": RNG.standard_normal, "lognormal": lambda n: RNG.lognormal(0, 2, n), "cauchy": RNG.standard_cauchy}
    before, now = draw[shape](5000), draw[shape](4000) + shift
    low, high = min(before.min(), now.min()), max(before.max(), now.max())
    edges = quantile_edges(np.sort(before), before.min(), before.max(), bins=256)
    p, q = histogram(before, edges), histogram(now, edges)
    distance, truth = ks(edges, p, q), scipy.stats.ks_2samp(before, now).statistic
    assert distance.low - 1e-12 <= truth <= distance.high + 1e-12
    assert distance.high - distance.low < 0.02
    squared, truth = cramer_von_mises(edges, p, q), untied_cramer_von_mises(before, now)
    assert squared.low - 1e-12 <= truth <= squared.high + 1e-12
    assert squared.value == pytest.approx(truth, rel=0.05, abs=1e-5)
    points, f = interpolated_cdf(edges, p, low, high)
    _, g = interpolated_cdf(edges, q, low, high)
    value, least, most = (each.sum() for each in wasserstein_limits(points, f, g))
    truth = scipy.stats.wasserstein_distance(before, now)
    assert least * (1 - 1e-9) <= truth <= most * (1 + 1e-9)
    assert least <= value <= most


def wasserstein_of(before: np.ndarray, now: np.ndarray) -> tuple[Statistic, float]:
    """Ours, and the truth in the same unit."""
    baseline = Baseline.fit(pa.table({"x": before}))
    reference = baseline.columns["x"]
    current = Monitor(baseline).update(pa.table({"x": now})).summaries()["x"]
    assert isinstance(reference, NumericSummary)
    assert isinstance(current, NumericSummary)
    found = wasserstein(reference, current)
    assert found is not None
    return found, scipy.stats.wasserstein_distance(before, now) / reference_scale(reference)


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("offset", [0.0, 1e9])
@pytest.mark.parametrize("side", ["reference", "current"])
def test_one_far_outlier_does_not_blur_wasserstein(side: str, offset: float, sign: float) -> None:
    before, now = RNG.standard_normal(10_000), RNG.standard_normal(10_000) + 0.1
    (before if side == "reference" else now)[17] = 1e6
    found, truth = wasserstein_of(sign * before + offset, sign * now + offset)
    assert found.low - 1e-6 <= truth <= found.high + 1e-6
    assert found.value == pytest.approx(truth, rel=0.05)
    assert found.high - found.low < 0.1
    assert found.null < 20 * truth


@pytest.mark.parametrize("sizes", [(30, 30), (1000, 300), (5000, 4000)])
def test_the_limits_of_wasserstein_hold_for_heavy_tails(sizes: tuple[int, int]) -> None:
    for power in (0.5, 1.0, 2.0):
        for shift in (0.0, 1.0, -50.0):
            before, now = (np.sign(x) * np.abs(x) ** power for x in map(RNG.standard_cauchy, sizes))
            found, truth = wasserstein_of(before, now + shift)
            assert found.low * (1 - 1e-9) - 1e-9 <= truth <= found.high * (1 + 1e-9) + 1e-9
            assert found.low <= found.value <= found.high


@pytest.mark.parametrize(("n", "m"), [(2, 3), (30, 30), (40, 55), (100, 100), (1, 60)])
def test_the_ks_p_value_of_untied_rows_is_scipys_exact_one(n: int, m: int) -> None:
    for _ in range(20):
        side = RNG.permutation(np.arange(n + m) < n)
        exact = scipy.stats.ks_2samp(np.flatnonzero(side), np.flatnonzero(~side), method="exact").pvalue
        assert ks_p(side.astype(int), (~side).astype(int)) == pytest.approx(exact, rel=1e-10, abs=1e-12)


@pytest.mark.parametrize(("n", "m"), [(30, 70), (400, 90), (4000, 2000)])
def test_the_ks_p_value_of_tied_rows_is_that_of_shuffled_rows(n: int, m: int, soak_factor: int) -> None:
    rng, draws = np.random.default_rng(n), 20_000 * soak_factor
    counts = rng.multinomial(n, [0.9, 0.02, 0.05, 0.03]), rng.multinomial(m, [0.9, 0.01, 0.04, 0.05])
    gaps = np.abs(np.cumsum(counts[0]) / n - np.cumsum(counts[1]) / m).max()
    shuffled = rng.multivariate_hypergeometric(counts[0] + counts[1], m, draws)
    rest = counts[0] + counts[1] - shuffled
    reached = np.abs(np.cumsum(rest, axis=1) / n - np.cumsum(shuffled, axis=1) / m).max(axis=1)
    share = float(np.mean(reached >= gaps - 1e-12))
    assert ks_p(*counts) == pytest.approx(share, abs=4.0 * np.sqrt(0.25 / draws))


def test_the_ks_p_value_does_not_lose_digits_to_references_of_ten_billion_rows() -> None:
    current = np.array([30, 55, 420, 45])
    for gap in (-8, 0, 12):
        shares = np.array([40 + gap, 50 - gap, 865, 45])
        small, large = (ks_p(shares * rows, current) for rows in (10**6, 10**9))
        assert large == pytest.approx(small, rel=1e-5)


def test_the_bridge_is_exact_for_one_edge_and_near_kolmogorov_for_many() -> None:
    for share in (0.5, 0.9, 0.01):
        deviation = np.sqrt(share * (1.0 - share))
        for x in (0.3, 0.7, 1.1):
            exact = 2.0 * scipy.stats.norm.sf(x / deviation)
            assert bridge_tail(x, np.array([share, 1.0 - share])) == pytest.approx(exact, abs=1e-9)
    for x in (0.6, 1.0, 1.36, 1.9):
        # Chernoff & Siegmund: looking only at steps of d lifts the barrier by 0.5826 sqrt(d).
        lifted = kolmogorov_tail(x + 0.5826 / 16.0)
        assert bridge_tail(x, np.full(256, 1.0 / 256.0)) == pytest.approx(lifted, rel=2e-3)


def test_the_limit_takes_over_where_it_is_within_an_eighth_of_the_exact_walk() -> None:
    masses, compared = np.full(256, 1.0 / 256.0), 0
    for draw in range(40):
        current = np.random.default_rng(draw).multinomial(127, masses * np.linspace(0.8, 1.2, 256))
        exact = ks_p(np.full(256, 400_000), current)
        gap = np.abs(np.cumsum(current) / 127 - np.cumsum(masses)).max()
        if exact < 0.3:
            compared += 1
            limit = bridge_tail(np.sqrt(127) * gap + 1.0 / (6.0 * np.sqrt(127)), masses)
            assert exact == pytest.approx(limit, rel=0.125)
    assert compared > 10


@pytest.mark.parametrize(("n", "m"), [(30, 40), (500, 100), (1, 60)])
def test_the_rank_test_is_scipys_with_ties(n: int, m: int) -> None:
    before, now = RNG.integers(0, 12, n), RNG.integers(1, 13, m)
    expected = scipy.stats.mannwhitneyu(now, before, method="asymptotic")
    found = cliffs_delta(np.bincount(before, minlength=13), np.bincount(now, minlength=13))
    assert found.p_value == pytest.approx(expected.pvalue, rel=1e-12)
    assert found.value == pytest.approx(2.0 * expected.statistic / (n * m) - 1.0, rel=1e-12, abs=1e-15)


@pytest.mark.parametrize("rows", [30, 300])
@pytest.mark.parametrize("shift", [0.0, 0.5, 1.5])
def test_the_interval_of_cliffs_delta_covers_the_populations(rows: int, shift: float, soak_factor: int) -> None:
    rng, draws = np.random.default_rng(rows), 150 * soak_factor
    edges = np.concatenate([[-np.inf], scipy.stats.norm.ppf(np.arange(1, 256) / 256), [np.inf]])
    masses = [np.diff(scipy.stats.norm.cdf(edges - mean)) for mean in (0.0, shift)]
    truth = cliffs_delta(*(np.rint(mass * 10**12).astype(int) for mass in masses)).value
    found = [cliffs_delta(rng.multinomial(2 * rows, masses[0]), rng.multinomial(rows, masses[1])) for _ in range(draws)]
    missed = sum(not one.low <= truth <= one.high for one in found)
    assert missed <= 0.06 * draws + 4.0 * np.sqrt(0.06 * 0.94 * draws)


def test_statistics_without_drift_come_to_what_they_say_on_average() -> None:
    rng, values, nulls = np.random.default_rng(12), {}, {}
    for _ in range(5):
        baseline = Baseline.fit(pa.table({f"c{n}": rng.standard_normal(4000) for n in range(25)}))
        current = Monitor(baseline).update(pa.table({f"c{n}": rng.standard_normal(500) for n in range(25)})).summaries()
        for name, reference in baseline.columns.items():
            for one in compare_summaries(reference, current[name]).statistics.values():
                values.setdefault(one.name, []).append(one.value)
                nulls.setdefault(one.name, []).append(one.null)
    for name in ("psi", "js", "hellinger", "total_variation", "chi_square", "ks", "cramer_von_mises", "wasserstein"):
        assert np.mean(values[name]) == pytest.approx(np.mean(nulls[name]), rel=0.2), name


def test_pooled_cells_expect_five_rows_on_both_sides_and_keep_every_row() -> None:
    for _ in range(50):
        p = RNG.multinomial(RNG.integers(50, 10_000), RNG.dirichlet(np.full(30, 0.3)))
        q = RNG.multinomial(RNG.integers(50, 500), RNG.dirichlet(np.full(30, 0.3)))
        for pool in (pool_adjacent, pool_rare):
            pooled = pool(p, q)
            assert (pooled[0].sum(), pooled[1].sum()) == (p.sum(), q.sum())
            smaller = min(p.sum(), q.sum()) / (p.sum() + q.sum())
            assert ((pooled[0] + pooled[1]) * smaller).min() >= 5.0 - 1e-9


@pytest.mark.parametrize(("beyond", "cells"), [(0, 2), (100, 2), (120, 3)])
def test_what_lies_beyond_the_reference_is_a_cell_where_chance_would_not_put_it(beyond: int, cells: int) -> None:
    reference, current = np.array([0, 500, 500, 0]), np.array([0, 5000, 5000, beyond])  # 100 expect 9.0 of 1,000
    for turn in (slice(None), slice(None, None, -1)):
        pooled = pool_adjacent(reference[turn], current[turn])
        assert len(pooled[0]) == cells
        assert (pooled[0].sum(), pooled[1].sum()) == (1000, 10_000 + beyond)


def test_how_cells_are_pooled_does_not_depend_on_which_side_is_the_reference() -> None:
    p, q = RNG.multinomial(3000, RNG.dirichlet(np.ones(40))), RNG.multinomial(400, RNG.dirichlet(np.ones(40)))
    for pool in (pool_adjacent, pool_rare):
        (before, now), (now_again, before_again) = pool(p, q), pool(q, p)
        assert before.tolist() == before_again.tolist()
        assert now.tolist() == now_again.tolist()


def test_a_change_of_a_rare_share_is_fishers_test_doubled() -> None:
    for hits_n, n, hits_m, m in (
        (10, 100_000, 1, 30),
        (3, 40, 9, 35),
        (0, 30, 30, 30),
        (500, 900, 400, 900),
        (5, 6, 1, 9),
    ):
        tails = [
            scipy.stats.hypergeom(n + m, hits_n + hits_m, m).cdf(hits_m),
            scipy.stats.hypergeom(n + m, hits_n + hits_m, m).sf(hits_m - 1),
        ]
        assert share_change_p(hits_n, n, hits_m, m) == pytest.approx(min(1.0, 2.0 * min(tails)), rel=1e-11, abs=1e-15)


def test_a_change_of_a_common_share_is_tested_like_a_corrected_chi_square() -> None:
    table = np.array([[3000, 97_000], [3150, 96_850]])
    expected = scipy.stats.chi2_contingency(table, correction=True).pvalue
    assert share_change_p(3000, 100_000, 3150, 100_000) == pytest.approx(expected, rel=1e-12)


def test_share_intervals_are_wilsons_and_newcombes() -> None:
    for hits, rows in ((0, 30), (3, 40), (40, 40)):
        expected = scipy.stats.binomtest(hits, rows).proportion_ci(method="wilson")
        assert wilson(hits, rows) == pytest.approx((expected.low, expected.high), rel=1e-12)
    # Newcombe (1998), table II, method 10, example a: 56/70 less 48/80 is 0.2000 [0.0524, 0.3339].
    found = share_change("missing_change", 48, 80, 56, 70)
    assert (found.value, found.low, found.high) == pytest.approx((0.2, 0.0524, 0.3339), abs=5e-5)


def test_unseen_ids_are_expected_where_the_reference_is_all_unseen_ids() -> None:
    assert new_share_p(singletons=1000, doubletons=0, n=1000, new=1000, m=1000) > 0.4
    assert new_share_p(singletons=0, doubletons=0, n=1000, new=100, m=1000) < 1e-6


def test_categories_seen_twice_make_the_expected_share_of_unseen_ones_less_certain() -> None:
    few, many = (new_share_p(singletons=50, doubletons=seen, n=1000, new=90, m=1000) for seen in (0, 400))
    assert few < many


@pytest.mark.parametrize("bins", [2, 10, 256])
def test_edges_increase_strictly_are_finite_and_few(bins: int) -> None:
    for values in (RNG.standard_normal(5000), RNG.integers(0, 300, 5000) / 7, np.array([1e-320, 5e-324]), np.zeros(9)):
        edges = quantile_edges(np.sort(values), values.min(), values.max(), bins=bins)
        assert np.isfinite(edges).all()
        assert (np.diff(edges) > 0).all()
        assert len(edges) <= 2 * bins + 2
        counts = histogram(values, edges)
        assert counts[0] == counts[-1] == 0


def test_an_atom_has_a_bin_of_its_own() -> None:
    values = np.sort(np.concatenate([np.zeros(9000), RNG.standard_normal(1000)]))
    edges = quantile_edges(values, values[0], values[-1], bins=256)
    slot = np.searchsorted(edges, 0.0, "left")
    assert (edges[slot - 1], edges[slot]) == (np.nextafter(0.0, -1.0), 0.0)
    assert histogram(values, edges)[slot] == 9000


def test_the_edge_below_the_smallest_float_stays_finite() -> None:
    lowest = -np.finfo(np.float64).max
    edges = quantile_edges(np.array([lowest, 0.0]), lowest, 0.0, bins=256)
    assert np.isfinite(edges).all()
