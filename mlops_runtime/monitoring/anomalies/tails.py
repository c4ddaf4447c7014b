"""Tail probabilities of Student's and the negative binomial distribution, and the normal deviate they amount to."""

from __future__ import annotations

import math
from statistics import NormalDist

__all__ = ["MOST", "deviate", "negative_binomial_below", "student_tail"]

MOST = 37.0  # standard deviations: the least probability that a float can tell from 0
_EPSILON = 1e-16
_MAX_TERMS = 100_000


def deviate(probability: float) -> float:
    """Return z with P(Z > z) = probability for a standard normal Z, at most 37.

    >>> round(deviate(0.025), 6)
    1.959964
    """
    if probability >= 1.0:
        return -MOST
    return min(MOST, -NormalDist().inv_cdf(probability)) if probability > 1e-299 else MOST


def student_tail(t: float, degrees: float) -> float:
    """P(T > t) of Student's distribution, t >= 0; degrees need not be whole.

    Source: Abramowitz & Stegun 26.7.1 and 26.5.27.

    >>> round(student_tail(2.228138851965, 10), 9)
    0.025
    """
    return 0.5 * _beta_share(degrees / 2, 0.5, degrees / (degrees + t * t))


def negative_binomial_below(count: int, mean: float, size: float) -> float:
    """P(X <= count) for mean > 0 and variance mean + mean²/size.

    Source: Abramowitz & Stegun 26.5.26.
    """
    return _beta_share(size, count + 1.0, size / (size + mean))


def _beta_share(a: float, b: float, x: float) -> float:
    """Regularised incomplete beta function I_x(a, b), by its continued fraction (Lentz's method).

    Source: Abramowitz & Stegun 26.5.8; 26.5.2 where the fraction converges faster from the other end.
    """
    if x <= 0.0 or x >= 1.0:
        return 0.0 if x <= 0.0 else 1.0
    logarithm = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    if x < (a + 1) / (a + b + 2):
        return min(1.0, math.exp(logarithm) * _beta_fraction(a, b, x) / a)
    return max(0.0, 1.0 - math.exp(logarithm) * _beta_fraction(b, a, 1 - x) / b)


def _beta_fraction(a: float, b: float, x: float) -> float:
    c, d = 1.0, 1.0 / _away_from_zero(1 - (a + b) * x / (a + 1))
    value = d
    for m in range(1, _MAX_TERMS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        before = value
        for numerator in (even, odd):
            d = 1.0 / _away_from_zero(1 + numerator * d)
            c = _away_from_zero(1 + numerator / c)
            value *= c * d
        if abs(value - before) <= _EPSILON * 10 * abs(value):
            break
    return value


def _away_from_zero(x: float) -> float:
    return x if abs(x) > 1e-300 else 1e-300
