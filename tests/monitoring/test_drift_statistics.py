"""Statistics against SciPy where both are exact, and against the truth on raw data where ours are bounds."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.spatial
import scipy.stats

from mlops_runtime.monitoring.state.edges import interpolated_cdf, quantile_edges
from mlops_runtime.monitoring.statistics import histograms as st
from mlops_runtime.monitoring.statistics.special import chi2_tail, kolmogorov_tail, normal_tail

RNG = np.random.default_rng(7)


def histogram(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    return np.bincount(np.searchsorted(edges, values, "left"), minlength=len(edges) + 1)


def test_tails_agree_with_scipy_over_the_whole_range() -> None:
    for z in np.linspace(-8, 30, 77):
        assert normal_tail(z) == pytest.approx(scipy.stats.norm.sf(z), rel=1e-12)
    for x in np.linspace(0.05, 6, 120):
        assert kolmogorov_tail(x) == pytest.approx(scipy.stats.kstwobign.sf(x), rel=1e-9, abs=1e-13)
    for degrees in (1, 2, 3, 10, 100, 1000):
        for x in np.geomspace(1e-3, 5 * degrees + 50, 40):
            assert chi2_tail(x, degrees) == pytest.approx(scipy.stats.chi2.sf(x, degrees), rel=1e-9, abs=1e-14)


def test_chi_square_agrees_with_scipy() -> None:
    for size in (2, 5, 40):
        p, q = RNG.integers(5, 500, size), RNG.integers(5, 500, size)
        expected = scipy.stats.chi2_contingency(np.stack([p, q]), correction=False).pvalue
        assert st.chi_square_p(p, q) == pytest.approx(expected, rel=1e-9, abs=1e-14)


def test_jensen_shannon_agrees_with_scipy_with_empty_cells() -> None:
    p, q = np.array([10, 0, 5, 30]), np.array([0, 7, 5, 60])
    assert st.js_distance(p, q) == pytest.approx(scipy.spatial.distance.jensenshannon(p, q, base=2), rel=1e-12)
    assert st.js_distance(np.array([1, 0]), np.array([0, 1])) == 1.0


def test_psi_is_symmetric_zero_for_equal_counts_and_finite_for_empty_groups() -> None:
    p, q = np.array([100, 200, 0, 0]), np.array([150, 100, 50, 0])
    assert st.psi(p, q) == pytest.approx(st.psi(q, p))
    assert st.psi(p, p) == 0.0
    assert 0.0 < st.psi(p, q) < 2.0


def test_a_cell_empty_on_both_sides_changes_nothing() -> None:
    p, q = np.array([100, 200]), np.array([150, 100])
    assert st.psi(np.append(p, 0), np.append(q, 0)) == st.psi(p, q)


def test_ks_and_wasserstein_are_exact_when_every_value_has_its_own_bin() -> None:
    before, now = RNG.integers(0, 40, 3000).astype(float), RNG.integers(5, 40, 2000).astype(float)
    edges = quantile_edges(np.sort(before), before.min(), before.max(), bins=256)
    p, q = histogram(before, edges), histogram(now, edges)
    exact = scipy.stats.ks_2samp(before, now)
    ks = st.ks_from_counts(edges, p, q)
    assert ks.value == ks.high == pytest.approx(exact.statistic, rel=1e-12)
    points, f = interpolated_cdf(edges, p, before.min(), before.max())
    _, g = interpolated_cdf(edges, q, before.min(), before.max())
    distance = st.wasserstein_from_cdf(points, f, g)
    assert distance.value == pytest.approx(scipy.stats.wasserstein_distance(before, now), rel=1e-12)


@pytest.mark.parametrize("shift", [0.0, 0.3, 3.0])
@pytest.mark.parametrize("shape", ["normal", "lognormal", "cauchy"])
def test_the_limits_of_ks_and_wasserstein_hold_on_the_raw_data(shape: str, shift: float) -> None:
    draw = {"normal": RNG.standard_normal, "lognormal": lambda n: RNG.lognormal(0, 2, n), "cauchy": RNG.standard_cauchy}
    before, now = draw[shape](5000), draw[shape](4000) + shift
    low, high = min(before.min(), now.min()), max(before.max(), now.max())
    edges = quantile_edges(np.sort(before), before.min(), before.max(), bins=256)
    p, q = histogram(before, edges), histogram(now, edges)
    ks, true_ks = st.ks_from_counts(edges, p, q), scipy.stats.ks_2samp(before, now).statistic
    assert ks.low - 1e-12 <= true_ks <= ks.high + 1e-12
    assert ks.high - ks.low < 0.02
    points, f = interpolated_cdf(edges, p, low, high)
    _, g = interpolated_cdf(edges, q, low, high)
    distance, truth = st.wasserstein_from_cdf(points, f, g), scipy.stats.wasserstein_distance(before, now)
    slack = 1e-9 * truth
    assert distance.low - slack <= truth <= distance.high + slack
    assert distance.low <= distance.value <= distance.high


def test_the_ks_p_value_is_near_scipys_exact_one() -> None:
    for n, m in ((100, 100), (1000, 300), (10_000, 10_000)):
        root = np.sqrt(n * m / (n + m))
        for distance in np.array([0.8, 1.0, 1.36, 1.63]) / root:
            exact = scipy.stats.kstwo.sf(distance, round(root**2))
            assert st.ks_p(distance, n, m) == pytest.approx(exact, rel=0.08)


def test_a_change_of_share_is_tested_like_a_corrected_chi_square() -> None:
    table = np.array([[30, 970], [60, 940]])
    expected = scipy.stats.chi2_contingency(table, correction=True).pvalue
    assert st.share_change_p(30, 1000, 60, 1000) == pytest.approx(expected, rel=1e-9)


def test_unseen_ids_are_expected_where_the_reference_is_all_unseen_ids() -> None:
    assert st.new_share_p(singletons=1000, doubletons=0, n=1000, new=1000, m=1000) > 0.4
    assert st.new_share_p(singletons=0, doubletons=0, n=1000, new=100, m=1000) < 1e-6


def test_categories_seen_twice_make_the_expected_share_of_unseen_ones_less_certain() -> None:
    few, many = (st.new_share_p(singletons=50, doubletons=seen, n=1000, new=90, m=1000) for seen in (0, 400))
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
