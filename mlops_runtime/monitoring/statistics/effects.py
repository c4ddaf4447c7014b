"""How large a change is, in multiples of the smallest that matters, and how to say it."""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["DELTA_FLOOR", "DISTANCE_FLOOR", "Effect", "cohen_h", "percent", "share_effect", "shift_effect"]

DISTANCE_FLOOR = 0.1
DELTA_FLOOR = 0.147
_MAJOR = 2.5
_SHARE_FLOOR = 0.05
_COHEN_FLOOR = 0.2


@dataclass(frozen=True, slots=True)
class Effect:
    """A change. strength: its value over the floor, so 1 is just enough; words: what it says."""

    name: str
    value: float
    strength: float
    words: str


def shift_effect(name: str, value: float, floor: float) -> Effect:
    """A move of the distribution, by a distance; at 2.5 floors (0.25 of KS or PSI) it is a major one."""
    return Effect(name, value, value / floor, "major shift" if value >= _MAJOR * floor else "moderate shift")


def share_effect(name: str, before: float, after: float) -> Effect:
    """A change of a share: large enough from 0.05, or from Cohen's h = 0.2 (0 to 1 %)."""
    change = abs(after - before)
    strength = max(change / _SHARE_FLOOR, cohen_h(before, after) / _COHEN_FLOOR)
    return Effect(name, change, strength, f"{name} {percent(before)} -> {percent(after)}")


def cohen_h(share: float, other: float) -> float:
    """Effect size of a change of share, 2 |asin √p - asin √q|: 0.2 is small (0 to 1 %, 50 to 60 %), 0.5 medium.

    Source: Cohen, Statistical Power Analysis for the Behavioral Sciences (1988), chapter 6.
    """
    return 2.0 * abs(math.asin(math.sqrt(share)) - math.asin(math.sqrt(other)))


def percent(share: float) -> str:
    """Write a share for a human: three digits at most, and never 0 % for what is not zero.

    >>> percent(0.31), percent(0.0004), percent(0.0)
    ('31 %', '0.04 %', '0 %')
    """
    return f"{share * 100:.3g} %" if share == 0.0 or share >= 1e-6 else "under 0.0001 %"
