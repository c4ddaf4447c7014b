"""Has a column drifted? Significant and large enough to matter: both, never one alone.

A p-value alone alarms on a shift of 0.005 standard deviations at a million rows; a distance alone alarms on noise at a
hundred. So a column has drifted when

1. its p-value (least over its tests, times their number: Bonferroni) is rejected by Benjamini & Hochberg's procedure
   over all columns at a false discovery rate of 5 %, and
2. a test that is itself that significant shows an effect at or above its floor:
   - distribution: KS >= 0.1 or Cliff's delta >= 0.147 (numbers), total variation >= 0.1 (categories), or PSI at
     least 0.1 over what noise alone comes to;
   - a share (missing, infinite, new categories): changed by >= 0.05, or by Cohen's h >= 0.2 (0 to 1 %).

Below 30 rows on either side there is no verdict.
Source: Benjamini & Hochberg, J. Royal Stat. Soc. B 57 (1995). The floors are the conventional "small" effects.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

__all__ = ["FALSE_DISCOVERY_RATE", "MIN_ROWS", "Evidence", "Verdict", "judge"]

FALSE_DISCOVERY_RATE = 0.05
MIN_ROWS = 30


@dataclass(frozen=True, slots=True)
class Evidence:
    """One test of one column. strength: its effect over the floor, so 1 is just enough; words: what it says."""

    name: str
    p_value: float
    effect: float
    strength: float
    words: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a column's tests. effect: that of the strongest evidence, named by `effect_name`."""

    drifted: bool
    p_value: float
    effect: float
    effect_name: str
    strength: float
    reason: str


def judge(columns: Mapping[str, Sequence[Evidence]]) -> dict[str, Verdict]:
    """Return the verdict on every column; a column without evidence has not drifted."""
    p_values = {name: _combined(tests) for name, tests in columns.items()}
    limit = _benjamini_hochberg(list(p_values.values()), FALSE_DISCOVERY_RATE)
    return {name: _verdict(tests, p_values[name], limit) for name, tests in columns.items()}


def _combined(tests: Sequence[Evidence]) -> float:
    return min((min(1.0, test.p_value * len(tests)) for test in tests), default=1.0)


def _benjamini_hochberg(p_values: Sequence[float], rate: float) -> float:
    """Return the level at or below which p-values are rejected; -1 when none is."""
    levels = [rate * rank / len(p_values) for rank in range(1, len(p_values) + 1)]
    met = [level for level, p in zip(levels, sorted(p_values), strict=True) if p <= level]
    return met[-1] if met else -1.0


def _verdict(tests: Sequence[Evidence], p_value: float, limit: float) -> Verdict:
    if not tests:
        return Verdict(False, 1.0, 0.0, "none", 0.0, "nothing to compare")
    significant = [test for test in tests if test.p_value * len(tests) <= limit]
    loud = sorted((test for test in significant if test.strength >= 1.0), key=lambda test: -test.strength)
    strongest = max(loud or significant or tests, key=lambda test: test.strength)
    if loud:
        reason = "; ".join(dict.fromkeys(test.words for test in loud))
    else:
        reason = "significant, but too small to matter" if significant else "stable"
    return Verdict(bool(loud), p_value, strongest.effect, strongest.name, strongest.strength, reason)
