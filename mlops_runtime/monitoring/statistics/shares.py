"""One share on both sides: its interval, the interval of its change, and the chance of such a change without drift."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from mlops_runtime.monitoring.statistics.result import Z_95, Statistic
from mlops_runtime.monitoring.statistics.special import normal_tail

__all__ = ["new_share_p", "share", "share_change", "share_change_p", "wilson"]

F64 = NDArray[np.float64]

_EXACT_HITS = 1000


def wilson(hits: int, rows: int) -> tuple[float, float]:
    """Return the 95 % score interval of a share. Source: Wilson, J. American Stat. Assoc. 22 (1927)."""
    square, found = Z_95 * Z_95, hits / rows
    middle = (found + square / (2 * rows)) / (1.0 + square / rows)
    reach = Z_95 / (1.0 + square / rows) * math.sqrt(found * (1.0 - found) / rows + square / (4.0 * rows * rows))
    return (0.0 if hits == 0 else max(0.0, middle - reach)), (1.0 if hits == rows else min(1.0, middle + reach))


def share(name: str, n: int, hits_m: int, m: int) -> Statistic:
    """The current share hits_m / m, with Wilson's interval. n: the reference rows beside it."""
    return Statistic(name, "Wilson", hits_m / m, *wilson(hits_m, m), "interval", n, m)


def share_change(name: str, hits_n: int, n: int, hits_m: int, m: int) -> Statistic:
    """By how much a share has changed, with Newcombe's interval (his method 10) and the p-value of no change.

    Source: Newcombe, Statistics in Medicine 17 (1998).
    """
    before, now = hits_n / n, hits_m / m
    (low_n, high_n), (low_m, high_m) = wilson(hits_n, n), wilson(hits_m, m)
    low = now - before - math.hypot(now - low_m, high_n - before)
    high = now - before + math.hypot(high_m - now, before - low_n)
    p_value = share_change_p(hits_n, n, hits_m, m)
    return Statistic(name, "Newcombe", now - before, low, high, "interval", n, m, 0.0, p_value)


def share_change_p(hits_n: int, n: int, hits_m: int, m: int) -> float:
    """Two-sided p-value that a share differs, hits_n of n against hits_m of m.

    Up to 1,000 hits (or 1,000 misses) in all: twice the smaller tail of Fisher's exact test, since a normal
    approximation calls one missing value in 30 rows impossible when the reference has one in 10,000. With more: the
    pooled z with continuity correction. Source: Fisher (1935); Fleiss, Levin, Paik, Statistical Methods for Rates and
    Proportions (2003), section 3.3.
    """
    hits, misses = hits_n + hits_m, n + m - hits_n - hits_m
    if misses < hits:
        hits, hits_n, hits_m = misses, n - hits_n, m - hits_m
    if hits == 0:
        return 1.0
    if hits <= _EXACT_HITS:
        chances = _hypergeometric(hits, n, m)
        return min(1.0, 2.0 * min(float(chances[: hits_m + 1].sum()), float(chances[hits_m:].sum())))
    pooled = hits / (n + m)
    error = math.sqrt(pooled * (1.0 - pooled) * (1.0 / n + 1.0 / m))
    gap = abs(hits_n / n - hits_m / m) - (1.0 / n + 1.0 / m) / 2.0
    return 1.0 if gap <= 0.0 else min(1.0, 2.0 * normal_tail(gap / error))


def _hypergeometric(hits: int, n: int, m: int) -> F64:
    """Return P(i of `hits` fall among the m rows), i = 0 .. hits."""
    i = np.arange(hits)
    with np.errstate(divide="ignore"):
        up, down = np.log((hits - i) * np.maximum(m - i, 0.0)), np.log((i + 1.0) * np.maximum(n - hits + i + 1.0, 0.0))
    impossible = int(max(0, hits - n))
    logs = np.concatenate([np.full(impossible, -np.inf), [0.0], np.cumsum((up - down)[impossible:])])
    chances = np.exp(logs - logs.max())
    whole: F64 = chances / chances.sum()
    return whole


def new_share_p(singletons: int, doubletons: int, n: int, new: int, m: int) -> float:
    """One-sided p-value that more rows hold unseen categories than the reference predicts.

    The reference's own rate of unseen rows is Good & Turing's estimate, singletons / n: a column of ids is all new
    categories and has not drifted. Its variance is Esty's (Annals of Statistics 11, 1983). Continuity-corrected.
    """
    expected = singletons / n
    pooled = (singletons + new) / (n + m)
    variance = pooled * (1.0 - pooled) * (1.0 / n + 1.0 / m) + 2.0 * doubletons / n**2
    gap = new / m - expected - (1.0 / n + 1.0 / m) / 2.0
    return 1.0 if variance == 0.0 or gap <= 0.0 else normal_tail(gap / math.sqrt(variance))
