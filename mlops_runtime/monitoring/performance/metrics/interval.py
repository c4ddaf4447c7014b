"""A measured value with its uncertainty."""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["Interval", "finite"]


def finite(value: float) -> float | None:
    """Return a plain float, or None when the value is undefined (NaN) or infinite: JSON has neither.

    >>> finite(float("nan")) is None
    True
    """
    return float(value) if math.isfinite(value) else None


@dataclass(frozen=True, slots=True)
class Interval:
    """A value and its 95 % bootstrap interval (see `bootstrap`); None where it is undefined on these rows."""

    value: float | None
    low: float | None
    high: float | None

    def to_dict(self) -> dict[str, float | None]:
        """Return `{"value", "low", "high"}`."""
        return {"value": self.value, "low": self.low, "high": self.high}
