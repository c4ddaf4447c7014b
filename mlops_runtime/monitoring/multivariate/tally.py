"""Count, sum and sum of squares of whole numbers, without rounding: what a mean and its error come from."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Tally"]

_BLOCK = 1 << 16


@dataclass(frozen=True, slots=True)
class Tally:
    """Mergeable in any order, bit for bit.

    >>> parts = Tally().add(np.array([1, 2])).merge(Tally().add(np.array([3])))
    >>> parts.mean, parts.variance
    (2.0, 1.0)
    """

    count: int = 0
    total: int = 0
    squares: int = 0

    def add(self, values: NDArray[np.int64]) -> Tally:
        """Return the tally with int64[n] more values, each below 2^23 in size."""
        blocks = [values[start : start + _BLOCK] for start in range(0, len(values), _BLOCK)]
        total = sum(int(block.sum()) for block in blocks)
        return Tally(self.count + len(values), self.total + total, self.squares + sum(int(b @ b) for b in blocks))

    def merge(self, other: Tally) -> Tally:
        """Return the tally of both parts."""
        return Tally(self.count + other.count, self.total + other.total, self.squares + other.squares)

    @property
    def mean(self) -> float:
        """NaN for no value."""
        return self.total / self.count if self.count else math.nan

    @property
    def variance(self) -> float:
        """Of the population, unbiased; NaN for fewer than two values."""
        if self.count < 2:
            return math.nan
        return (self.count * self.squares - self.total**2) / (self.count * (self.count - 1))

    def to_dict(self) -> dict[str, str]:
        """Return decimal strings."""
        return {"count": str(self.count), "total": str(self.total), "squares": str(self.squares)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Tally:
        """Read what `to_dict` wrote. Raises ValueError for numbers that no values have."""
        tally = cls(int(values["count"]), int(values["total"]), int(values["squares"]))
        if tally.count < 0 or tally.count * tally.squares < tally.total**2:
            raise ValueError("a sum of squares that is too small")
        return tally
