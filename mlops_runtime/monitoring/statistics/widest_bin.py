"""What exact totals say about one bin that counts alone leave open, as the bin of a far outlier is."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Self

import numpy as np
from numpy.typing import NDArray

from mlops_runtime.monitoring.state.summary import NumericSummary

__all__ = ["Pinned", "integral_limits", "most_noise"]

F64 = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Pinned:
    """A bin (left, right] of one sample: its shares F at both ends, and Σ (x - left) / n over its values, low to high.

    The values of all other bins lie inside these, so what is left of the exact total is this bin's; that is known the
    better, the wider this bin is beside the others.
    """

    width: float
    left: float
    right: float
    low: float
    high: float

    @classmethod
    def of(cls, summary: NumericSummary, points: F64, shares: F64, place: int) -> Self:
        """Bin `place` of k - 1; points: float64[k] ascending, less the summary's origin; shares: of values <= each."""
        inside, offsets = np.diff(shares), points - points[place]
        others = np.where(np.arange(len(inside)) == place, 0.0, inside)
        start = Fraction(points[place].item()) + summary.origin
        mean = float(summary.exact_mean - start)
        width = float(offsets[place + 1])
        room = float(inside[place]) * width
        low, high = mean - float(others @ offsets[1:]), mean - float(others @ offsets[:-1])
        ends = float(shares[place]), float(shares[place + 1])
        return cls(width, *ends, min(max(low, 0.0), room), min(max(high, 0.0), room))

    def above(self, *, least: bool = False) -> float:
        """Return the most, or least, that ∫ (1 - F) over the bin can be."""
        return self.width * (1.0 - self.right) + (self.low if least else self.high)

    def below(self) -> float:
        """Return the most that ∫ F over the bin can be."""
        return self.width * self.right - self.low


def integral_limits(one: Pinned, other: Pinned) -> tuple[float, float]:
    """Return the least and the most that ∫ |F - G| over a bin of two samples can be. Source: the triangle inequality.

    F - G is the gap at the right end less what either sample gains inside the bin, and the gap at the left end plus it.
    """
    gaps = one.left - other.left, one.right - other.right
    least = max(one.above(least=True) - other.above(), other.above(least=True) - one.above(), 0.0)
    from_right = one.width * abs(gaps[1]) + one.high + other.high
    gained = one.width * (one.right - one.left + other.right - other.left) - one.low - other.low
    return least, max(least, min(from_right, one.width * abs(gaps[0]) + gained))


def most_noise(one: Pinned, other: Pinned, n: int, m: int) -> float:
    """Return the most that ∫ √(H (1 - H)) over the bin can be, H the rows of both together. Source: Jensen (1906)."""
    above = (n * one.above() + m * other.above()) / (n + m)
    below = (n * one.below() + m * other.below()) / (n + m)
    return math.sqrt(one.width * min(above, below))
