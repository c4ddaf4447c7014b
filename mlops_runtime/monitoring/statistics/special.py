"""Tail probabilities of the normal, Kolmogorov and chi-square distributions, and ln Γ: the base has no SciPy."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

__all__ = ["chi2_tail", "kolmogorov_tail", "log_gamma", "normal_tail"]

F64 = NDArray[np.float64]

_EPSILON = 1e-16
_MAX_TERMS = 100_000
_STIRLING_FROM = 10


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


def chi2_tail(x: float, degrees: float) -> float:
    """P(X > x) of the chi-square distribution: the regularised upper incomplete gamma function Q(degrees/2, x/2).

    degrees: above 0, whole or not; 1.0 without any.
    Source: Abramowitz & Stegun 6.5.29 (series) and 6.5.31 (continued fraction, by Lentz's method).

    >>> round(chi2_tail(3.841458820694124, 1), 12)
    0.05
    """
    if degrees <= 0.0 or x <= 0.0:
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


def log_gamma(x: F64) -> F64:
    """Natural logarithm of Γ(x) of positive numbers, elementwise; to 1e-13 relative or absolute.

    Stirling's series, after ten steps of Γ(x) = Γ(x + 1) / x for small x. Source: Abramowitz & Stegun 6.1.41.

    >>> float(np.exp(log_gamma(np.array(5.0))).round(9))
    24.0
    """
    small = x < _STIRLING_FROM
    z = np.where(small, x + _STIRLING_FROM, x)
    steps = np.where(small, x, 1.0)
    for step in range(1, _STIRLING_FROM):
        steps = steps * np.where(small, x + step, 1.0)
    square = z * z
    series: F64 = np.full_like(square, 1.0 / 1188.0)
    for term in (-1.0 / 1680.0, 1.0 / 1260.0, -1.0 / 360.0, 1.0 / 12.0):
        series = term + series / square
    found: F64 = (z - 0.5) * np.log(z) - z + 0.5 * math.log(2.0 * math.pi) + series / z - np.log(steps)
    return found
