"""Ids of rows and of bags as ONNX nodes, and counts of a bag's ids."""

from __future__ import annotations

import numpy as np
from onnx import helper

from mlops_runtime.features.encoders import Bag, Encoder, ExpressionIds, HashIds, VocabularyIds
from mlops_runtime.features.onnx.graph import DOUBLE, INT64
from mlops_runtime.features.onnx.hashing import bucket_of, hash_words
from mlops_runtime.features.onnx.sources import Codes, Sources
from mlops_runtime.features.onnx.tensor import Tensor, concat, where
from mlops_runtime.features.vocabulary import MISSING_ID, FittedVocabulary

__all__ = ["bag_ids", "counts", "row_ids"]


def row_ids(sources: Sources, encoder: Encoder) -> Tensor:
    """Return one id per row, int64[N, 1]."""
    if isinstance(encoder, VocabularyIds):
        return sources.codes(encoder.column).ids(encoder.vocabulary)
    if isinstance(encoder, HashIds):
        return _hash_ids([sources.codes(column) for column in encoder.columns], encoder.buckets, encoder.seed)
    return _expression_ids(sources, encoder)


def _expression_ids(sources: Sources, encoder: ExpressionIds) -> Tensor:
    x = sources.expression(encoder.expression)
    last = float(encoder.size - 2)
    inside = where(x > 0.0, where(x < last, x, x.constant(last)), x.constant(0.0))
    return where(x.is_nan(), MISSING_ID, inside.cast(INT64) + 1)


def _hash_ids(parts: list[Codes], buckets: int, seed: int) -> Tensor:
    """Return the bucket ids of keys, or of the cross of several columns' keys, whose missing parts hash as 0."""
    hashed, missing = hash_words([parts[0].keys], seed), parts[0].missing
    if len(parts) > 1:
        words = [where(part.missing, 0, hash_words([part.keys], seed)) for part in parts]
        hashed = hash_words(words, seed)
        for part in parts[1:]:
            missing = missing & part.missing
    return where(missing, MISSING_ID, bucket_of(hashed, buckets))


def _element_ids(sources: Sources, bag: Bag) -> tuple[Tensor, Tensor]:
    """Return the ids of a list column's elements, int64[N, L], and which of them are missing."""
    codes = sources.codes(bag.column)
    if isinstance(bag.encoder, FittedVocabulary):
        return codes.ids(bag.encoder), codes.missing
    return _hash_ids([codes], bag.encoder.buckets, bag.encoder.seed), codes.missing


def bag_ids(sources: Sources, bag: Bag) -> tuple[Tensor, Tensor]:
    """Return the ids of all rows one after another, int64[nnz], and where each row's begin and end, int64[N + 1]."""
    ids, missing = _element_ids(sources, bag)
    present = ~missing
    flat = [tensor.apply("Reshape", _shape(ids, [-1])) for tensor in (ids, present)]
    lengths = present.cast(INT64).apply("ReduceSum", _shape(ids, [1]), keepdims=0)
    ends = lengths.apply("CumSum", lengths.constant(0))
    return flat[0].apply("Compress", flat[1], axis=0), concat([ends.constant([0]), ends], axis=0)


def counts(sources: Sources, bag: Bag, *, first_id: int, width: int, binary: bool) -> Tensor:
    """Return how often each of `width` ids occurs in a row's bag, float64[N, width]; `binary`: whether it does."""
    ids, missing = _element_ids(sources, bag)
    column = ids - first_id
    elsewhere = missing | (column < 0) | (column >= width)
    column = where(elsewhere, width, column)  # one more column, which is cut off again
    rows = ids.apply("Shape", start=0, end=1)
    shape = concat([rows, rows.constant([width + 1])], axis=0)
    nothing = shape.apply("ConstantOfShape", dtype=DOUBLE, value=helper.make_tensor("", DOUBLE, [1], [0.0]))
    ones = column.apply("Shape").apply(
        "ConstantOfShape", dtype=DOUBLE, value=helper.make_tensor("", DOUBLE, [1], [1.0])
    )
    counted = nothing.apply("ScatterElements", column, ones, axis=1, reduction="max" if binary else "add")
    cut = [ids.constant([end]) for end in (0, width, 1)]
    return counted.apply("Slice", *cut)


def _shape(tensor: Tensor, sizes: list[int]) -> Tensor:
    """Return an int64 list in the graph."""
    return Tensor(tensor.graph, tensor.graph.constant(np.array(sizes, np.int64)), INT64)
