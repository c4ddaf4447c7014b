"""Which bins to take together before a statistic is taken; never a choice that favours one of the two sides."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["GroupedCounts", "equal_mass_groups", "grouped", "pool_adjacent", "pool_rare"]

I64 = NDArray[np.int64]
GroupedCounts = tuple[I64, I64]

_PSI_GROUPS = 10
_MIN_EXPECTED = 5.0
_END_EXPECTED = 10.0


def equal_mass_groups(reference: I64, *, groups: int = _PSI_GROUPS) -> I64:
    """Return int64[slots], the group of each histogram slot: about equal reference mass each, in slot order.

    The first and last slots (below and above everything in the reference) stay groups of their own. The distances
    between shares are taken over these: over 256 bins their sampling noise, about (bins - 1)(1/n + 1/m) nats of PSI,
    would drown the conventional thresholds, which belong to deciles.
    """
    twice_middle = 2 * np.cumsum(reference) - reference
    inner: I64 = np.minimum(twice_middle * groups // max(2 * int(reference.sum()), 1), groups - 1) + 1
    inner[0], inner[-1] = 0, groups + 1
    return inner


def grouped(reference: I64, current: I64) -> GroupedCounts:
    """Return both sides' counts in the reference's equal-mass groups, inner ones empty on both sides left out."""
    groups = equal_mass_groups(reference)
    p, q = (np.bincount(groups, weights=counts).astype(np.int64) for counts in (reference, current))
    used = p + q > 0
    used[[0, -1]] = True
    return p[used], q[used]


def pool_adjacent(reference: I64, current: I64) -> GroupedCounts:
    """Join ordered cells with the next ones until at least 5 rows are expected in each on both sides.

    Only the two counts together decide, so the choice is independent of how they split: a rule that looks at one side
    alone makes its rare cells seem to vanish from the other. Source: Cochran, Biometrics 10 (1954), for the 5.

    The first and last cell begin where the reference ends (`equal_mass_groups`), so they hold none of it. By chance
    alone so much of the other side lies beyond that r rows of the reference would be expected there with probability
    e^-r, and to the test that is a cell that has emptied: they are joined with their neighbours where r < 10.
    """
    needed = _needed(reference + current, int(reference.sum()), int(current.sum()))
    reference, current = _without_rare_ends(reference, current, _END_EXPECTED / _MIN_EXPECTED * needed)
    together = reference + current
    starts, gathered = [0], 0
    for place, count in enumerate(together.tolist()):
        if gathered >= needed:
            starts.append(place)
            gathered = 0
        gathered += count
    if gathered < needed and len(starts) > 1:
        starts.pop()
    return np.add.reduceat(reference, starts), np.add.reduceat(current, starts)


def _without_rare_ends(reference: I64, current: I64, needed: float) -> GroupedCounts:
    together, last = reference + current, len(reference) - 1
    starts = [0, *range(1 if together[0] >= needed else 2, last + (1 if together[-1] >= needed else 0))]
    return np.add.reduceat(reference, starts), np.add.reduceat(current, starts)


def pool_rare(reference: I64, current: I64) -> GroupedCounts:
    """Join the rarest cells, which have no order, into one until at least 5 rows are expected in each on both sides.

    The last cell, what has no name among the reference's categories, always goes with the rare ones: the rare
    categories that the current data happen to have seen are in it. Decided by the two counts together, as in
    `pool_adjacent`.
    """
    together = reference + current
    needed = _needed(together, int(reference.sum()), int(current.sum()))
    order = np.argsort(together[:-1], kind="stable")
    ascending = together[order]
    reached = int(together[-1]) + np.concatenate([[0], np.cumsum(ascending)])
    rare = int(np.searchsorted(ascending, needed))
    if 0 < reached[rare] < needed:
        rare = min(rare + 1, len(order))
    kept, joined = np.sort(order[rare:]), np.append(order[:rare], len(together) - 1)
    p, q = (np.append(counts[kept], counts[joined].sum()) for counts in (reference, current))
    return (p, q) if reached[rare] else (p[:-1], q[:-1])


def _needed(together: I64, n: int, m: int) -> float:
    return _MIN_EXPECTED * float(together.sum()) / max(1, min(n, m))
