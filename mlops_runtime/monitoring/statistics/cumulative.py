"""Distances between two distribution functions known at bin edges, with what they can be on the raw rows."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlops_runtime.monitoring.state.edges import holds_several, interpolated_cdf, quantile
from mlops_runtime.monitoring.state.summary import NumericSummary
from mlops_runtime.monitoring.statistics.cvm_null import cramer_von_mises_p
from mlops_runtime.monitoring.statistics.ks_null import ks_p
from mlops_runtime.monitoring.statistics.result import Statistic
from mlops_runtime.monitoring.statistics.widest_bin import Pinned, integral_limits, most_noise

__all__ = ["cramer_von_mises", "ks", "reference_scale", "wasserstein", "wasserstein_limits"]

Edges = NDArray[Any]
F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

_UNIT = "in reference spreads"
_MEAN_KOLMOGOROV = math.sqrt(math.pi / 2.0) * math.log(2.0)


def ks(edges: Edges, reference: I64, current: I64) -> Statistic:
    """Kolmogorov-Smirnov distance sup |F - G|, from counts: the largest gap at an edge.

    The gap at the edges is a lower limit of the true one. Inside a bin the gap is at most the larger of
    F(right) - G(left) and G(right) - F(left), which gives the upper limit; nothing can hide in a bin that
    holds a single value. Exact when every value of both samples has such a bin.
    The p-value is that of the gap at the edges under its own null distribution (`ks_null`).
    """
    n, m = int(reference.sum()), int(current.sum())
    right, highest, _ = _gaps(edges, reference, current)
    at_edges = float(np.max(right))
    high = max(at_edges, float(np.max(highest)))
    null = _MEAN_KOLMOGOROV * math.sqrt(1.0 / n + 1.0 / m)
    return Statistic(
        "ks", "gap at bin edges", at_edges, at_edges, high, "certified", n, m, null, ks_p(reference, current)
    )


def cramer_von_mises(edges: Edges, reference: I64, current: I64) -> Statistic:
    """Cramér-von Mises distance ∫ (F - G)² dH, H the rows of both sides together; 0 to 1/3.

    The value takes both functions as linear inside bins, and as steps in bins that hold a single value; the limits
    hold whatever they do there. Times n m / (n + m) it is the statistic T of scipy's `cramervonmises_2samp`, for rows
    without ties. The p-value is that of the gaps at the edges under their own null distribution (`cvm_null`).
    Source: Anderson, Annals Math. Stat. 33 (1962).
    """
    n, m = int(reference.sum()), int(current.sum())
    weights = (reference + current) / (n + m)
    right, highest, least = _gaps(edges, reference, current)
    left = np.concatenate([[0.0], right[:-1]])
    signed = np.cumsum(reference) / n - np.cumsum(current) / m
    before = np.concatenate([[0.0], signed[:-1]])
    inner = np.where(holds_several(edges), (left**2 + before * signed + right**2) / 3.0, right**2)
    value = float(np.sum(weights * inner))
    low, high = float(np.sum(weights * least**2)), float(np.sum(weights * highest**2))
    null = (1.0 / n + 1.0 / m) / 6.0
    low, p_value = min(low, value), cramer_von_mises_p(reference, current)
    return Statistic("cramer_von_mises", "linear in bins", value, low, high, "certified", n, m, null, p_value)


def wasserstein(reference: NumericSummary, current: NumericSummary) -> Statistic | None:
    """Wasserstein-1 distance ∫ |F - G| dx in units of the reference's spread, so scale and offset do not matter.

    The bin of which the counts say least, as that of a far outlier, is held to what the exact totals leave for it.
    None where the reference has no spread to measure with and the current values differ. See `reference_scale`.
    """
    low, high = min(reference.minimum, current.minimum), max(reference.maximum, current.maximum)
    points, f = interpolated_cdf(reference.edges, reference.counts, low, high, origin=reference.origin)
    _, g = interpolated_cdf(reference.edges, current.counts, low, high, origin=reference.origin)
    n, m, scale = reference.finite, current.finite, reference_scale(reference)
    limits = wasserstein_limits(points, f, g)
    noise = _mean_noise(points, (n * f + m * g) / (n + m), 1.0 / n + 1.0 / m)
    if math.isfinite(points[-1].item() - points[0].item()):
        place = int(np.argmax(limits[2] - limits[1]))
        pinned = Pinned.of(reference, points, f, place), Pinned.of(current, points, g, place)
        _tighten(limits, place, integral_limits(*pinned))
        unit = math.sqrt(2.0 / math.pi * (1.0 / n + 1.0 / m))
        noise[place] = min(noise[place], unit * most_noise(*pinned, n, m))
    value, least, most = (float(integrals.sum()) for integrals in limits)
    if scale == 0.0 or not math.isfinite(most):
        return Statistic("wasserstein", _UNIT, 0.0, 0.0, 0.0, "certified", n, m) if value == 0.0 else None
    null = float(noise.sum())
    return Statistic("wasserstein", _UNIT, value / scale, least / scale, most / scale, "certified", n, m, null / scale)


def _tighten(limits: tuple[F64, F64, F64], place: int, known: tuple[float, float]) -> None:
    """Move the value, least and most of one bin into what else is known of it; they are changed in place."""
    value, least, most = limits
    low, high = max(least[place], known[0]), min(most[place], known[1])
    value[place], least[place], most[place] = min(max(value[place], low), high), min(low, high), high


def _mean_noise(points: F64, together: F64, unit: float) -> F64:
    """Return per bin the mean of ∫ |F - G| dx without drift: F - G is normal, its variance H (1 - H)(1/n + 1/m)."""
    deviation = np.sqrt(2.0 / math.pi * unit * np.maximum(0.0, together * (1.0 - together)))
    noise: F64 = np.diff(points) * (deviation[1:] + deviation[:-1]) / 2.0
    return noise


def reference_scale(reference: NumericSummary) -> float:
    """Interquartile range of the reference, its standard deviation when that is 0; 0 for a constant."""
    ends = reference.edges, reference.counts, reference.minimum, reference.maximum
    low, high = (quantile(*ends, share, origin=reference.origin) for share in (0.25, 0.75))
    spread, deviation = high - low, reference.standard_deviation
    return spread if deviation > 0.0 and spread > 1e-9 * deviation else deviation


def wasserstein_limits(points: F64, f: F64, g: F64) -> tuple[F64, F64, F64]:
    """Return ∫ |F - G| dx and its least and greatest possible value, bin by bin, from both functions at common points.

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
    return width * mean, width * least, width * most


def _gaps(edges: Edges, reference: I64, current: I64) -> tuple[F64, F64, F64]:
    """Return per bin |F - G| at its right edge, and the most and the least |F - G| can be at a value in it."""
    f, g = np.cumsum(reference) / reference.sum(), np.cumsum(current) / current.sum()
    f_left, g_left = np.concatenate([[0.0], f[:-1]]), np.concatenate([[0.0], g[:-1]])
    right, single = np.abs(f - g), ~holds_several(edges)
    empty = (reference == 0) & (current == 0)
    most = np.where(single | empty, right, np.maximum(f - g_left, g - f_left))
    least = np.where(single, right, np.maximum(0.0, np.maximum(f_left - g, g_left - f)))
    return right, most, least
