"""Bags: the tokens of a list or a text, their ids, and how often each id occurs."""

from __future__ import annotations

from itertools import chain

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mlops_runtime.features.encoders import Bag, HashBuckets
from mlops_runtime.features.outputs import DenseCounts, RaggedIds
from mlops_runtime.features.vocabulary import UNSEEN_ID
from mlops_runtime.kernels.bag.reference import Token, count_ids, tokens_of
from mlops_runtime.kernels.hash.reference import hash_key, ids_of_hashes

__all__ = ["bag_counts", "bag_ids"]


def bag_ids(bag: Bag, values: pa.ChunkedArray) -> RaggedIds:
    """Return the ids of every row's tokens, in their order."""
    rows = [
        tokens_of(value, bag.tokens, shortest=bag.shortest, longest=bag.longest, lower=bag.lower)
        for value in values.to_pylist()
    ]
    offsets = np.cumsum([0, *map(len, rows)], dtype=np.int64)
    known = _ids(bag, list(dict.fromkeys(chain(*rows))))
    return RaggedIds(np.array([known[token] for token in chain(*rows)], np.int64), offsets)


def bag_counts(output: DenseCounts, values: pa.ChunkedArray) -> NDArray[np.float32]:
    """Return float32[rows, columns of the output]: none for an output that names none."""
    found = bag_ids(output.bag, values)
    rows = [found.ids[begin:end].tolist() for begin, end in zip(found.offsets, found.offsets[1:], strict=False)]
    return count_ids(rows, output.first_id, len(output.names), binary=output.binary)


def _ids(bag: Bag, tokens: list[Token]) -> dict[Token, int]:
    if isinstance(bag.encoder, HashBuckets):
        hashes = [hash_key(token, bag.encoder.seed) for token in tokens]
        return dict(zip(tokens, ids_of_hashes(hashes, bag.encoder.buckets).tolist(), strict=True))
    known = dict(zip(bag.encoder.keys.to_pylist(), bag.encoder.ids.tolist(), strict=True))
    return {token: known.get(token, UNSEEN_ID) for token in tokens}
