"""The null distributions of the multivariate statistics."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from mlops_runtime.monitoring.multivariate.tally import Tally
from mlops_runtime.monitoring.statistics.special import normal_tail

__all__ = ["mean_change_p", "weighted_chi_square_tail"]

F64 = NDArray[np.float64]

_STEPS = 200


def mean_change_p(reference: Tally, current: Tally) -> float:
    """Two-sided p-value that two means differ: Welch's t, whose tail is taken by Wallace's normal approximation.

    1.0 where a side has fewer than two values, or neither varies. Sources: Welch, Biometrika 34 (1947); Wallace, Annals
    of Mathematical Statistics 30 (1959).
    """
    if min(reference.count, current.count) < 2:
        return 1.0
    a, b = reference.variance / reference.count, current.variance / current.count
    if a + b == 0.0:
        return 1.0 if reference.mean == current.mean else 0.0
    degrees = (a + b) ** 2 / (a**2 / (reference.count - 1) + b**2 / (current.count - 1))
    t_squared = (current.mean - reference.mean) ** 2 / (a + b)
    z = (8.0 * degrees + 1.0) / (8.0 * degrees + 3.0) * math.sqrt(degrees * math.log1p(t_squared / degrees))
    return min(1.0, 2.0 * normal_tail(z))


def weighted_chi_square_tail(x: float, weights: F64) -> float:
    """P(Σ weights_i Z_i² > x) for independent standard normal Z_i, by a saddlepoint.

    weights: float64[k], >= 0, not all 0. Relative error of a few per cent in the upper tail.
    Source: Kuonen, Biometrika 86 (1999); Lugannani and Rice, Advances in Applied Probability 12 (1980).

    >>> round(weighted_chi_square_tail(3.841458820694124, np.ones(1)), 2)
    0.05
    """
    used = weights[weights > 0.0] / weights.max()
    x = x / float(weights.max())
    if x <= 0.0:
        return 1.0
    mean = float(used.sum())
    point = _saddlepoint(x, used)
    if abs(x / mean - 1.0) < 1e-5 or point == 0.0:  # where the formula is 0/0: its limit, by the skewness
        return 0.5 - float((8.0 * used**3).sum() / (2.0 * used**2).sum() ** 1.5) / (6.0 * math.sqrt(2.0 * math.pi))
    cumulant = -0.5 * float(np.log1p(-2.0 * point * used).sum())
    curvature = float((2.0 * (used / (1.0 - 2.0 * point * used)) ** 2).sum())
    w = math.copysign(math.sqrt(max(0.0, 2.0 * (point * x - cumulant))), point)
    v = point * math.sqrt(curvature)
    return min(1.0, max(0.0, normal_tail(w + math.log(v / w) / w)))


def _saddlepoint(x: float, weights: F64) -> float:
    """Solve Σ w / (1 - 2 t w) = x, whose left side grows with t below 1 / (2 max w), by bisection."""
    high = 0.5 * (1.0 - 1e-15)
    low = -0.5 * len(weights) / x
    for _ in range(_STEPS):
        middle = (low + high) / 2.0
        if float((weights / (1.0 - 2.0 * middle * weights)).sum()) < x:
            low = middle
        else:
            high = middle
    return (low + high) / 2.0
