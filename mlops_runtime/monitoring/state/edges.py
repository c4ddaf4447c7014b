"""Where to cut a numeric column: reference quantiles, with every point mass in a bin of its own.

Edges are float64, or int64 or uint64 for columns with integers that float64 would round; neighbours then are integers.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["closed", "holds_several", "interpolated_cdf", "prefix_edges", "quantile", "quantile_edges"]

Edges = NDArray[Any]
F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

_LEAST_OCTAVE, _OCTAVES, _STEPS = -10, 31, 4  # 0.001 to 2 million, four buckets an octave


def quantile_edges(values: Edges, low: float, high: float, *, bins: int) -> Edges:
    """Return strictly increasing, finite edges for `_native.Histogram`; bin i is (edges[i-1], edges[i]].

    values: float64, int64 or uint64 [n], ascending, a sample of the reference (may be empty); the edges are of its
    type. low, high: its exact least and greatest finite value. edges[0] is the number below `low`, so slot 0 counts
    only values under the reference and the last slot only values over it. Values that are at least two quantiles at
    once (atoms), and all values of a column with at most bins/2 distinct ones, get a bin that holds nothing else. At
    most bins + 2 edges.

    >>> quantile_edges(np.array([5.0, 5.0]), 5.0, 5.0, bins=256).tolist() == [np.nextafter(5.0, -np.inf), 5.0]
    True
    >>> quantile_edges(np.array([2**60 + 1, 2**60 + 3]), 2**60 + 1, 2**60 + 3, bins=256) - 2**60
    array([0, 1, 2, 3])
    """
    if len(values) == 0:
        return np.zeros(1, values.dtype)
    distinct = np.unique(values)
    if len(distinct) <= bins // 2:
        cuts = atoms = distinct
    else:
        ranks = np.ceil(np.arange(1, bins + 1) / bins * len(values)).astype(np.int64) - 1
        cuts, repeats = np.unique(values[ranks], return_counts=True)
        atoms = cuts[repeats > 1]
    ends = np.array([low, high] if values.dtype.kind == "f" else [int(low), int(high)], values.dtype)
    return np.unique(np.concatenate([_below(np.append(atoms, ends[0])), cuts, ends[1:]]))


def prefix_edges(centre: float) -> F64:
    """Return the edges for a column of which nothing is known but roughly where it lies: at most 252, the same for all.

    They are centre ± 2**e * (1 + j/4) for e = -10 … 20 and j = 0 … 3, and ± 2**21: distances in one bucket share their
    sign, exponent and two leading bits of the mantissa, but for its upper end. The centre has a bin of its own. Edges
    are rounded to float64 and values compared with them exactly: nothing is subtracted from a value.

    >>> edges = prefix_edges(0.0)
    >>> len(edges), edges[edges > 0][:5].tolist()
    (252, [0.0009765625, 0.001220703125, 0.00146484375, 0.001708984375, 0.001953125])
    """
    octaves = 2.0 ** np.arange(_LEAST_OCTAVE, _LEAST_OCTAVE + _OCTAVES)
    steps = np.append((octaves[:, None] * (1.0 + np.arange(_STEPS) / _STEPS)).ravel(), 2.0 * octaves[-1])
    middle = np.array([centre])
    edges: F64 = np.unique(np.concatenate([centre - steps, _below(middle), middle, centre + steps]))
    return edges


def closed(edges: Edges, counts: I64, low: float, high: float) -> tuple[Edges, I64]:
    """Return edges and counts whose open ends are empty: values beyond the edges get bins that end at low and high."""
    if counts[0]:
        below = _below(np.array([_rounded(low, edges.dtype, up=False)], edges.dtype))
        edges, counts = np.append(below, edges), np.append(np.zeros(len(below), np.int64), counts)
    if counts[-1]:
        edges, counts = (
            np.append(edges, np.array([_rounded(high, edges.dtype, up=True)], edges.dtype)),
            np.append(counts, 0),
        )
    return edges, counts


def holds_several(edges: Edges) -> NDArray[np.bool_]:
    """Return for each slot whether it can hold more than one value: bool[len(edges) + 1], the open ends can."""
    next_up = np.nextafter(edges[:-1], np.inf) if edges.dtype.kind == "f" else edges[:-1] + 1
    return np.concatenate([[True], next_up < edges[1:], [True]])


def interpolated_cdf(edges: Edges, counts: I64, low: float, high: float, *, origin: int = 0) -> tuple[F64, F64]:
    """Return (points - origin, share of values <= point) of a histogram whose values lie in [low, high].

    counts: int64[len(edges) + 1]. The open first and last slots are closed at `low` and `high` when they reach
    further than the edges; between points the distribution is taken to be linear. origin: see `NumericSummary.origin`.
    """
    points = [min(low, edges[0].item()), *edges.tolist(), max(high, edges[-1].item())]
    shares = np.concatenate([[0.0], np.cumsum(counts) / counts.sum()])
    return np.array([_less(point, origin) for point in points] if origin else points, np.float64), shares


def quantile(edges: Edges, counts: I64, low: float, high: float, share: float, *, origin: int = 0) -> float:
    """Return the value, less `origin`, below which `share` of a histogram lies; linear inside a bin."""
    points, cdf = interpolated_cdf(edges, counts, low, high, origin=origin)
    return float(np.interp(share, cdf, points))


def _below(values: Edges) -> Edges:
    """Return the number below each value, for those that have one."""
    if values.dtype.kind != "f":
        return values[values > np.iinfo(values.dtype).min] - 1
    with np.errstate(over="ignore"):  # below the most negative float there is none
        below = np.nextafter(values, -np.inf)
    return below[np.isfinite(below)]


def _rounded(value: float, dtype: np.dtype[Any], *, up: bool) -> float:
    """Return the number of the type at or beyond an exact extreme."""
    if dtype.kind != "f":
        return math.ceil(value) if up else math.floor(value)
    nearest = float(value)
    if nearest == value or (nearest > value) == up:
        return nearest
    return math.nextafter(nearest, math.inf if up else -math.inf)


def _less(value: float, origin: int) -> float:
    """Return value - origin, rounded once."""
    return float(Fraction(value) - origin) if math.isfinite(value) else value
