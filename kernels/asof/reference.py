"""Oracle of the as-of kernel: for each row that asks, a look at every row of the past of its key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["FATES", "FIRST_ID", "MISSING_TIME", "Entities", "Past", "join_asof"]

MISSING_TIME = int(np.iinfo(np.int64).min)
FIRST_ID = 3  # ids from here on are keys; 0 is a missing key, 2 one that no entity has
FATES = ("matched", "expired", "too_early", "no_key", "missing_time", "missing_key")

I64 = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Entities:
    """Rows that ask. ids: [n], times: [n] microseconds, MISSING_TIME for none."""

    ids: NDArray[Any]
    times: I64


@dataclass(frozen=True, slots=True)
class Past:
    """Rows of the past, in any order. ids: [m], event and known: [m] microseconds, numbers: [m], distinct."""

    ids: NDArray[Any]
    event: I64
    known: I64
    numbers: I64


def join_asof(entities: Entities, past: Past, *, ttl: int | None = None) -> tuple[I64, NDArray[np.uint8]]:
    """Return the winners' numbers int64[n], -1 for none, and fates uint8[n], positions in FATES.

    A row of the past is available from max(event, known) on. Of those of the key that are available at the time, the
    one with the greatest (event, known, number) wins; it counts while time - event <= ttl.

    >>> past = Past(*(np.array(a) for a in ([3, 3], [10, 20], [10, 50], [0, 1])))
    >>> join_asof(Entities(np.array([3, 3, 4, 3]), np.array([9, 49, 49, 50])), past)
    (array([-1,  0, -1,  1]), array([2, 0, 3, 0], dtype=uint8))
    """
    numbers = np.full(len(entities.ids), -1, np.int64)
    fates = np.empty(len(entities.ids), np.uint8)
    has_time = (past.event != MISSING_TIME) & (past.known != MISSING_TIME)
    available = np.maximum(past.event, past.known)
    order = np.lexsort((past.numbers, past.known, past.event))
    for row, (key, time) in enumerate(zip(entities.ids.tolist(), entities.times.tolist(), strict=True)):
        of_key = has_time[order] & (past.ids[order] == key)
        seen = order[of_key & (available[order] <= time)]
        if time == MISSING_TIME or key < FIRST_ID:
            fates[row] = FATES.index("missing_time" if time == MISSING_TIME else "missing_key")
        elif len(seen) == 0:
            fates[row] = FATES.index("too_early" if of_key.any() else "no_key")
        elif ttl is not None and time - int(past.event[seen[-1]]) > ttl:
            fates[row] = FATES.index("expired")
        else:
            numbers[row], fates[row] = past.numbers[seen[-1]], FATES.index("matched")
    return numbers, fates
