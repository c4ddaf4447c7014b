"""What the loader's tests share: a table whose every byte tells its row, one sampler of each kind, an interrupter."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlops_runtime import _native
from mlops_runtime.data.loader import Batch, Loader, LoaderState, Sampler, Sequential, Shuffled, Stratified, Weighted
from mlops_runtime.data.rows import RowTable

SHARDS = (1, 2, 3, 7)


def table_of(rows: int) -> RowTable:
    """A table of every kind of field: each value is computed from its row."""
    ordinal = np.arange(rows)
    return RowTable.from_arrays(
        {
            "sparse": ordinal[:, None] * np.int64(1_000_003) + np.arange(5),
            "dense": (ordinal[:, None] * 0.5 + np.arange(3)).astype(np.float32),
            "exact": ordinal / 3.0,
            "code": (ordinal * 7).astype(np.int32),
            "flags": (ordinal[:, None] * 11 + np.arange(9)).astype(np.uint8),
        }
    )


def samplers_of(rows: int) -> dict[str, Sampler]:
    """One sampler of each kind for a table of so many rows."""
    return {
        "sequential": Sequential(),
        "shuffled": Shuffled(),
        "weighted": Weighted(np.arange(rows, dtype=np.float64), samples=rows + 5),
        "stratified": Stratified(np.arange(rows) % 4),
    }


def bytes_of(batch: Batch) -> bytes:
    """Everything that a batch holds."""
    return b"".join([batch.rows.tobytes(), *(np.ascontiguousarray(array).tobytes() for array in batch.values())])


def check_contents(batch: Batch, table: RowTable) -> None:
    """Every array of a batch is that of the table at the batch's rows."""
    whole = table.arrays(0, table.rows)
    assert list(batch) == list(whole)
    for name, values in whole.items():
        np.testing.assert_array_equal(batch[name], values[batch.rows])


class InterruptedEpochs:
    """The batches of all shards, step by step; the world ends at random and goes on from its state's JSON.

    Each time with other shards, batch sizes, threads and prefetch depths. `interruptions`: how often it ended so far.
    """

    def __init__(self, rng: random.Random, table: RowTable, epochs: int, **options: Any) -> None:
        self._rng, self._table, self._epochs, self._options = rng, table, epochs, options
        self.interruptions = 0

    def __iter__(self) -> Iterator[list[Batch]]:
        world = self._world(None)
        while True:
            for _ in range(self._rng.randint(1, 6)):
                yield [next(iter(loader)) for loader in world]
                saved = {loader.state.to_json() for loader in world}
                assert len(saved) == 1
                if world[0].epoch == self._epochs:
                    return
            world = self._world(LoaderState.from_json(saved.pop()))
            self.interruptions += 1

    def _world(self, state: LoaderState | None) -> list[Loader]:
        _native.set_thread_count(self._rng.randint(1, 3))
        options = {
            "shards": self._rng.choice(SHARDS),
            "batch_rows": self._rng.randint(1, 40),
            "prefetch": self._rng.randint(1, 5),
            "state": state,
        }
        return [Loader(self._table, shard=shard, **options, **self._options) for shard in range(options["shards"])]


def order_of(table: RowTable, **options: Any) -> NDArray[np.int64]:
    """The rows of an uninterrupted epoch."""
    return np.concatenate([batch.rows.copy() for batch in Loader(table, batch_rows=17, **options)])


def digest_of(rows: Iterable[int]) -> str:
    """A digest of row numbers, in their order."""
    return hashlib.sha256(np.fromiter(rows, np.int64).tobytes()).hexdigest()
