"""What every loader is: a `for` loop over what is left of an epoch, with a place that can be saved at each batch."""

from __future__ import annotations

import abc
from collections.abc import Iterator
from typing import Literal, Self, get_args

from mlops_runtime.core.errors import ConfigError, problem
from mlops_runtime.data.loader.batch import Batch
from mlops_runtime.data.loader.cursor import Cursor
from mlops_runtime.data.loader.feeding import Feeding
from mlops_runtime.data.loader.identity import LARGEST_SEED
from mlops_runtime.data.loader.state import LoaderState

__all__ = ["ArrayKind", "BatchLoop", "check_options"]

ArrayKind = Literal["numpy", "torch"]
_MOST_AHEAD = 1024


class BatchLoop(abc.ABC):
    """Batches from a cursor's place on, made ahead by threads of their own, one epoch for each `for` loop.

    A loop that was left goes on in the next one. Whoever derives from it says how the batches that are left are made.
    """

    def __init__(self, cursor: Cursor) -> None:
        self._cursor = cursor
        self._feeding: Feeding | None = None

    @property
    def state(self) -> LoaderState:
        """Where the next batch begins: the place after the last one that was handed out."""
        return self._cursor.state

    @property
    def epoch(self) -> int:
        """The epoch that the next batch is of, counted from 0."""
        return self._cursor.epoch

    @property
    def remaining(self) -> int:
        """Batches that the next loop yields: those left of this epoch."""
        return self._cursor.remaining

    def __len__(self) -> int:
        """Batches of a whole epoch, the same for every shard."""
        return self._cursor.geometry.steps()

    def __iter__(self) -> Iterator[Batch]:
        """Yield the batches that are left of this epoch."""
        epoch = self.epoch
        while self.epoch == epoch:
            yield self._next()

    def close(self) -> None:
        """End the threads; a later loop starts new ones. Dropping the loader does it, too."""
        if self._feeding is not None:
            self._feeding.close()
            self._feeding = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        geometry, sampler = self._cursor.geometry, self._cursor.identity.sampler["kind"]
        place = f"epoch {self.epoch}, {self.remaining:,} of {len(self):,} left"
        return (
            f"{type(self).__name__}({sampler}, {geometry.samples:,} samples in batches of {geometry.batch_rows:,}, "
            f"shard {geometry.shard} of {geometry.shards}; {place})"
        )

    @abc.abstractmethod
    def _start(self) -> Feeding:
        """Start to make the batches from the cursor's place to the end of its epoch."""

    def _next(self) -> Batch:
        """Take the next batch; whatever interrupts it, the cursor and the feed never disagree on which one that is."""
        feeding, self._feeding = self._feeding, None
        if feeding is None or not feeding.is_here:  # a forked child makes threads of its own
            feeding = self._start()
        taken = feeding.take()
        cursor, share = self._cursor, self._cursor.share
        batch = Batch(taken.arrays, taken.rows, epoch=cursor.epoch, position=share.start, padding=share.padding)
        cursor.advance()
        if cursor.epoch == batch.epoch:
            self._feeding = feeding
        else:
            feeding.close()
        return batch


def check_options(seed: int, prefetch: int, as_: str) -> None:
    """Raise ConfigError for options that no loader can use."""
    _check("seed", 0 <= seed <= LARGEST_SEED, "0 to 2^53-1", seed)
    _check("prefetch", 1 <= prefetch <= _MOST_AHEAD, f"1 to {_MOST_AHEAD}", prefetch)
    _check("as_", as_ in get_args(ArrayKind), "numpy or torch", as_)


def _check(name: str, is_good: bool, expected: str, got: object) -> None:
    if not is_good:
        where = "Loader"
        raise ConfigError(problem(expected=f"{name} of {expected}", got=repr(got), where=where, next_step="change it"))
