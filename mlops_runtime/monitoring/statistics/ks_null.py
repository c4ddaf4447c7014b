"""The null distribution of a Kolmogorov-Smirnov distance taken at bin edges: ties, atoms and few bins included.

Given how many rows of both samples together fall into each bin, and no drift, every assignment of the rows to the two
samples is equally likely. Along the edges the gap F - G is then a random walk tied to 0 at both ends, and a p-value is
the chance that it ever gets as far from 0 as observed. The textbook p-value (Kolmogorov, 1933) takes continuous data
looked at everywhere; over ten distinct values it is several times too large.

- Small samples (effective size n m / (n + m) up to 128; up to 4,000 where a bin holds more than 1/32 of the rows, so
  that the gaps come in visible steps): the walk itself. The smaller sample's counts are independent binomials tied to
  their sum, so a step is a convolution, and what has left the band is cut off. Exact.
- Otherwise: its limit, a Brownian bridge looked at when bins end. A step is a Gaussian kernel on Gauss-Legendre
  nodes inside the band; the band is widened by 1/6 of a row, which removes the error of order 1/sqrt(n).

Source: Durbin, Distribution Theory for Tests Based on the Sample Distribution Function (1973), sections 2 and 4;
Schröer & Trenkler, Comput. Statist. Data Anal. 20 (1995), for ties; Hodges, Arkiv för Matematik 3 (1958), for 1/6.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from mlops_runtime.monitoring.statistics.special import kolmogorov_tail

__all__ = ["bridge_tail", "ks_p", "walk_tail"]

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

_SMALL_SIZE = 128.0
_LUMPY_SIZE = 4_000.0
_LUMP = 1.0 / 32.0
_RESOLUTION = 1e-10
_FAR = 2.0
_MANY = 100_000
_LEAST_MASS = 1.0 / 512.0


def ks_p(reference: I64, current: I64) -> float:
    """Return P(max over edges |F - G| >= the observed one | pooled counts, no drift).

    reference, current: int64[k] counts over the same bins, in order; neither side empty.

    >>> round(ks_p(np.array([3, 0]), np.array([0, 3])), 12)
    0.1
    """
    used = reference + current > 0
    reference, current = reference[used], current[used]
    n, m = int(reference.sum()), int(current.sum())
    distance = float(np.abs(np.cumsum(reference) / n - np.cumsum(current) / m).max())
    if distance == 0.0 or len(reference) < 2:
        return 1.0
    size, masses = n * m / (n + m), (reference + current) / (n + m)
    x = math.sqrt(size) * distance
    if size <= (_LUMPY_SIZE if masses.max() >= _LUMP else _SMALL_SIZE):
        return walk_tail(reference, current)
    x += 1.0 / (6.0 * math.sqrt(size))
    return kolmogorov_tail(x) if x > _FAR else bridge_tail(x, masses)


def walk_tail(reference: I64, current: I64) -> float:
    """Return the same p-value by the walk itself, exact; below 1e-10, where digits cancel, by its limit.

    Every bin holds a row of either side. Cost: a convolution a bin.
    """
    n, m = int(reference.sum()), int(current.sum())
    fewer, more = (reference, current) if n <= m else (current, reference)
    p_value = 1.0 - _stays_inside(fewer, more)
    distance = float(np.abs(np.cumsum(reference) / n - np.cumsum(current) / m).max())
    return (
        p_value if p_value > _RESOLUTION else min(_RESOLUTION, kolmogorov_tail(math.sqrt(n * m / (n + m)) * distance))
    )


def _stays_inside(fewer: I64, more: I64) -> float:
    """P(the walk stays strictly closer to 0 than observed), by Durbin's recursion over the bins."""
    pooled = fewer + more
    size, total = int(fewer.sum()), int(pooled.sum())
    reached = np.cumsum(pooled)[:-1] * size
    observed = int(np.abs(np.cumsum(fewer)[:-1] * total - reached).max())
    low = np.maximum(0, (reached - observed) // total + 1).tolist()
    high = np.minimum(size, -((-reached - observed) // total) - 1).tolist()
    state, first = np.ones(1), 0
    for step, (start, chances) in enumerate(_binomials(pooled, size, total)):
        state, first = np.convolve(state, chances), first + start
        if step < len(low):
            kept = max(low[step], first)
            state, first = state[kept - first : max(0, high[step] + 1 - first)], kept
            if len(state) == 0:
                return 0.0
    start, whole = _binomials(np.array([total]), size, total)[0]
    return float(min(1.0, state[size - first] / whole[size - start])) if size - first < len(state) else 0.0


def _binomials(trials: I64, size: int, total: int) -> list[tuple[int, F64]]:
    """Return Binomial(trials[i], size / total): a number of hits, and the probabilities of it, one more, and so on.

    What is further from the mean than eight deviations and 12 hits is below 1e-14, and left out.
    """
    share = size / total
    reach = 8.0 * np.sqrt(trials * share * (1.0 - share)) + 12.0
    first = np.maximum(0, np.floor(trials * share - reach)).astype(np.int64)
    last = np.minimum(np.minimum(trials, size), np.ceil(trials * share + reach).astype(np.int64))
    hits = first[:, None] + np.arange(int((last - first).max()))
    ratios = np.log(np.maximum(trials[:, None] - hits, 1) / (hits + 1.0)) + math.log(share / (1.0 - share))
    starts = [_log_chance(*pair, share) for pair in zip(first.tolist(), trials.tolist(), strict=True)]
    logs = np.cumsum(np.concatenate([np.array(starts)[:, None], ratios], axis=1), axis=1)
    chances, lengths = np.exp(logs), (last - first + 1).tolist()
    return [(start, row[:length]) for start, row, length in zip(first.tolist(), chances, lengths, strict=True)]


def _log_chance(hits: int, trials: int, share: float) -> float:
    """Return ln of Binomial(trials, share) at `hits`."""
    ordered = _log_ordered(trials, hits) - math.lgamma(hits + 1)
    return ordered + hits * math.log(share) + (trials - hits) * math.log1p(-share)


def _log_ordered(trials: int, hits: int) -> float:
    """Return ln(trials! / (trials - hits)!); of many trials by Stirling's series, as the factorials' digits cancel."""
    rest = trials - hits
    if rest < _MANY:
        return math.lgamma(trials + 1) - math.lgamma(rest + 1)
    corrections = (1.0 / trials - 1.0 / rest) / 12.0
    return hits * math.log(trials) - (rest + 0.5) * math.log1p(-hits / trials) - hits + corrections


@dataclass(frozen=True, slots=True)
class _Run:
    """Consecutive bins of about the same mass."""

    mass: float
    bins: int


def bridge_tail(x: float, masses: F64) -> float:
    """P(|B(t)| >= x at some t = masses[0], masses[0] + masses[1], ...) for the Brownian bridge B.

    Bins of less than 1/512 are joined with their neighbours, and consecutive ones of about the same mass are taken as
    equal, so that many steps are one power of a matrix.
    """
    runs = _runs(masses)
    if sum(run.bins for run in runs) < 2:
        return 1.0
    narrowest = math.sqrt(min(run.mass for run in runs))
    nodes, weights = _nodes(16 * math.ceil(0.5 + 0.1 * x / narrowest))
    y, root = nodes * x, np.sqrt(weights * x)
    state = root * _gauss(y, runs[0].mass)
    for place, run in enumerate(runs):
        inner = run.bins - (place == 0) - (place == len(runs) - 1)
        state = _advance(state, y, root, run.mass, inner)
    inside = 2.0 * float(np.sum(state * root * _gauss(y, runs[-1].mass))) * math.sqrt(2.0 * math.pi)
    return min(1.0, max(0.0, 1.0 - inside))


def _advance(state: F64, y: F64, root: F64, mass: float, times: int) -> F64:
    """Take `times` equal steps. The density stays even in y, so half of the nodes tell all of it."""
    if times == 0:
        return state
    step = root[:, None] * (_gauss(y[:, None] - y, mass) + _gauss(y[:, None] + y, mass)) * root
    while times:
        if times & 1:
            state = step @ state
        times >>= 1
        step = step @ step if times else step
    return state


def _gauss(y: F64, variance: float) -> F64:
    return np.exp(-(y * y) / (2.0 * variance)) / math.sqrt(2.0 * math.pi * variance)


def _runs(masses: F64) -> list[_Run]:
    runs: list[_Run] = []
    total, bins, gathered = 0.0, 0, 0.0
    for mass in masses.tolist():
        gathered += mass
        if gathered < _LEAST_MASS:
            continue
        if bins and not total / bins / 2.0 <= gathered <= total / bins * 2.0:
            runs.append(_Run(total / bins, bins))
            total, bins = 0.0, 0
        total, bins, gathered = total + gathered, bins + 1, 0.0
    if bins:
        runs.append(_Run((total + gathered) / bins, bins))
    return runs


@lru_cache(maxsize=64)
def _nodes(count: int) -> tuple[F64, F64]:
    """Return the positive half of the 2 * count Gauss-Legendre nodes on [-1, 1], and their weights."""
    nodes, weights = np.polynomial.legendre.leggauss(2 * count)
    return nodes[count:], weights[count:]
