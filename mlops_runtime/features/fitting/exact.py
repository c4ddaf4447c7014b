"""Mean and deviation of a column from exact sums, imputed rows included, each rounded once."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from mlops_runtime._native import Moments
from mlops_runtime.kernels.moments.summary import finalise

__all__ = ["Sums", "reciprocal"]

_UNIT_BITS = 1074  # sums of x count units of 2**-1074, those of squares 2**-2148
_SMALLEST_NORMAL = 2.0**-1022


@dataclass(frozen=True, slots=True)
class Sums:
    """How many values, their sum in units of 2**-1074, and the sum of their squares in units of 2**-2148: exact."""

    count: int
    total: int
    squares: int

    @classmethod
    def of(cls, moments: Moments) -> Sums:
        """The sums of the finite values that were seen."""
        return cls(moments.count, *moments.sums())

    def repeated(self, times: int) -> Sums:
        """Return the sums of `times` copies of every value."""
        return Sums(self.count * times, self.total * times, self.squares * times)

    def with_copies(self, value: float, times: int) -> Sums:
        """Return the sums with `times` more copies of a finite value; fewer when `times` is negative."""
        units = int(Fraction(value) * 2**_UNIT_BITS)
        return Sums(self.count + times, self.total + times * units, self.squares + times * units * units)

    @property
    def mean(self) -> float:
        """The mean, correctly rounded; 0 of no value."""
        return finalise(self.count, self.total, self.squares)[0] if self.count else 0.0

    @property
    def standardisation(self) -> tuple[float, float]:
        """The mean and 1 / the standard deviation (divisor n); 1 when the values do not vary.

        >>> Sums(0, 0, 0).with_copies(1.0, 2).with_copies(5.0, 2).standardisation
        (3.0, 0.5)
        """
        if not self.count:
            return 0.0, 1.0
        mean, _, deviation = finalise(self.count, self.total, self.squares)
        return mean, 1.0 / deviation if deviation >= _SMALLEST_NORMAL else 1.0


def reciprocal(low: float, high: float) -> float:
    """Return 1 / (high - low) without overflow; 1 when there is no span worth dividing by.

    >>> reciprocal(1.0, 5.0), reciprocal(2.0, 2.0)
    (0.25, 1.0)
    """
    span = Fraction(high) - Fraction(low)
    return float(1 / span) if span >= Fraction(_SMALLEST_NORMAL) else 1.0
