"""Bags: the tokens of a list or a text, their ids, and how often each id occurs."""

from __future__ import annotations

from itertools import chain

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mlops_runtime.features.encoders import Bag, HashBuckets
from mlops_runtime.features.outputs import RaggedIds
from mlops_runtime.features.vocabulary import UNSEEN_ID
from mlops_runtime.kernels.hash.reference import hash_key, ids_of_hashes

__all__ = ["bag_ids", "count_ids"]

_LOWER = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")


def bag_ids(bag: Bag, values: pa.ChunkedArray) -> RaggedIds:
    """Return the ids of every row's tokens, in their order."""
    rows = [_tokens(bag, value) for value in values.to_pylist()]
    offsets = np.cumsum([0, *map(len, rows)], dtype=np.int64)
    known = _ids(bag, sorted(set(chain(*rows))))
    return RaggedIds(np.array([known[token] for token in chain(*rows)], np.int64), offsets)


def count_ids(bag: RaggedIds, first_id: int, width: int, binary: bool) -> NDArray[np.float32]:
    """Return float32[rows, width]: how often, or whether, id first_id + j occurs in a row."""
    counts = np.zeros((len(bag.offsets) - 1, width), np.float32)
    row = np.repeat(np.arange(len(counts)), np.diff(bag.offsets))
    column = bag.ids - first_id
    inside = (column >= 0) & (column < width)
    np.add.at(counts, (row[inside], column[inside]), 1)
    return np.minimum(counts, 1) if binary else counts


def _tokens(bag: Bag, value: list[str | int | None] | str | None) -> list[str | int]:
    if value is None:
        return []
    if isinstance(value, list):
        return [element for element in value if element not in (None, "")]
    text = value.translate(_LOWER) if bag.lower else value
    units, joint = (list(text), "") if bag.tokens == "characters" else (text.split(), " ")
    return [
        joint.join(units[begin : begin + length])
        for length in range(bag.shortest, bag.longest + 1)
        for begin in range(len(units) - length + 1)
    ]


def _ids(bag: Bag, tokens: list[str | int]) -> dict[str | int, int]:
    if isinstance(bag.encoder, HashBuckets):
        hashes = [hash_key(token, bag.encoder.seed) for token in tokens]
        return dict(zip(tokens, ids_of_hashes(hashes, bag.encoder.buckets).tolist(), strict=True))
    known = dict(zip(bag.encoder.keys.to_pylist(), bag.encoder.ids.tolist(), strict=True))
    return {token: known.get(token, UNSEEN_ID) for token in tokens}
