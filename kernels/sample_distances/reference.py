"""Oracle of the sample_distances kernel: both distribution functions at every distinct pooled value."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Distances", "sample_distances"]

F64 = NDArray[np.float64]


class Distances(NamedTuple):
    """Kolmogorov-Smirnov D, Wasserstein-1 in units of x, Cramér-von Mises T, Anderson-Darling A²."""

    ks: float
    wasserstein: float
    cramer_von_mises: float
    anderson_darling: float


def sample_distances(a: F64, b: F64) -> Distances:
    """Return the distances of two samples; a: float64[n], b: float64[m], NaN and infinities are left out.

    Source: see `csrc/kernels/sample_distances.hpp`. Where values are tied, both functions are taken at the tie's right.

    >>> sample_distances(np.array([0.0, 1.0]), np.array([1.0, 2.0]))[:2]
    (0.5, 1.0)
    """
    a, b = np.sort(a[np.isfinite(a)]) + 0.0, np.sort(b[np.isfinite(b)]) + 0.0
    n, m, pooled = len(a), len(b), np.concatenate([a, b])
    points, repeats = np.unique(pooled, return_counts=True)
    f, g = np.searchsorted(a, points, side="right") / n, np.searchsorted(b, points, side="right") / m
    below, gap = np.cumsum(repeats), (f - g)[:-1]
    spread = (below * (n + m - below))[:-1].astype(np.float64)
    squares = repeats[:-1] * gap**2
    return Distances(
        ks=float(np.max(np.abs(f - g))),
        wasserstein=float(np.sum(np.abs(gap) * np.diff(points))),
        cramer_von_mises=float(squares.sum() * n * m / (n + m) ** 2),
        anderson_darling=float(np.sum(squares / spread) * n * m),
    )
