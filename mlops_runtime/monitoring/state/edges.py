"""Where to cut a numeric column: reference quantiles, with every point mass in a bin of its own."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["interpolated_cdf", "quantile", "quantile_edges"]

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]


def quantile_edges(values: F64, low: float, high: float, *, bins: int) -> F64:
    """Return strictly increasing, finite edges for `_native.Histogram`; bin i is (edges[i-1], edges[i]].

    values: float64[n] ascending, a sample of the reference (may be empty). low, high: its exact least and greatest
    finite value. edges[0] is the float below `low`, so slot 0 counts only values under the reference and the last slot
    only values over it. Values that are at least two quantiles at once (atoms), and all values of a column with at most
    bins/2 distinct ones, get a bin that holds nothing else. At most bins + 2 edges.

    >>> quantile_edges(np.array([5.0, 5.0]), 5.0, 5.0, bins=256).tolist() == [np.nextafter(5.0, -np.inf), 5.0]
    True
    """
    if len(values) == 0:
        return np.zeros(1)
    distinct = np.unique(values)
    if len(distinct) <= bins // 2:
        cuts = atoms = distinct
    else:
        ranks = np.ceil(np.arange(1, bins + 1) / bins * len(values)).astype(np.int64) - 1
        cuts, repeats = np.unique(values[ranks], return_counts=True)
        atoms = cuts[repeats > 1]
    with np.errstate(over="ignore"):  # below the most negative float there is none
        left = np.nextafter(np.append(atoms, low), -np.inf)
    edges: F64 = np.unique(np.concatenate([left, cuts, [high]]))
    finite: F64 = edges[np.isfinite(edges)]
    return finite


def interpolated_cdf(edges: F64, counts: I64, low: float, high: float) -> tuple[F64, F64]:
    """Return (points, share of values <= point) of a histogram whose values lie in [low, high].

    counts: int64[len(edges) + 1]. The open first and last slots are closed at `low` and `high` when they reach
    further than the edges; between points the distribution is taken to be linear.
    """
    points = np.concatenate([[min(low, edges[0])], edges, [max(high, edges[-1])]])
    return points, np.concatenate([[0.0], np.cumsum(counts) / counts.sum()])


def quantile(edges: F64, counts: I64, low: float, high: float, share: float) -> float:
    """Return the value below which `share` of a histogram lies, by linear interpolation inside a bin."""
    points, cdf = interpolated_cdf(edges, counts, low, high)
    return float(np.interp(share, cdf, points))
