"""Of the feature rows that hold what a training row recorded: the one that explains it most innocently."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlops_runtime._native import AsofEntities, AsofWinners

__all__ = ["NOBODY", "Candidates", "Holders"]

NOBODY = -1

_FIRST_ID = 3  # of a group of AsofEntities

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Holders:
    """Feature rows that hold what some training rows recorded, int64[rows] each, in any order; no time is missing.

    numbers: what they hold. ordinals: which they are.
    """

    numbers: Ints
    ordinals: Ints
    event: Ints
    known: Ints


class Candidates:
    """Chooses a feature row for each training row, from those that hold what it recorded, in any order.

    If one was available at the training row's time: of these, that with the greatest (event, known, ordinal). Else the
    one with the least (available, event, ordinal). Memory is for the training rows.

    >>> candidates = Candidates(np.array([0, 0, 1]), np.array([50, 10, 10]))
    >>> event = np.array([9, 30, 70])
    >>> candidates.add(Holders(np.array([0, 0, 1]), np.array([100, 101, 102]), event, event))
    >>> candidates.choice().tolist()
    [101, 100, 102]
    """

    def __init__(self, numbers: Ints, times: Ints) -> None:
        """numbers: int64[rows], from 0 on: what the training rows recorded. times: int64[rows], none missing."""
        self._numbers = numbers
        count = int(numbers.max(initial=NOBODY)) + 1
        self._in_time = AsofWinners(AsofEntities(_ids(numbers), times, count))
        self._first: Ints = np.full((3, count), np.iinfo(np.int64).max)  # available, event, ordinal

    def add(self, rows: Holders) -> None:
        """Take more feature rows into account."""
        self._in_time.update(_ids(rows.numbers), rows.event, rows.known, 0, rows.ordinals)
        held = np.flatnonzero(np.bincount(rows.numbers))
        numbers = np.concatenate([held, rows.numbers])
        theirs = np.stack([np.maximum(rows.event, rows.known), rows.event, rows.ordinals])
        every = np.concatenate([self._first[:, held], theirs], axis=1)
        order = np.lexsort((*every[::-1], numbers))
        least = order[np.flatnonzero(np.diff(numbers[order], prepend=NOBODY))]
        self._first[:, numbers[least]] = every[:, least]

    def choice(self) -> Ints:
        """Return int64[rows]: the ordinal of the row chosen of all so far, NOBODY where there is none."""
        in_time, _ = self._in_time.finish(None)
        later = self._first[2, self._numbers]
        result: Ints = np.where(in_time != NOBODY, in_time, np.where(later == np.iinfo(np.int64).max, NOBODY, later))
        return result


def _ids(numbers: Ints) -> NDArray[np.int32]:
    return (numbers + _FIRST_ID).astype(np.int32)
