"""A loader over Parquet files larger than memory: windows of row groups, decoded and transformed ahead."""

from __future__ import annotations

from mlops_runtime.core.settings import settings
from mlops_runtime.data.loader.cursor import Cursor
from mlops_runtime.data.loader.feeding import Feeding
from mlops_runtime.data.loader.identity import OrderIdentity
from mlops_runtime.data.loader.loop import ArrayKind, BatchLoop, check_options
from mlops_runtime.data.loader.shares import Geometry, Last
from mlops_runtime.data.loader.state import LoaderState
from mlops_runtime.data.loader.stream_data import StreamData
from mlops_runtime.data.loader.stream_feed import StreamFeed
from mlops_runtime.data.loader.stream_plan import StreamPlan, StreamSampler, Windowed, most_rows
from mlops_runtime.data.loader.stream_quality import ShuffleQuality, shuffle_quality
from mlops_runtime.data.loader.stream_windows import WindowMemory, WindowReader
from mlops_runtime.data.loader.tensors import to_tensor

__all__ = ["StreamLoader"]

_MEMORIES = 2  # one window in use, one being decoded


class StreamLoader(BatchLoop):
    """Batches of the rows of Parquet files, decoded as they are needed, one epoch for each `for` loop over it.

    data: the row groups, and how their rows become arrays. dataset: the files' digest, `source.manifest().digest`.
    sampler: `Windowed` (default) or `Sequential`. The other options, `state` and its meaning are those of `Loader`.

    The order is a function of the data set's digest, the filters, the sampler, the seed and the epoch's number only;
    `quality` says how random it is. Two windows are in memory, one in use and one being decoded, and of each thread the
    row group that it decodes. Every shard decodes every row group, and gives its part of the rows. A loader given a
    state decodes from the window on that it is in.

    Raises ConfigError for options that cannot be used; a loop raises DataError for files that are damaged, or are not
    those that were opened.
    """

    def __init__(  # noqa: PLR0913 - all but two by name
        self,
        data: StreamData,
        dataset: str,
        *,
        batch_rows: int,
        sampler: StreamSampler | None = None,
        seed: int = 0,
        shard: int = 0,
        shards: int = 1,
        last: Last = "keep",
        prefetch: int = 2,
        as_: ArrayKind = "numpy",
        state: LoaderState | None = None,
    ) -> None:
        check_options(seed, prefetch, as_)
        self._data = data
        self._sampler = Windowed() if sampler is None else sampler
        self._prefetch = prefetch
        self._convert = None if as_ == "numpy" else to_tensor()
        identity = OrderIdentity(dataset=dataset, split=data.split, sampler=self._sampler.to_dict(), seed=seed)
        geometry = Geometry(sum(data.sizes), batch_rows, shard, shards, last)
        super().__init__(Cursor(geometry, identity, state))
        self._memories: tuple[WindowMemory, ...] = ()
        self._feed: StreamFeed | None = None

    @property
    def quality(self) -> ShuffleQuality:
        """How well the rows are shuffled."""
        return shuffle_quality(self._data.sizes, self._sampler, self._cursor.geometry.step_rows)

    @property
    def memory_bytes(self) -> int:
        """What the windows can take in memory; `close` gives it back."""
        return _MEMORIES * most_rows(self._data.sizes, self._sampler) * self._data.row_bytes

    def close(self) -> None:
        """End the threads and give up the memory; a later loop starts anew. Dropping the loader does it, too."""
        super().close()
        self._end_feed()
        self._memories = ()

    def _start(self) -> Feeding:
        self._end_feed()  # if it was interrupted, its threads may still write into the memory
        if not self._memories:
            rows = most_rows(self._data.sizes, self._sampler)
            self._memories = tuple(WindowMemory(self._data.layout, rows) for _ in range(_MEMORIES))
        cursor = self._cursor
        self._feed = StreamFeed(
            WindowReader(self._data, self._memories, settings().thread_count),
            self._data.layout,
            StreamPlan(self._data.sizes, self._sampler, cursor.identity.key(cursor.epoch)),
            cursor.geometry,
            cursor.position,
            prefetch=self._prefetch,
            convert=self._convert,
        )
        return self._feed

    def _end_feed(self) -> None:
        if self._feed is not None:
            self._feed.close()
            self._feed = None
