"""Which rows repeat an earlier one: exact, in a stream, without a look back at the data.

Every distinct key is held, as itself: a column of 10 million texts of 16 bytes takes about 0.4 GB. The keys live in
native vocabularies, each more than twice as large as the next: a key is looked up in few of them, and moved into a
larger one O(log n) times.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlops_runtime._native import ArrowTable, SparsePlan, Vocabulary, VocabularyIds
from mlops_runtime.data.contract.values import Mask, Reading

__all__ = ["Repeats", "key_of"]

_COLON, _NOTHING = pa.scalar(":", pa.large_utf8()), pa.scalar("", pa.large_utf8())
_SEEN = 3  # any id that a key may have
_RATIO = 2


class Repeats:
    """The keys of all batches so far."""

    def __init__(self) -> None:
        self._levels: list[tuple[pa.Array, Vocabulary]] = []

    def update(self, keys: pa.Array) -> Mask:
        """Add a batch of keys (utf8 or int64; null is not compared); return which rows repeat an earlier one.

        >>> repeats = Repeats()
        >>> repeats.update(pa.array(["a", "b", "a", None])).tolist()
        [False, False, True, False]
        >>> repeats.update(pa.array(["b", None, "c"])).tolist()
        [True, False, False]
        """
        encoded = keys.dictionary_encode()
        codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        if not len(encoded.dictionary):
            return np.zeros(len(keys), bool)
        highest = np.maximum.accumulate(codes)  # codes are given in order of first appearance
        first = codes > np.concatenate([[-1], highest[:-1]])
        seen = self._seen(encoded.dictionary)
        self._push(encoded.dictionary.filter(pa.array(~seen)))
        repeated: Mask = (codes >= 0) & (~first | seen[codes])
        return repeated

    def _seen(self, keys: pa.Array) -> Mask:
        table = ArrowTable(pa.table({"key": keys}))
        seen = np.zeros(len(keys), bool)
        for _, vocabulary in self._levels:
            seen |= SparsePlan([VocabularyIds(0, vocabulary)]).run(table)[:, 0] == _SEEN
        return seen

    def _push(self, keys: pa.Array) -> None:
        if not len(keys):
            return
        parts = [keys]
        size = len(keys)
        while self._levels and len(self._levels[-1][0]) <= _RATIO * size:
            level, _ = self._levels.pop()
            parts.append(level)
            size += len(level)
        merged = pa.concat_arrays(parts)
        ids = np.full(len(merged), _SEEN, np.int64)
        self._levels.append((merged, Vocabulary(ArrowTable(pa.table({"key": merged})), ids)))


def key_of(readings: Sequence[Reading]) -> pa.Array:
    """Return one key a row: equal keys, equal values in every column. Null where a part is missing or unreadable."""
    absent = np.logical_or.reduce([reading.missing | reading.unreadable for reading in readings])
    parts = [_part(reading.values) for reading in readings]
    if len(parts) == 1:
        key = parts[0]
    else:
        texts = [part.cast(pa.large_utf8()) for part in parts]
        lengths = [pc.binary_length(text).cast(pa.large_utf8()) for text in texts]
        tagged = (pc.binary_join_element_wise(n, text, _COLON) for n, text in zip(lengths, texts, strict=True))
        key = pc.binary_join_element_wise(*tagged, _NOTHING)  # each part tells its length: no two keys run together
    return pc.if_else(pa.array(absent), pa.scalar(None, key.type), key)


def _part(values: pa.Array) -> pa.Array:
    """Texts as plain texts; numbers and times as the int64 that tells them apart."""
    if pa.types.is_dictionary(values.type):
        return values.dictionary.cast(pa.large_utf8()).take(values.indices)
    if pa.types.is_timestamp(values.type):
        return values.cast(pa.int64())
    if pa.types.is_integer(values.type) and not pa.types.is_uint64(values.type):
        return values.cast(pa.int64())
    if pa.types.is_uint64(values.type):
        return values.cast(pa.large_utf8())
    numbers = values.cast(pa.float64(), safe=False).fill_null(0.0).to_numpy(zero_copy_only=False)
    return pa.array((numbers + 0.0).view(np.int64))  # -0.0 + 0.0 is 0.0
