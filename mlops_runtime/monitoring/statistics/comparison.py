"""One column against its reference: the statistics, the tests, and the bins that moved most."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlops_runtime.monitoring.state.edges import interpolated_cdf, quantile
from mlops_runtime.monitoring.state.summary import CategoricalSummary, ColumnSummary, NumericSummary
from mlops_runtime.monitoring.statistics import histograms as st
from mlops_runtime.monitoring.statistics.verdict import Evidence

__all__ = ["Comparison", "compare_summaries", "percent", "reference_scale"]

I64 = NDArray[np.int64]

_FLOOR = 0.1
_MAJOR = 0.25
_SHARE_FLOOR = 0.05
_COHEN_FLOOR = 0.2
_MIN_EXPECTED = 5.0


@dataclass(frozen=True, slots=True)
class Comparison:
    """Statistics of one column; None where one side has no value, or (Wasserstein) no scale to measure with.

    ks: numbers; total_variation: categories. wasserstein: in units of the reference's interquartile range, or of its
    standard deviation when that is 0; both of these carry the limits certified by the bins.
    """

    psi: float | None
    js: float | None
    ks: st.Bounded | None
    total_variation: float | None
    wasserstein: st.Bounded | None
    new_share: float | None
    tests: tuple[Evidence, ...]


def compare_summaries(reference: ColumnSummary, current: ColumnSummary) -> Comparison:
    """Compare one column; both summaries must be over the same edges or categories."""
    if isinstance(reference, NumericSummary) and isinstance(current, NumericSummary):
        return _numeric(reference, current)
    if isinstance(reference, CategoricalSummary) and isinstance(current, CategoricalSummary):
        return _categorical(reference, current)
    raise TypeError(f"expected two summaries of one kind, got {reference.kind} and {current.kind}")


def reference_scale(reference: NumericSummary) -> float:
    """Interquartile range of the reference, its standard deviation when that is 0; 0 for a constant."""
    ends = reference.edges, reference.counts, reference.minimum, reference.maximum
    spread, deviation = quantile(*ends, 0.75) - quantile(*ends, 0.25), reference.standard_deviation
    return spread if deviation > 0.0 and spread > 1e-9 * deviation else deviation


def _numeric(reference: NumericSummary, current: NumericSummary) -> Comparison:
    shares = tuple(_special_shares(reference, current))
    if reference.finite == 0 or current.finite == 0:
        return Comparison(None, None, None, None, None, None, shares)
    groups = st.equal_mass_groups(reference.counts)
    p, q = _pool(reference.counts, groups), _pool(current.counts, groups)
    psi, ks = st.psi(p, q), st.ks_from_counts(reference.edges, reference.counts, current.counts)
    p_value = st.ks_p(ks.value, reference.finite, current.finite)
    shift = _shift("ks", p_value, ks.value, psi)
    return Comparison(psi, st.js_distance(p, q), ks, None, _wasserstein(reference, current), None, (shift, *shares))


def _wasserstein(reference: NumericSummary, current: NumericSummary) -> st.Bounded | None:
    low, high = min(reference.minimum, current.minimum), max(reference.maximum, current.maximum)
    points, f = interpolated_cdf(reference.edges, reference.counts, low, high)
    _, g = interpolated_cdf(reference.edges, current.counts, low, high)
    distance, scale = st.wasserstein_from_cdf(points, f, g), reference_scale(reference)
    if not np.isfinite(distance.high) or scale == 0.0:
        return st.Bounded(0.0, 0.0, 0.0) if distance.value == 0.0 else None
    return st.Bounded(distance.value / scale, distance.low / scale, distance.high / scale)


def _categorical(reference: CategoricalSummary, current: CategoricalSummary) -> Comparison:
    tests = list(_share("missing share", reference.missing, reference.rows, current.missing, current.rows))
    n, m = reference.present, current.present
    if n == 0 or m == 0:
        return Comparison(None, None, None, None, None, None, tuple(tests))
    p, q = _pool_rare(reference, current)
    psi, variation = st.psi(p, q), st.total_variation(p, q)
    tests.insert(0, _shift("tv", st.chi_square_p(p, q), variation, psi))
    if not reference.truncated and current.new > 0:
        tests.append(_new_categories(reference, current))
    new_share = None if reference.truncated else current.new / m
    return Comparison(psi, st.js_distance(p, q), None, variation, None, new_share, tuple(tests))


def _pool_rare(reference: CategoricalSummary, current: CategoricalSummary) -> tuple[I64, I64]:
    """Counts with rare categories (expected below 5 on one side), other and new ones in one last cell.

    The choice looks only at the two counts together, so it favours neither side: without that, the rare categories the
    reference happens to have seen would seem to vanish.
    """
    together = reference.counts + current.counts
    n, m = reference.present, current.present
    kept = together * (min(n, m) / (n + m)) >= _MIN_EXPECTED
    p, q = reference.counts[kept], current.counts[kept]
    return np.append(p, n - p.sum()), np.append(q, m - q.sum())


def _pool(counts: I64, groups: I64) -> I64:
    pooled = np.zeros(int(groups.max()) + 1, np.int64)
    np.add.at(pooled, groups, counts)
    return pooled


def _shift(name: str, p_value: float, distance: float, psi: float) -> Evidence:
    """The distribution's evidence: the louder of a distance (KS, total variation) and PSI; both have the floor 0.1."""
    words = "major shift" if max(distance, psi) >= _MAJOR else "moderate shift"
    effect, effect_name = max((distance, name), (psi, "psi"))
    return Evidence(effect_name, p_value, effect, effect / _FLOOR, words)


def _special_shares(reference: NumericSummary, current: NumericSummary) -> Iterator[Evidence]:
    for name, hits_n, hits_m in (
        ("missing share", reference.missing, current.missing),
        ("+inf share", reference.positive_infinite, current.positive_infinite),
        ("-inf share", reference.negative_infinite, current.negative_infinite),
    ):
        yield from _share(name, hits_n, reference.rows, hits_m, current.rows)


def _share(name: str, hits_n: int, n: int, hits_m: int, m: int) -> Iterator[Evidence]:
    """Evidence that a share changed; none when neither side has any, which then does not count as a test."""
    if hits_n + hits_m > 0 and n > 0 and m > 0:
        yield _share_evidence(name, st.share_change_p(hits_n, n, hits_m, m), hits_n / n, hits_m / m)


def _new_categories(reference: CategoricalSummary, current: CategoricalSummary) -> Evidence:
    singletons, n, m = reference.singletons, reference.present, current.present
    p_value = st.new_share_p(singletons, reference.doubletons, n, current.new, m)
    found = _share_evidence("new categories", p_value, singletons / n, current.new / m)
    examples = ", ".join(f"`{value[:40]}`" for value in current.new_examples[:3])
    return Evidence(found.name, p_value, found.effect, found.strength, f"{found.words}, for example {examples}")


def _share_evidence(name: str, p_value: float, before: float, after: float) -> Evidence:
    change = abs(after - before)
    strength = max(change / _SHARE_FLOOR, st.cohen_h(before, after) / _COHEN_FLOOR)
    return Evidence(name, p_value, change, strength, f"{name} {percent(before)} -> {percent(after)}")


def percent(share: float) -> str:
    """Write a share for a human: three digits at most, and never 0 % for what is not zero.

    >>> percent(0.31), percent(0.0004), percent(0.0)
    ('31 %', '0.04 %', '0 %')
    """
    return f"{share * 100:.3g} %" if share == 0.0 or share >= 1e-6 else "under 0.0001 %"
