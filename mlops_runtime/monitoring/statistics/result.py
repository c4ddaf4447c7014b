"""What every statistic comes as: a value, how far it can be trusted, and what it rests on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Z_95", "Limits", "Statistic"]

Z_95 = 1.959963984540054

Limits = Literal["exact", "certified", "interval"]


@dataclass(frozen=True, slots=True)
class Statistic:
    """One statistic of one column, reference against current.

    low, high: limits of what `limits` says. "exact": a plain function of the counts, low = value = high. "certified":
    the same statistic of the raw rows lies between them, whatever the rows are. "interval": 95 % confidence for the
    statistic of the two populations. n, m: reference and current rows it rests on. null: what it comes to on average
    without any drift, where that is not 0. p_value: where the statistic is also a test.
    """

    name: str
    method: str
    value: float
    low: float
    high: float
    limits: Limits
    n: int
    m: int
    null: float = 0.0
    p_value: float | None = None

    @property
    def excess(self) -> float:
        """How far the value lies over what noise alone comes to; at least 0."""
        return max(0.0, self.value - self.null)
