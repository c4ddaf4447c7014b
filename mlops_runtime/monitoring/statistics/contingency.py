"""Do two lists of counts come from the same shares? The chi-square test, and the effect size that goes with it."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from mlops_runtime.monitoring.statistics.result import Z_95, Statistic
from mlops_runtime.monitoring.statistics.special import chi2_tail

__all__ = ["chi_square", "cramers_v"]

I64 = NDArray[np.int64]


def chi_square(reference: I64, current: I64) -> Statistic:
    """Pearson's chi-square of a 2 x k table of counts, without continuity correction, and its p-value.

    Equals `scipy.stats.chi2_contingency(correction=False)`. Pool cells that expect fewer than 5 rows first
    (`groups.pool_adjacent`, `groups.pool_rare`). The p-value is 1 with fewer than two cells that are not empty.
    Source: Pearson, Philosophical Magazine 50 (1900).
    """
    used = (reference + current) > 0
    n, m, cells = int(reference.sum()), int(current.sum()), int(np.count_nonzero(used))
    if cells < 2:
        return Statistic("chi_square", f"{cells} cells", 0.0, 0.0, 0.0, "exact", n, m, 0.0, 1.0)
    p, q = reference[used] / n, current[used] / m
    together = (reference[used] + current[used]) / (n + m)
    value = float(np.sum((p - q) ** 2 / together)) / (1.0 / n + 1.0 / m)
    p_value = chi2_tail(value, cells - 1)
    return Statistic("chi_square", f"{cells} cells", value, value, value, "exact", n, m, cells - 1.0, p_value)


def cramers_v(test: Statistic) -> Statistic:
    """Cramér's V of a chi-square of a 2 x k table, √(χ² / (n + m)): 0 for equal shares, at most 1.

    It shrinks when one side is much larger than the other: a measure of association, not of the shares alone.
    The interval solves χ² - (k - 1) - λ = ± z √(2 (k - 1) + 4 λ) for the noncentrality λ: mean and variance of the
    noncentral chi-square. Source: Cramér, Mathematical Methods of Statistics (1946); the inversion:
    Smithson, Confidence Intervals (2003).
    """
    rows, degrees, square = test.n + test.m, test.null, Z_95 * Z_95
    over = test.value - degrees
    middle = over + 2.0 * square
    reach = math.sqrt(max(0.0, middle * middle - over * over + 2.0 * square * degrees))
    low, high = (math.sqrt(min(1.0, max(0.0, end) / rows)) for end in (middle - reach, middle + reach))
    value = math.sqrt(min(1.0, test.value / rows))
    null = math.sqrt(degrees / rows)
    return Statistic("cramers_v", test.method, value, low, max(high, value), "interval", test.n, test.m, null)
