"""The p-value of a Kolmogorov-Smirnov distance over all values of two sorted samples, ties included.

Up to 10,000 values of both together: the random walk of `ks_null` over the distinct values, exact. More: which values
hold 1/512 of the rows or more is seen at 1,024 places of each sample. There is none: Kolmogorov's limit with Stephens'
finite sizes. There are some: the Brownian bridge of `ks_null`, looked at where these end and 512 times in between; the
band is then narrower by what a bridge does between two such looks.

Source: see `ks_null`; Stephens, J. Royal Stat. Soc. B 32 (1970), for finite sizes; Broadie, Glasserman & Kou,
Mathematical Finance 7 (1997), for the 0.5826 standard deviations between looks.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlops_runtime.monitoring.statistics.ks_null import bridge_tail, walk_tail
from mlops_runtime.monitoring.statistics.special import kolmogorov_tail

__all__ = ["sample_ks_p"]

Values = NDArray[Any]
F64 = NDArray[np.float64]

_WALKED = 10_000
_PROBES = 1024
_LUMP = 1.0 / 512.0
_BETWEEN_LOOKS = 0.5826
_NARROWEST = 1e-3


def sample_ks_p(reference: Values, current: Values, distance: float) -> float:
    """Return P(sup |F - G| >= distance | pooled values, no drift). Both samples ascending, neither empty.

    >>> round(sample_ks_p(np.array([1.0, 2.0, 3.0]), np.array([4.0, 5.0, 6.0]), 1.0), 12)
    0.1
    """
    n, m = len(reference), len(current)
    if distance == 0.0:
        return 1.0
    if n + m <= _WALKED:
        _, place = np.unique(np.concatenate([reference, current]), return_inverse=True)
        counts = [np.bincount(part, minlength=int(place.max()) + 1) for part in (place[:n], place[n:])]
        return walk_tail(*counts)
    size = n * m / (n + m)
    root = math.sqrt(size)
    lumps = _lumps(reference, current)
    if not lumps:
        return min(1.0, kolmogorov_tail((root + 0.12 + 0.11 / root) * distance))
    between = _BETWEEN_LOOKS * math.sqrt(_LUMP) if 1.0 - sum(lump.share for lump in lumps) > _LUMP else 0.0
    return bridge_tail(max(root * distance + 1.0 / (6.0 * root) - between, _NARROWEST), _steps(lumps))


class _Lump(NamedTuple):
    """A value that many rows have: the share of them all that is below it, and the share that has it."""

    below: float
    share: float


def _lumps(reference: Values, current: Values) -> list[_Lump]:
    """Return the values that 1/512 of the rows or more have, ascending."""
    samples = (reference, current)
    probes = [one[np.linspace(0, len(one) - 1, min(_PROBES, len(one))).astype(np.int64)] for one in samples]
    repeated = np.unique(np.concatenate([one[1:][one[1:] == one[:-1]] for one in probes]))
    rows = len(reference) + len(current)
    below, upto = (
        np.searchsorted(reference, repeated, side) + np.searchsorted(current, repeated, side)
        for side in ("left", "right")
    )
    found = [_Lump(low / rows, (high - low) / rows) for low, high in zip(below.tolist(), upto.tolist(), strict=True)]
    return [lump for lump in found if lump.share >= _LUMP]


def _steps(lumps: list[_Lump]) -> F64:
    """Return the shares between one look and the next: each lump is one step, what lies between is cut in 1/512."""
    steps, reached = [], 0.0
    for lump in (*lumps, _Lump(1.0, 0.0)):
        stretch = max(0.0, lump.below - reached)
        pieces = math.ceil(stretch / _LUMP)
        steps += [stretch / pieces] * pieces if pieces else []
        steps.append(lump.share)
        reached = lump.below + lump.share
    return np.array(steps[:-1])
