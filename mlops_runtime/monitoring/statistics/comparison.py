"""One column against its reference: every statistic that its counts allow, and the tests that a verdict rests on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from mlops_runtime.monitoring.state.summary import CategoricalSummary, ColumnSummary, NumericSummary
from mlops_runtime.monitoring.statistics.contingency import chi_square, cramers_v
from mlops_runtime.monitoring.statistics.cumulative import cramer_von_mises, ks, wasserstein
from mlops_runtime.monitoring.statistics.distances import hellinger, jensen_shannon, psi, total_variation
from mlops_runtime.monitoring.statistics.effects import (
    DELTA_FLOOR,
    DISTANCE_FLOOR,
    Effect,
    share_effect,
    shift_effect,
)
from mlops_runtime.monitoring.statistics.groups import GroupedCounts, grouped, pool_adjacent, pool_rare
from mlops_runtime.monitoring.statistics.ranks import cliffs_delta
from mlops_runtime.monitoring.statistics.result import Statistic
from mlops_runtime.monitoring.statistics.shares import new_share_p, share, share_change
from mlops_runtime.monitoring.statistics.verdict import Evidence

__all__ = ["Comparison", "compare_summaries"]


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a comparison of one column found.

    statistics, by name; one that cannot be computed (a side without values, a constant without a scale) is not there:

    - of numbers and categories: psi, js, hellinger, total_variation, chi_square, cramers_v;
    - of numbers: ks, cliffs_delta, cramer_von_mises, wasserstein; the shares positive_infinite and negative_infinite;
    - of categories: new_share; of both: missing. A share is there as <share>_share and <share>_change.
    """

    statistics: Mapping[str, Statistic]
    tests: tuple[Evidence, ...]

    def value(self, name: str) -> float | None:
        """Return one statistic's value; None when it could not be computed."""
        found = self.statistics.get(name)
        return None if found is None else found.value


def compare_summaries(reference: ColumnSummary, current: ColumnSummary) -> Comparison:
    """Compare one column; both summaries must be over the same edges or categories."""
    if isinstance(reference, NumericSummary) and isinstance(current, NumericSummary):
        return _numeric(reference, current)
    if isinstance(reference, CategoricalSummary) and isinstance(current, CategoricalSummary):
        return _categorical(reference, current)
    raise TypeError(f"expected two summaries of one kind, got {reference.kind} and {current.kind}")


def _numeric(reference: NumericSummary, current: NumericSummary) -> Comparison:
    found = list(_special_shares(reference, current))
    tests = _share_tests(found, reference)
    if reference.finite and current.finite:
        edges, before, now = reference.edges, reference.counts, current.counts
        pair = grouped(before, now)
        shifts = [ks(edges, before, now), cliffs_delta(before, now), *_of_shares(pair, pool_adjacent(*pair))]
        distance = wasserstein(reference, current)
        found += [*shifts, cramer_von_mises(edges, before, now), *([distance] if distance else [])]
        tests = [*_shift_tests(shifts), *tests]
    return Comparison({one.name: one for one in found}, tuple(tests))


def _categorical(reference: CategoricalSummary, current: CategoricalSummary) -> Comparison:
    found = list(_both_shares("missing", reference.missing, reference.rows, current.missing, current.rows))
    tests = _share_tests(found, reference)
    n, m = reference.present, current.present
    if n and m:
        pair = pool_rare(*(np.append(one.counts, one.present - one.counts.sum()) for one in (reference, current)))
        shifts = _of_shares(pair, pair)
        found += shifts
        tests = [*_shift_tests(shifts), *tests]
        if not reference.truncated:
            found.append(share("new_share", n, current.new, m))
            tests += [_new_categories(reference, current)] if current.new else []
    return Comparison({one.name: one for one in found}, tuple(tests))


def _of_shares(groups: GroupedCounts, cells: GroupedCounts) -> list[Statistic]:
    """Return the statistics that need no order. cells: the groups as the chi-square test needs them."""
    test = chi_square(*cells)
    return [psi(*groups), jensen_shannon(*groups), hellinger(*groups), total_variation(*groups), test, cramers_v(test)]


def _shift_tests(shifts: Iterable[Statistic]) -> list[Evidence]:
    """Return the evidence that the distribution moved: each effect beside the test that sees it.

    Numbers: KS and Cliff's delta by their own p-values, PSI (what noise alone comes to taken off) by the chi-square of
    its groups. Categories: the louder of total variation and PSI, by the chi-square.
    """
    by_name = {one.name: one for one in shifts}
    excess, chi_square_p = by_name["psi"].excess, by_name["chi_square"].p_value
    if "ks" in by_name:
        distance, delta = by_name["ks"], by_name["cliffs_delta"]
        return [
            _evidence(distance.p_value, shift_effect("ks", distance.value, DISTANCE_FLOOR)),
            _evidence(delta.p_value, shift_effect("cliffs_delta", abs(delta.value), DELTA_FLOOR)),
            _evidence(chi_square_p, shift_effect("psi", excess, DISTANCE_FLOOR)),
        ]
    effect, name = max((by_name["total_variation"].value, "tv"), (excess, "psi"))
    return [_evidence(chi_square_p, shift_effect(name, effect, DISTANCE_FLOOR))]


def _evidence(p_value: float | None, effect: Effect) -> Evidence:
    return Evidence(effect.name, 1.0 if p_value is None else p_value, effect.value, effect.strength, effect.words)


def _special_shares(reference: NumericSummary, current: NumericSummary) -> Iterable[Statistic]:
    n, m = reference.rows, current.rows
    yield from _both_shares("missing", reference.missing, n, current.missing, m)
    yield from _both_shares("positive_infinite", reference.positive_infinite, n, current.positive_infinite, m)
    yield from _both_shares("negative_infinite", reference.negative_infinite, n, current.negative_infinite, m)


def _both_shares(name: str, hits_n: int, n: int, hits_m: int, m: int) -> Iterable[Statistic]:
    if n and m:
        yield share(f"{name}_share", n, hits_m, m)
        yield share_change(f"{name}_change", hits_n, n, hits_m, m)


_WORDS = {"missing": "missing share", "positive_infinite": "+inf share", "negative_infinite": "-inf share"}


def _share_tests(found: Iterable[Statistic], reference: ColumnSummary) -> list[Evidence]:
    """Return the evidence that shares changed; none when neither side has any, which then does not count as a test."""
    by_name = {one.name: one for one in found}
    tests = []
    for name, words in _WORDS.items():
        if f"{name}_change" in by_name:
            now, change = by_name[f"{name}_share"].value, by_name[f"{name}_change"]
            before = getattr(reference, name) / reference.rows
            if before or now:
                tests.append(_evidence(change.p_value, share_effect(words, before, now)))
    return tests


def _new_categories(reference: CategoricalSummary, current: CategoricalSummary) -> Evidence:
    singletons, n, m = reference.singletons, reference.present, current.present
    p_value = new_share_p(singletons, reference.doubletons, n, current.new, m)
    found = share_effect("new categories", singletons / n, current.new / m)
    examples = ", ".join(f"`{value[:40]}`" for value in current.new_examples[:3])
    return Evidence(found.name, p_value, found.value, found.strength, f"{found.words}, for example {examples}")
