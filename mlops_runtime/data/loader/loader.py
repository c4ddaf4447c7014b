"""The loader: batches of a row table in an order that only its identity decides, from any place in it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mlops_runtime.data.loader.cursor import Cursor
from mlops_runtime.data.loader.feeding import Feeding, HostBatches, native_feed
from mlops_runtime.data.loader.identity import OrderIdentity
from mlops_runtime.data.loader.loop import ArrayKind, BatchLoop, check_options
from mlops_runtime.data.loader.orders import Orders, digest_of_split
from mlops_runtime.data.loader.samplers import Sampler, Shuffled
from mlops_runtime.data.loader.shares import Geometry, Last
from mlops_runtime.data.loader.state import LoaderState
from mlops_runtime.data.loader.tensors import DeviceBatches, require_device, to_tensor
from mlops_runtime.data.rows import RowTable

__all__ = ["Loader"]


class Loader(BatchLoop):
    """Batches of a row table, one epoch for each `for` loop over it, made ahead by threads of its own.

    rows: the table. batch_rows: rows of a batch of one shard. sampler: `Sequential`, `Shuffled` (default), `Weighted`
    or `Stratified`. seed: 0 to 2^53-1. subset: int64[m], the rows of a split, default all. shard, shards: which part of
    every step this loader takes, of how many. last: what becomes of an incomplete last step, see `Geometry`. prefetch:
    batches made ahead. device: a GPU ("cuda:0") that batches are copied to, by way of pinned buffers. as_: "numpy"
    arrays or "torch" tensors, which share their memory; a device means tensors.

    The order of an epoch is a function of the table's digest, the split, the sampler, the seed and the epoch's number
    only. `state` is the place after the last batch that was handed out; a loader given it goes on there, whatever its
    batch size, shards or threads, and refuses that of another order. A loop that was left goes on in the next one.

    Raises ConfigError for options that cannot be used, ShapeError for a subset or a sampler of other rows.

    >>> from mlops_runtime.data.rows import RowTable
    >>> table = RowTable.from_arrays({"x": np.arange(10, dtype=np.float32)})
    >>> loader = Loader(table, batch_rows=4, seed=1)
    >>> [len(batch.rows) for batch in loader], loader.state.epoch
    ([4, 4, 2], 1)
    """

    def __init__(  # noqa: PLR0913 - all but one by name
        self,
        rows: RowTable,
        *,
        batch_rows: int,
        sampler: Sampler | None = None,
        seed: int = 0,
        subset: NDArray[np.int64] | None = None,
        shard: int = 0,
        shards: int = 1,
        last: Last = "keep",
        prefetch: int = 2,
        device: str | None = None,
        as_: ArrayKind = "numpy",
        state: LoaderState | None = None,
    ) -> None:
        check_options(seed, prefetch, as_)
        sampler = Shuffled() if sampler is None else sampler
        self._table = rows
        self._orders = Orders(sampler, rows.rows, subset)
        identity = OrderIdentity(
            dataset=rows.digest, split=digest_of_split(subset), sampler=sampler.to_dict(), seed=seed
        )
        geometry = Geometry(self._orders.samples, batch_rows, shard, shards, last)
        super().__init__(Cursor(geometry, identity, state))
        self._prefetch = prefetch
        self._device = device
        self._convert = None if as_ == "numpy" else to_tensor()
        if device is not None:
            require_device(device)

    def _start(self) -> Feeding:
        cursor = self._cursor
        order = self._orders.of(cursor.identity.key(cursor.epoch))
        rest = (self._table, order, cursor.geometry, cursor.position)
        if self._device is not None:
            return DeviceBatches(*rest, prefetch=self._prefetch, device=self._device)
        names = [field.name for field in self._table.layout.fields]
        return HostBatches(native_feed(*rest, prefetch=self._prefetch), names, self._convert)
