"""The null distribution of a Cramér-von Mises statistic taken at bin edges: ties, atoms and few bins included.

Given how many rows of both samples together fall into each bin, and no drift, every assignment of the rows to the two
samples is equally likely. T, the sum over edges of the gap's square by the bin's mass, is then in the limit a weighted
sum of chi-squares, whose weights are the eigenvalues of a Brownian bridge's covariance at the edges. Their first three
moments are sums along the edges, no eigenvalue is computed, and a chi-square with the same three stands for the sum.
Against the weighted sum itself: exact for two bins, otherwise within 4 % of p at 0.1 and 0.05, 1 % at 0.01, 14 % at
0.0001 (too small there).

Source: Imhof, Biometrika 48 (1961), section 4, for the three moments; Deheuvels, Contributions to Statistics (1979),
and Choulakian, Lockhart & Stephens, Canadian J. Statistics 22 (1994), for the statistic of counts.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from mlops_runtime.monitoring.statistics.special import chi2_tail

__all__ = ["cramer_von_mises_p"]

I64 = NDArray[np.int64]


def cramer_von_mises_p(reference: I64, current: I64) -> float:
    """Return P(T >= the observed one | pooled counts, no drift); 1.0 where all rows share a bin.

    reference, current: int64[k] counts over the same bins, in order; neither side empty.

    >>> round(cramer_von_mises_p(np.array([100, 100]), np.array([60, 40])), 3)  # two bins: Pearson's chi-square
    0.102
    """
    n, m = int(reference.sum()), int(current.sum())
    rows = n + m
    mass = (reference + current) / rows
    below = np.cumsum(mass)
    gap = np.cumsum(reference) / n - np.cumsum(current) / m
    observed = (rows - 1.0) / rows * (n * m / rows) * float(mass @ gap**2)
    first, second, third = _moments(mass, below, np.maximum(0.0, 1.0 - below))
    if third <= 0.0:
        return 1.0
    degrees = second**3 / third**2
    return chi2_tail((observed - first) * math.sqrt(degrees / second) + degrees, degrees)


def _moments(mass: NDArray[np.float64], below: NDArray[np.float64], over: NDArray[np.float64]) -> tuple[float, ...]:
    """Return the traces of A, A² and A³, A[i, j] = √(mass_i mass_j) below_i over_j for i <= j: sums of products."""
    left, own, right = mass * below**2, mass * below * over, mass * over**2
    before, after = np.cumsum(left) - left, right.sum() - np.cumsum(right)
    pairs, ends = right * before, left * own * after + before * own * right
    triples = 6.0 * before * own * after + 3.0 * ends + own**3
    return float(own.sum()), float((2.0 * pairs + own**2).sum()), float(triples.sum())
