"""Group-fairness drift: rates that differ between groups, and by more or less than they did on the reference."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlops_runtime.monitoring.performance.measure import members
from mlops_runtime.monitoring.performance.measured import Measured, proportion
from mlops_runtime.monitoring.performance.metrics import MINIMUM_GROUP_ROWS
from mlops_runtime.monitoring.performance.scoring import ScoredRows
from mlops_runtime.monitoring.points import Point, Span
from mlops_runtime.monitoring.statistics.special import normal_tail

__all__ = ["RATES", "FairnessDrift", "Gap", "fairness_drift"]

RATES = ("selection_rate", "true_positive_rate", "false_positive_rate")

_Rates = dict[str, dict[str, Measured]]


@dataclass(frozen=True, slots=True)
class Gap:
    """A rate of one group less that of all other groups together.

    low, high: its 95 % interval. p_value: of no change since the reference; 1 without one.
    """

    rate: str
    group: str
    value: float
    low: float
    high: float
    change: float
    p_value: float
    n: int


@dataclass(frozen=True, slots=True)
class FairnessDrift:
    """Every group's rates and gaps now, and how they changed.

    p_value: of no change in any gap (Bonferroni's bound). Groups of fewer than 50 rows have rates, no gaps.
    """

    rates: Mapping[str, tuple[Measured, ...]]
    gaps: tuple[Gap, ...]
    p_value: float

    def points(self, span: Span, labels: Mapping[str, str] | None = None) -> list[Point]:
        """Return under the label `group` each rate and `<rate>_gap`; and `fairness_p_value` of any change."""
        named = dict(labels or {})
        points = [rate.point(span, {**named, "group": group}) for group, rates in self.rates.items() for rate in rates]
        points += [
            Point(f"{gap.rate}_gap", gap.value, span, gap.n, gap.low, gap.high, {**named, "group": gap.group})
            for gap in self.gaps
        ]
        rows = sum(gap.n for gap in self.gaps if gap.rate == RATES[0])
        return [*points, Point("fairness_p_value", self.p_value, span, rows, labels=named)]


def fairness_drift(current: ScoredRows, threshold: float, *, reference: ScoredRows | None = None) -> FairnessDrift:
    """Compare the groups of a two-class model's labelled rows, with each other and with the reference.

    selection_rate: called positive; true and false positive rate: of the rows that were and were not. A gap is a group
    against all other rows of its column, so that two groups have opposite gaps.
    Source: Hardt, Price, Srebro, NeurIPS (2016); intervals: Newcombe's hybrid score, Statistics in Medicine 17 (1998).
    """
    now, others = _all_rates(current, threshold)
    before = _all_rates(reference, threshold) if reference is not None else ({}, {})
    gaps = [
        _gap(rate, group, now[group][rate], others[group][rate], _earlier(before, group, rate))
        for group in now
        for rate in RATES
        if now[group][RATES[0]].n >= MINIMUM_GROUP_ROWS <= others[group][RATES[0]].n
        and min(now[group][rate].n, others[group][rate].n) > 0
    ]
    smallest = min((gap.p_value for gap in gaps), default=1.0)
    rates = {group: tuple(each.values()) for group, each in now.items()}
    return FairnessDrift(rates, tuple(gaps), min(1.0, smallest * max(1, len(gaps))))


def _all_rates(rows: ScoredRows, threshold: float) -> tuple[_Rates, _Rates]:
    """Return the rates of each group, and those of all rows of other groups."""
    called, positive = rows.scores[:, 0] >= threshold, rows.outcomes == 1.0
    now, others = {}, {}
    for groups in rows.groups:
        for name, chosen in members(groups):
            now[name] = _rates(called[chosen], positive[chosen])
            others[name] = _rates(called[~chosen], positive[~chosen])
    return now, others


def _rates(called: NDArray[np.bool_], positive: NDArray[np.bool_]) -> dict[str, Measured]:
    positives = int(positive.sum())
    found = int((called & positive).sum())
    counts = (
        (int(called.sum()), len(called)),
        (found, positives),
        (int(called.sum()) - found, len(called) - positives),
    )
    return {rate: proportion(rate, hits, n) for rate, (hits, n) in zip(RATES, counts, strict=True)}


def _earlier(before: tuple[_Rates, _Rates], group: str, rate: str) -> tuple[Measured, Measured] | None:
    """Return the rate of the group and of the others on the reference; None where either had no row."""
    if group not in before[0]:
        return None
    pair = before[0][group][rate], before[1][group][rate]
    return pair if min(each.n for each in pair) > 0 else None


def _gap(rate: str, group: str, own: Measured, other: Measured, before: tuple[Measured, Measured] | None) -> Gap:
    value = own.value - other.value
    low = value - math.hypot(own.value - (own.low or 0.0), (other.high or 0.0) - other.value)
    high = value + math.hypot((own.high or 0.0) - own.value, other.value - (other.low or 0.0))
    change, p_value = math.nan, 1.0
    if before is not None:
        change = value - (before[0].value - before[1].value)
        error = math.sqrt(sum(_variance(each) for each in (own, other, *before)))
        p_value = 2 * normal_tail(abs(change) / error)
    return Gap(rate, group, value, low, high, change, p_value, own.n)


def _variance(rate: Measured) -> float:
    """Of a share, half a row added to each side: a rate of 0 is not known without error."""
    hits = (rate.value * rate.n + 0.5) / (rate.n + 1)
    return hits * (1 - hits) / rate.n
