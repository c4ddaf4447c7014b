"""How far two sketched distributions are apart, and how well the sketches know it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mlops_runtime.data.sketch.model import QUANTILES, KeySketch, NumberSketch

__all__ = ["Distance", "key_distance", "number_distance"]


@dataclass(frozen=True, slots=True)
class Distance:
    """A distance of two distributions, 0 to 1. error: the true one is at least `value - error`, at 98 %.

    ks: Kolmogorov-Smirnov, the largest difference of the shares up to a value; the true one is also at most
    `value + error`. total_variation: half the sum of the differences of the keys' shares, as far as the listed keys
    prove it. share: the largest difference of one listed key's share, when the counts of a side are estimates.
    """

    method: Literal["ks", "total_variation", "share"]
    value: float
    error: float


def number_distance(before: NumberSketch, after: NumberSketch) -> Distance:
    """Kolmogorov-Smirnov distance of two columns with values, from their quantiles and their counts of infinities.

    error: 1/256 for the quantiles' step and, of each side that is a sample, DKW's bound (99 % each).
    Source: Massart (1990), "The tight constant in the Dvoretzky-Kiefer-Wolfowitz inequality".
    """
    steps = np.unique(np.array([-np.inf, *before.quantiles, *after.quantiles]))
    apart = np.abs(_shares_up_to(steps, before) - _shares_up_to(steps, after))
    return Distance("ks", float(apart.max()), 1 / QUANTILES + before.error + after.error)


def _shares_up_to(steps: NDArray[np.float64], numbers: NumberSketch) -> NDArray[np.float64]:
    finite = numbers.shares_up_to(steps) * numbers.count if numbers.count else 0.0
    return np.asarray((numbers.negative_infinite + finite) / numbers.present)


def key_distance(before: KeySketch, after: KeySketch) -> Distance:
    """Distance of two columns with keys, from their most frequent ones.

    A key that one side does not list has there at most the share of the rarest listed key, and none when the list is
    complete; it counts with the least difference that this allows.
    """
    old, new = dict(before.top), dict(after.top)
    differences = [_least_difference(key, old, before, new, after) for key in old.keys() | new.keys()]
    if before.error or after.error:
        return Distance("share", max(differences, default=0.0), before.error + after.error)
    return Distance("total_variation", math.fsum(differences) / 2, 0.0)


def _least_difference(key: str, old: dict[str, int], before: KeySketch, new: dict[str, int], after: KeySketch) -> float:
    low_old, high_old = _share(key, old, before)
    low_new, high_new = _share(key, new, after)
    return max(0.0, low_old - high_new, low_new - high_old)


def _share(key: str, counts: dict[str, int], keys: KeySketch) -> tuple[float, float]:
    """The least and the greatest share a key can have."""
    if key in counts:
        share = counts[key] / keys.present
        return share, share
    return 0.0, 0.0 if keys.complete or not keys.top else keys.top[-1][1] / keys.present
