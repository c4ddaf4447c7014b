"""Features that hash: nothing is learned but how many rows are missing."""

from __future__ import annotations

from mlops_runtime.data import Schema
from mlops_runtime.features.encoders import Bag, HashBuckets, HashIds
from mlops_runtime.features.fitting.collector import Collectors
from mlops_runtime.features.fitting.keys import MissingKeys
from mlops_runtime.features.outputs import BagOutput, DenseCounts, SparseOutput
from mlops_runtime.features.spec import HashFeature, NgramFeature

__all__ = ["HashFitter", "NgramFitter"]


class HashFitter:
    """One id per row: the bucket of the hash of a column, or of the cross of several."""

    def __init__(self, feature: HashFeature, schema: Schema, collectors: Collectors) -> None:
        self._feature = feature
        self._missing = collectors.share(MissingKeys(feature.columns))

    def freeze(self) -> tuple[SparseOutput, ...]:
        """Return the sparse output."""
        feature = self._feature
        encoder = HashIds(feature.columns, feature.buckets, feature.seed)
        return (SparseOutput(feature.output_name, encoder, self._missing.count),)


class NgramFitter:
    """The hashed n-grams of a text: a dense column for each bucket, or a bag of ids."""

    def __init__(self, feature: NgramFeature, schema: Schema, collectors: Collectors) -> None:
        self._feature = feature

    def freeze(self) -> tuple[DenseCounts | BagOutput, ...]:
        """Return the output."""
        feature, name = self._feature, self._feature.output_name
        hashed = HashBuckets(feature.buckets, feature.seed)
        bag = Bag(feature.column, feature.tokens, feature.shortest, feature.longest, feature.lower, hashed)
        if feature.output == "bag":
            return (BagOutput(name, bag),)
        names = tuple(f"{name}:{bucket}" for bucket in range(feature.buckets))
        return (DenseCounts(name, names, bag, first_id=1, binary=feature.output == "binary"),)
