"""The order of a stream: row groups at random, then the rows of each window of them at random."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlops_runtime import _native
from mlops_runtime.core.errors import ConfigError, problem
from mlops_runtime.data.loader.identity import OrderKey
from mlops_runtime.data.loader.samplers import Sequential

__all__ = ["StreamPlan", "StreamSampler", "Window", "Windowed", "most_rows"]


@dataclass(frozen=True, slots=True)
class Windowed:
    """Every row once: row groups in a random order, rows in a random order within windows of `row_groups` row groups.

    Raises ConfigError for less than one row group.
    """

    row_groups: int = 16

    def __post_init__(self) -> None:
        if self.row_groups < 1:
            raise ConfigError(
                problem(
                    expected="a window of 1 row group or more",
                    got=repr(self.row_groups),
                    where="Windowed",
                    next_step="the more row groups fit into memory, the better is the shuffle",
                )
            )

    def to_dict(self) -> dict[str, Any]:
        """Return the specification as JSON values, which the order's identity is made of."""
        return {"kind": "windowed", "row_groups": self.row_groups}


StreamSampler = Windowed | Sequential


def most_rows(sizes: Sequence[int], sampler: StreamSampler) -> int:
    """Return how many rows a window can have: those of as many of the largest row groups as one takes.

    >>> most_rows([5, 9, 7], Windowed(2))
    16
    """
    return sum(sorted(sizes)[-_width(sampler) :])


def _width(sampler: StreamSampler) -> int:
    return sampler.row_groups if isinstance(sampler, Windowed) else 1


@dataclass(frozen=True, slots=True)
class Window:
    """A run of positions of an epoch, which all rows of some row groups are at.

    groups: their numbers; row i of the window, before `order` mixes them, is the i-th of theirs, one after another.
    """

    positions: range
    groups: tuple[int, ...]
    order: _native.Order


class StreamPlan:
    """The order of one epoch: which row groups make which window, and which positions are in it.

    sizes: the rows of each row group, none without; key: of the epoch, see `OrderIdentity.key`. Permutations are those
    of `_native.Permutation`: of the row groups by the key; of the rows of window w by the first 16 bytes,
    little-endian, of the SHA-256 of the key's halves and w, as three little-endian integers of 64 bits.

    >>> plan = StreamPlan([5, 5, 5], Windowed(2), (7, 0))
    >>> [plan.window(number).positions for number in range(plan.windows)], plan.number_at(12)
    ([range(0, 10), range(10, 15)], 1)
    """

    def __init__(self, sizes: Sequence[int], sampler: StreamSampler, key: OrderKey) -> None:
        self._sizes = np.asarray(sizes, np.int64)
        self._key = key
        self._is_mixed = isinstance(sampler, Windowed)
        self._width = _width(sampler)
        count = len(self._sizes)
        self._groups = _native.Permutation(count, *key).rows(0, count) if self._is_mixed else np.arange(count)
        ends = np.cumsum(self._sizes[self._groups])
        self._starts = np.concatenate([[0], ends[self._width - 1 : -1 : self._width], ends[-1:]])

    @property
    def windows(self) -> int:
        """How many there are."""
        return -(-len(self._sizes) // self._width)

    def number_at(self, position: int) -> int:
        """Return the number of the window that a position of the epoch is in."""
        return int(np.searchsorted(self._starts[:-1], position, side="right")) - 1

    def window(self, number: int) -> Window:
        """Return a window of [0, windows)."""
        positions = range(int(self._starts[number]), int(self._starts[number + 1]))
        groups = self._groups[number * self._width : (number + 1) * self._width]
        return Window(positions, tuple(groups.tolist()), self._order(number, len(positions)))

    def _order(self, number: int, rows: int) -> _native.Order:
        if not self._is_mixed:
            return _native.Sequential(rows)
        digest = hashlib.sha256(struct.pack("<QQQ", *self._key, number)).digest()
        return _native.Permutation(rows, *struct.unpack("<QQ", digest[:16]))
