"""Writing rows to Redis: packed here, compared and replaced inside the server by a script, hundreds at a time."""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING, cast

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mlops_runtime.features.online.keys import encoded_keys
from mlops_runtime.features.online.redis_link import RedisLink
from mlops_runtime.features.online.redis_rows import RowPacking
from mlops_runtime.features.online.store import FileState, WriteReport
from mlops_runtime.features.online.values import stored_values
from mlops_runtime.features.online.view import OnlineView
from mlops_runtime.features.tables import MISSING_TIME

if TYPE_CHECKING:
    import redis

__all__ = ["RedisWriting"]

_SCRIPT_ROWS = 256  # one script keeps the server's readers waiting for less than a millisecond
_PIPELINE_ROWS = 4096
_LAST_US = 2**62  # far beyond any time, and within what Redis takes in milliseconds
_REPLACE = """
local replaced = 0
for i, key in ipairs(KEYS) do
  local stamp, newer = redis.call('GETRANGE', key, 8, 23), true
  if #stamp == 16 then
    local a, b, c, d = struct.unpack('>I4I4I4I4', ARGV[i], 9)
    local e, f, g, h = struct.unpack('>I4I4I4I4', stamp)
    if a == e and b == f and c == g and d == h then
      newer = redis.call('GET', key) ~= ARGV[i]
    else
      newer = a > e or a == e and (b > f or b == f and (c > g or c == g and d > h))
    end
  end
  if newer then
    local expiry = ARGV[#KEYS + i]
    if expiry then redis.call('SET', key, ARGV[i], 'PXAT', expiry) else redis.call('SET', key, ARGV[i]) end
    replaced = replaced + 1
  end
end
return replaced
"""


class RedisWriting:
    """A write that is going on. prefix: of the view's Redis keys. expires: let the server remove what is too old."""

    def __init__(self, link: RedisLink, prefix: str, view: OnlineView, packing: RowPacking, *, expires: bool) -> None:
        self._link = link
        self._prefix = prefix
        self._view = view
        self._packing = packing
        self._ttl_us = view.ttl_us if expires else None
        self._files: dict[str, str] = {}
        self._rows = self._keys = self._incomplete = 0

    @property
    def report(self) -> WriteReport:
        """What became of the rows. A key is counted in each batch that gave it another row."""
        return WriteReport(self._rows, self._keys, self._incomplete)

    def add(self, rows: pa.Table, event: NDArray[np.int64], known: NDArray[np.int64]) -> None:
        """Write rows; see `Writing.add`."""
        newest = self._newest(rows, event, known)
        self._rows += rows.num_rows
        names, order = list(newest), np.fromiter(newest.values(), np.int64, len(newest))
        for start in range(0, len(names), _PIPELINE_ROWS):
            part = order[start : start + _PIPELINE_ROWS]
            numbers, texts = stored_values(self._view, rows.take(pa.array(part)))
            values = self._packing.pack(event[part], known[part], numbers, texts)
            self._send(names[start : start + _PIPELINE_ROWS], values, event[part])

    def record(self, file: str, state: FileState) -> None:
        """Remember that the rows of `file` were added, once the block of `writing` ends."""
        self._files[file] = json.dumps({"until": state.until, "withheld_from": state.withheld_from})

    def finish(self) -> None:
        """Record the files whose rows are written by now."""
        if self._files:
            self._link.run(
                lambda client: client.hset(self._prefix + "files", items=list(itertools.chain(*self._files.items())))
            )

    def _newest(self, rows: pa.Table, event: NDArray[np.int64], known: NDArray[np.int64]) -> dict[bytes, int]:
        """Return the place of the newest row of each key; of equal ones the last."""
        keys = encoded_keys(self._view, rows)
        complete = (event != MISSING_TIME) & (known != MISSING_TIME)
        complete &= np.fromiter((key is not None for key in keys), bool, len(keys))
        self._incomplete += int(len(keys) - complete.sum())
        order = np.lexsort((known, event))
        return {key: place for place in order[complete[order]].tolist() if (key := keys[place]) is not None}

    def _send(self, names: list[bytes], values: list[bytes], event: NDArray[np.int64]) -> None:
        keys = [self._prefix.encode() + b"row:" + name for name in names]
        expiries = [] if self._ttl_us is None else _expiries_ms(event, self._ttl_us)

        def replace(client: redis.Redis) -> list[int | Exception]:
            pipeline = client.pipeline(transaction=False)
            for start in range(0, len(keys), _SCRIPT_ROWS):
                part = slice(start, start + _SCRIPT_ROWS)
                pipeline.eval(_REPLACE, len(keys[part]), *keys[part], *values[part], *expiries[part])
            return cast("list[int | Exception]", pipeline.execute(raise_on_error=False))

        for answer in self._link.run(replace):
            if isinstance(answer, Exception):  # not raised by redis-py, whose message would show keys and values
                raise self._link.refusal(answer)
            self._keys += answer


def _expiries_ms(event: NDArray[np.int64], ttl_us: int) -> list[int]:
    """Return the first moment, in milliseconds since 1970, at which values do not hold any more."""
    last = np.minimum(event, _LAST_US - min(ttl_us, _LAST_US)) + ttl_us
    expiries: list[int] = np.maximum(last // 1000 + 1, 1).tolist()
    return expiries
