"""Distances and tests between two histograms over the same bins, each with its definition and source."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlops_runtime.monitoring.statistics.special import chi2_tail, kolmogorov_tail, normal_tail

__all__ = [
    "Bounded",
    "chi_square_p",
    "cohen_h",
    "equal_mass_groups",
    "js_distance",
    "ks_from_counts",
    "ks_p",
    "new_share_p",
    "psi",
    "share_change_p",
    "total_variation",
    "wasserstein_from_cdf",
]

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

_PSI_GROUPS = 10


@dataclass(frozen=True, slots=True)
class Bounded:
    """A statistic estimated from bins, with certified limits: the value on the raw data lies in [low, high]."""

    value: float
    low: float
    high: float


def equal_mass_groups(reference: I64, *, groups: int = _PSI_GROUPS) -> I64:
    """Return int64[slots], the group of each histogram slot: about equal reference mass each, in slot order.

    The first and last slots (below and above everything in the reference) stay groups of their own. PSI and
    Jensen-Shannon are taken over these: over 256 bins their sampling noise, about (bins - 1)(1/n + 1/m) nats, would
    drown the conventional PSI thresholds, which belong to deciles.
    """
    twice_middle = 2 * np.cumsum(reference) - reference
    inner: I64 = np.minimum(twice_middle * groups // max(2 * int(reference.sum()), 1), groups - 1) + 1
    inner[0], inner[-1] = 0, groups + 1
    return inner


def psi(reference: I64, current: I64) -> float:
    """Population stability index Σ (q - p) ln(q / p) in nats; above 0.1 conventionally a shift, above 0.25 a major one.

    reference, current: int64[k] counts over the same groups. The zero rule: groups empty on both sides are dropped,
    and half a count is added to every other group of both sides, so that an empty group is evidence and not infinity.
    Source: Siddiqi, Credit Risk Scorecards (2006); half counts: Jeffreys' prior of a multinomial.

    >>> psi(np.array([10, 20, 0]), np.array([10, 20, 0]))
    0.0
    """
    used = (reference + current) > 0
    p, q = reference[used] + 0.5, current[used] + 0.5
    p, q = p / p.sum(), q / q.sum()
    return float(np.sum((q - p) * np.log(q / p)))


def js_distance(reference: I64, current: I64) -> float:
    """Jensen-Shannon distance, the square root of the divergence in bits: 0 for equal shares, 1 for disjoint ones.

    Equals `scipy.spatial.distance.jensenshannon(base=2)`.
    Source: Endres & Schindelin, IEEE Trans. Inf. Theory 49 (2003).
    """
    p, q = reference / reference.sum(), current / current.sum()
    middle = (p + q) / 2.0
    divergence = (_entropy_bits(p, middle) + _entropy_bits(q, middle)) / 2.0
    return math.sqrt(max(0.0, divergence))


def _entropy_bits(p: F64, q: F64) -> float:
    used = p > 0
    return float(np.sum(p[used] * np.log2(p[used] / q[used])))


def total_variation(reference: I64, current: I64) -> float:
    """Half the sum of the absolute differences of shares: the mass that has to move."""
    return float(np.abs(reference / reference.sum() - current / current.sum()).sum() / 2.0)


def ks_from_counts(edges: F64, reference: I64, current: I64) -> Bounded:
    """Kolmogorov-Smirnov distance sup |F - G|, from counts: the largest gap at an edge.

    The gap at the edges is a lower limit of the true one. Inside a bin the gap is at most the larger of
    F(right) - G(left) and G(right) - F(left), which gives the upper limit; a bin one float wide holds one value, so
    nothing can hide in it. Exact when every value of both samples has such a bin.
    """
    f, g = np.cumsum(reference) / reference.sum(), np.cumsum(current) / current.sum()
    at_edges = float(np.max(np.abs(f - g)[:-1]))
    f_left, g_left = np.concatenate([[0.0], f[:-1]]), np.concatenate([[0.0], g[:-1]])
    inside = np.maximum(f - g_left, g - f_left)
    inside[1:-1][np.nextafter(edges[:-1], np.inf) == edges[1:]] = 0.0
    inside[(reference == 0) & (current == 0)] = 0.0
    return Bounded(at_edges, at_edges, max(at_edges, float(inside.max())))


def ks_p(distance: float, n: int, m: int) -> float:
    """Asymptotic two-sample Kolmogorov-Smirnov p-value, with Stephens' small-sample correction.

    Conservative when `distance` was taken at bin edges or the data has ties.
    Source: Stephens, J. Royal Stat. Soc. B 32 (1970); effective size n m / (n + m).
    """
    root = math.sqrt(n * m / (n + m))
    return min(1.0, kolmogorov_tail((root + 0.12 + 0.11 / root) * distance))


def wasserstein_from_cdf(points: F64, f: F64, g: F64) -> Bounded:
    """Wasserstein-1 distance ∫ |F - G| dx from both distribution functions at common points, in units of x.

    points: float64[k] ascending, the first with F = G = 0 and the last with F = G = 1. The value takes both functions
    as linear between points; the limits hold whatever they do there. Source: Vallender, Theory Prob. Appl. 18 (1974).
    """
    with np.errstate(over="ignore"):
        width = np.diff(points)
    left, right = np.abs(f - g)[:-1], np.abs(f - g)[1:]
    crosses = (f - g)[:-1] * (f - g)[1:] < 0.0
    both = np.where(crosses, left + right, 1.0)
    mean = np.where(crosses, (left**2 + right**2) / (2.0 * both), (left + right) / 2.0)
    most = np.maximum(f[1:] - g[:-1], g[1:] - f[:-1])
    least = np.maximum(0.0, np.maximum(f[:-1] - g[1:], g[:-1] - f[1:]))
    return Bounded(*(float(np.sum(width * gap)) for gap in (mean, least, most)))


def chi_square_p(reference: I64, current: I64) -> float:
    """Pearson's chi-square p-value of a 2 x k table of counts, without continuity correction.

    Equals `scipy.stats.chi2_contingency(correction=False)`. Pool cells with an expected count below 5 first
    (Cochran, Biometrics 10, 1954). 1.0 with fewer than two non-empty groups or an empty side.
    """
    used = (reference + current) > 0
    table = np.stack([reference[used], current[used]]).astype(np.float64)
    rows, columns = table.sum(axis=1, keepdims=True), table.sum(axis=0, keepdims=True)
    if table.shape[1] < 2 or rows.min() == 0.0:
        return 1.0
    expected = rows * columns / table.sum()
    return chi2_tail(float(np.sum((table - expected) ** 2 / expected)), table.shape[1] - 1)


def share_change_p(hits_n: int, n: int, hits_m: int, m: int) -> float:
    """Two-sided p-value that a share differs, hits_n of n against hits_m of m: pooled z with continuity correction.

    Source: Fleiss, Levin, Paik, Statistical Methods for Rates and Proportions (2003), section 3.3.
    """
    pooled = (hits_n + hits_m) / (n + m)
    error = math.sqrt(pooled * (1.0 - pooled) * (1.0 / n + 1.0 / m))
    gap = abs(hits_n / n - hits_m / m) - (1.0 / n + 1.0 / m) / 2.0
    return 1.0 if error == 0.0 or gap <= 0.0 else min(1.0, 2.0 * normal_tail(gap / error))


def new_share_p(singletons: int, doubletons: int, n: int, new: int, m: int) -> float:
    """One-sided p-value that more rows hold unseen categories than the reference predicts.

    The reference's own rate of unseen rows is Good & Turing's estimate, singletons / n: a column of ids is all new
    categories and has not drifted. Its variance is Esty's (Annals of Statistics 11, 1983). Continuity-corrected.
    """
    expected = singletons / n
    pooled = (singletons + new) / (n + m)
    variance = pooled * (1.0 - pooled) * (1.0 / n + 1.0 / m) + 2.0 * doubletons / n**2
    gap = new / m - expected - (1.0 / n + 1.0 / m) / 2.0
    return 1.0 if variance == 0.0 or gap <= 0.0 else normal_tail(gap / math.sqrt(variance))


def cohen_h(share: float, other: float) -> float:
    """Effect size of a change of share, 2 |asin √p - asin √q|: 0.2 is small (0 to 1 %, 50 to 60 %), 0.5 medium.

    Source: Cohen, Statistical Power Analysis for the Behavioral Sciences (1988), chapter 6.
    """
    return 2.0 * abs(math.asin(math.sqrt(share)) - math.asin(math.sqrt(other)))
