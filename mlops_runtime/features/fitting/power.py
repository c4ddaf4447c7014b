"""The power that makes a sample most like a normal distribution, by maximum likelihood."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from mlops_runtime.features.expression import Step
from mlops_runtime.features.fitting.evaluate import moments_of
from mlops_runtime.features.fitting.exact import Sums
from mlops_runtime.kernels.moments import summarise

__all__ = ["yeo_johnson_lambda"]

_LIMIT, _STRIDE = 5.0, 0.5
_TOLERANCE = 1e-7
_GRID = 2.0**-20  # lambda is rounded to it: finer digits would be those of the search, not of the data
_SMALLEST_RELATIVE_DEVIATION = 2.0**-40  # below, rounding errors pass for spread
_GOLDEN = (math.sqrt(5) - 1) / 2


def yeo_johnson_lambda(sample: NDArray[np.float64]) -> float:
    """Return the lambda of step `yeo_johnson`, within -5..5, for float64[n] finite values; 1 if they do not vary.

    Maximises -n/2 log(variance of the transformed) + (lambda - 1) sum of sign(x) log(1 + |x|): first over a grid of
    0.5, then by golden section to 1e-7, rounded to 2**-20. Both sums are exact, so every machine finds the same.
    Source: Yeo and Johnson (2000), Biometrika 87(4).
    """
    if len(sample) < 2 or sample.min() == sample.max():
        return 1.0
    logarithms = Sums.of(moments_of((Step("signed_log1p"),), sample))

    def likelihood(lam: float) -> float:
        spread = summarise(moments_of((Step("yeo_johnson", [lam]),), sample))
        largest = max(abs(spread.minimum), abs(spread.maximum))
        if spread.count < len(sample) or not spread.std > _SMALLEST_RELATIVE_DEVIATION * largest:
            return -math.inf
        return (lam - 1.0) * logarithms.mean - math.log(spread.std)

    grid = np.arange(-_LIMIT, _LIMIT + _STRIDE, _STRIDE).tolist()
    start = max(grid, key=likelihood)
    best = _golden_section(likelihood, start - _STRIDE, start + _STRIDE)
    return round(min(max(best, -_LIMIT), _LIMIT) / _GRID) * _GRID


def _golden_section(score: Callable[[float], float], low: float, high: float) -> float:
    """Where a function with one peak between `low` and `high` has it."""
    left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
    at_left, at_right = score(left), score(right)
    while high - low > _TOLERANCE:
        if at_left >= at_right:
            high, right, at_right = right, left, at_left
            left = high - _GOLDEN * (high - low)
            at_left = score(left)
        else:
            low, left, at_left = left, right, at_right
            right = low + _GOLDEN * (high - low)
            at_right = score(right)
    return (low + high) / 2
