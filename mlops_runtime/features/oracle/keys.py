"""Keys of a column, and their ids in a vocabulary or by their hash."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mlops_runtime.features.vocabulary import MISSING_ID, UNSEEN_ID, FittedVocabulary
from mlops_runtime.kernels.hash.reference import hash_cross, hash_key, ids_of_hashes

__all__ = ["hash_ids", "vocabulary_ids"]

I64 = NDArray[np.int64]


def vocabulary_ids(values: pa.ChunkedArray, vocabulary: FittedVocabulary) -> I64:
    """Return int64[rows]: 0 missing, 1 rare, 2 unseen, then the keys."""
    keys = vocabulary.keys
    looked_up = _plain(values) if keys.type == pa.utf8() else values.cast(keys.type)
    position = pc.index_in(looked_up, value_set=keys).fill_null(-1).to_numpy()
    ids = np.append(vocabulary.ids, UNSEEN_ID)[position]
    return np.where(_missing(looked_up), MISSING_ID, ids)


def hash_ids(columns: Sequence[pa.ChunkedArray], buckets: int, seed: int) -> I64:
    """Return int64[rows]: 0 where all columns are missing, else 1 + the bucket. Each distinct row is hashed once."""
    codes = [_plain(column).combine_chunks().dictionary_encode() for column in columns]
    indices = np.stack([code.indices.fill_null(-1).to_numpy(zero_copy_only=False) for code in codes], axis=1)
    keys = [[*code.dictionary.to_pylist(), None] for code in codes]
    distinct, inverse = np.unique(indices, axis=0, return_inverse=True)
    rows = [[of[place] for of, place in zip(keys, row, strict=True)] for row in distinct.tolist()]
    hashes = [hash_key(row[0], seed) if len(row) == 1 else hash_cross(row, seed) for row in rows]
    return ids_of_hashes(hashes, buckets)[inverse.reshape(-1)]


def _plain(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Texts of any layout as utf8, whole numbers as int64."""
    data_type = values.type.value_type if pa.types.is_dictionary(values.type) else values.type
    is_text = pa.types.is_string(data_type) or pa.types.is_large_string(data_type) or pa.types.is_string_view(data_type)
    return values.cast(pa.utf8() if is_text else pa.int64())


def _missing(keys: pa.ChunkedArray) -> NDArray[np.bool_]:
    missing = keys.is_null()
    if pa.types.is_string(keys.type):
        missing = pc.or_kleene(missing, pc.equal(keys, ""))
    absent: NDArray[np.bool_] = missing.fill_null(True).to_numpy()
    return absent
