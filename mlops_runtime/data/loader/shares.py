"""Who gets which positions of an epoch: batches, shards and what is left over, as arithmetic on a few integers.

A global step takes the next `shards * batch_rows` positions; shard r gets the r-th run of `batch_rows` of them. The
union of the shards is the step, whatever their number, so a position is all that a resumption needs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from mlops_runtime.core.errors import ConfigError, problem

__all__ = ["Geometry", "Last", "Share"]

Last = Literal["keep", "drop", "pad"]


@dataclass(frozen=True, slots=True)
class Share:
    """Positions [start, start + rows) of an epoch, one shard's batch; the last `padding` of them begin it anew."""

    start: int
    rows: int
    padding: int = 0


@dataclass(frozen=True, slots=True)
class Geometry:
    """How an epoch of `samples` positions is cut into batches for shard `shard` of `shards`.

    last: what becomes of a step that the epoch cannot fill. "keep" shares it out, in parts that differ by one row at
    most, so a batch may be empty when fewer rows than shards are left; "drop" leaves it out; "pad" fills it by starting
    over at position 0. Every shard gets the same number of batches under each of them.

    >>> [Geometry(10, 4, shard, 2, "keep").share(8) for shard in range(2)]
    [Share(start=8, rows=1, padding=0), Share(start=9, rows=1, padding=0)]
    >>> Geometry(10, 4, 1, 2, "pad").share(8)
    Share(start=12, rows=4, padding=4)
    """

    samples: int
    batch_rows: int
    shard: int = 0
    shards: int = 1
    last: Last = "keep"

    def __post_init__(self) -> None:
        _check(self.batch_rows >= 1, "batch_rows of 1 or more", self.batch_rows)
        _check(self.shards >= 1, "shards of 1 or more", self.shards)
        _check(0 <= self.shard < self.shards, f"a shard of 0 to {self.shards - 1}", self.shard)
        _check(self.last in get_args(Last), "last as keep, drop or pad", self.last)
        fewest = self.step_rows if self.last == "drop" else 1
        _check(self.samples >= fewest, f"at least {fewest:,} rows for a batch", f"{self.samples:,}")

    @property
    def step_rows(self) -> int:
        """Positions that one global step takes."""
        return self.shards * self.batch_rows

    def full_steps(self, position: int) -> int:
        """Steps from `position` on that are whole."""
        return max(0, self.samples - position) // self.step_rows

    def steps(self, position: int = 0) -> int:
        """Batches that this shard, and every other, gets from `position` to the end of the epoch."""
        left = max(0, self.samples - position)
        return left // self.step_rows if self.last == "drop" else -(-left // self.step_rows)

    def after(self, position: int) -> int:
        """Return the position after the step that begins at `position`; `samples` when the epoch is over with it."""
        next_position = min(position + self.step_rows, self.samples)
        return next_position if self.steps(next_position) else self.samples

    def share(self, position: int) -> Share:
        """Return this shard's part of the step that begins at `position`."""
        left = self.samples - position
        if self.last == "keep" and left < self.step_rows:
            rows, more = divmod(left, self.shards)
            start = position + self.shard * rows + min(self.shard, more)
            return Share(start, rows + (self.shard < more))
        start = position + self.shard * self.batch_rows
        beyond = start + self.batch_rows - self.samples
        return Share(start, self.batch_rows, min(max(0, beyond), self.batch_rows))


def _check(is_good: bool, expected: str, got: int | str) -> None:
    if not is_good:
        raise ConfigError(problem(expected=expected, got=str(got), where="Loader", next_step="change it"))
