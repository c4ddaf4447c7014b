"""Tail probabilities of the normal, Kolmogorov and chi-square distributions: the base install has no SciPy."""

from __future__ import annotations

import math

__all__ = ["chi2_tail", "kolmogorov_tail", "normal_tail"]

_EPSILON = 1e-16
_MAX_TERMS = 100_000


def normal_tail(z: float) -> float:
    """P(Z > z) of the standard normal.

    >>> normal_tail(0.0)
    0.5
    """
    return 0.5 * math.erfc(z / math.sqrt(2.0))


def kolmogorov_tail(x: float) -> float:
    """P(K > x) of Kolmogorov's limiting distribution.

    The two series are equal (a theta-function identity); each is used where it converges in a few terms.
    Source: Kolmogorov (1933); Marsaglia, Tsang, Wang, J. Stat. Software 8(18), 2003.

    >>> round(kolmogorov_tail(1.3580986), 6)
    0.05
    """
    if x <= 0.0:
        return 1.0
    if x < 1.18:
        base = math.exp(-(math.pi**2) / (8.0 * x * x))
        below = math.sqrt(2.0 * math.pi) / x * sum(base ** ((2 * k - 1) ** 2) for k in range(1, 5))
        return min(1.0, max(0.0, 1.0 - below))
    return 2.0 * sum((-1.0) ** (k - 1) * math.exp(-2.0 * k * k * x * x) for k in range(1, 8))


def chi2_tail(x: float, degrees: int) -> float:
    """P(X > x) of the chi-square distribution: the regularised upper incomplete gamma function Q(degrees/2, x/2).

    Source: Abramowitz & Stegun 6.5.29 (series) and 6.5.31 (continued fraction, by Lentz's method).

    >>> round(chi2_tail(3.841458820694124, 1), 12)
    0.05
    """
    if degrees < 1 or x <= 0.0:
        return 1.0
    a, half = degrees / 2.0, x / 2.0
    scale = math.exp(-half + a * math.log(half) - math.lgamma(a))
    if half < a + 1.0:
        return max(0.0, 1.0 - scale * _gamma_series(a, half))
    return scale * _gamma_fraction(a, half)


def _gamma_series(a: float, x: float) -> float:
    term = total = 1.0 / a
    for n in range(1, _MAX_TERMS):
        term *= x / (a + n)
        total += term
        if term < total * _EPSILON:
            break
    return total


def _gamma_fraction(a: float, x: float) -> float:
    b = x + 1.0 - a
    c, d = 1e300, 1.0 / b
    value = d
    for n in range(1, _MAX_TERMS):
        numerator = -n * (n - a)
        b += 2.0
        d = 1.0 / (numerator * d + b)
        c = b + numerator / c
        value *= c * d
        if abs(c * d - 1.0) < _EPSILON * 10:
            break
    return value
