"""Oracle of the moments kernel: rational arithmetic, value by value."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from mlops_runtime.kernels.moments.summary import Summary, finalise

__all__ = ["moments"]


def moments(values: Sequence[float | int | None]) -> Summary:
    """Summary of a column given as Python numbers; missing is None or NaN.

    values: floats, or integers of any size, which count exactly. Returns population variance. Infinities are counted
    and left out. Extremes are rounded to float64. Source: the definitions;
    see `csrc/kernels/moments.hpp`.

    >>> moments([1, None, float("inf"), 3]).mean
    2.0
    """
    present = [value for value in values if value is not None and value == value]
    infinite = [value for value in present if value in (float("inf"), float("-inf"))]
    finite = [Fraction(value) for value in present if value not in (float("inf"), float("-inf"))]
    total = sum(finite, Fraction(0)) * 2**1074
    squares = sum((value * value for value in finite), Fraction(0)) * 2**2148
    mean, variance, std = finalise(len(finite), int(total), int(squares))
    return Summary(
        count=len(finite),
        missing=len(values) - len(present),
        positive_infinite=sum(value > 0 for value in infinite),
        negative_infinite=sum(value < 0 for value in infinite),
        minimum=float(min(finite)) if finite else float("nan"),
        maximum=float(max(finite)) if finite else float("nan"),
        mean=mean,
        variance=variance,
        std=std,
    )
