"""Mean, variance and standard deviation from exact sums, each rounded once."""

from __future__ import annotations

import math
from dataclasses import dataclass

from mlops_runtime._native import Moments

__all__ = ["Summary", "summarise"]

_UNIT_BITS = 1074  # sums come in units of 2**-1074, sums of squares in units of 2**-2148


@dataclass(frozen=True, slots=True)
class Summary:
    """What is known of a numeric column; statistics of its finite values are NaN when there is none."""

    count: int
    missing: int
    positive_infinite: int
    negative_infinite: int
    minimum: float
    maximum: float
    mean: float
    variance: float
    std: float


def summarise(moments: Moments) -> Summary:
    """Return the summary of a column's moments.

    variance is the population variance (divided by n); it and `std` overflow to inf, never to a wrong number.

    >>> import pyarrow as pa
    >>> from mlops_runtime._native import ArrowTable, Moments
    >>> moments = Moments()
    >>> moments.update(ArrowTable(pa.table({"x": [1.0, 2.0, None, 6.0]})), 0)
    >>> summary = summarise(moments)
    >>> summary.mean, summary.variance, summary.missing
    (3.0, 4.666666666666667, 1)
    """
    total, squares = moments.sums()
    mean, variance, std = finalise(moments.count, total, squares)
    return Summary(
        count=moments.count,
        missing=moments.missing,
        positive_infinite=moments.positive_infinite,
        negative_infinite=moments.negative_infinite,
        minimum=moments.minimum,
        maximum=moments.maximum,
        mean=mean,
        variance=variance,
        std=std,
    )


def finalise(count: int, total: int, squares: int) -> tuple[float, float, float]:
    """Return (mean, variance, std) of `count` values from their exact sums, correctly rounded.

    >>> finalise(0, 0, 0)
    (nan, nan, nan)
    """
    if count == 0:
        return math.nan, math.nan, math.nan
    # n Σx² - (Σx)² is never negative (Cauchy-Schwarz), and exact here.
    spread = count * squares - total * total
    unit = 1 << 2 * _UNIT_BITS
    return (
        _ratio(total, count << _UNIT_BITS),
        _ratio(spread, count * count * unit),
        _root_of_ratio(spread, count * count * unit),
    )


def _ratio(numerator: int, denominator: int) -> float:
    try:
        return numerator / denominator  # Python divides integers correctly rounded
    except OverflowError:
        return math.inf  # of a variance: no mean of finite values overflows


def _root_of_ratio(numerator: int, denominator: int) -> float:
    """Square root of a fraction: 109 bits of an integer root, its lowest one sticky, then one rounding division."""
    if numerator == 0:
        return 0.0
    shift = (numerator.bit_length() - denominator.bit_length() - 109) // 2
    if shift >= 0:
        return _ratio(_root_to_odd(numerator, denominator << 2 * shift) << shift, 1)
    return _ratio(_root_to_odd(numerator << -2 * shift, denominator), 1 << -shift)


def _root_to_odd(numerator: int, denominator: int) -> int:
    root = math.isqrt(numerator // denominator)
    return root | (root * root * denominator != numerator)
