"""Fitting lists: a vocabulary of their elements."""

from __future__ import annotations

from mlops_runtime.data import Schema
from mlops_runtime.features.columns import Reading
from mlops_runtime.features.encoders import Bag
from mlops_runtime.features.fitting.collector import Collectors
from mlops_runtime.features.fitting.keys import KeyCounts
from mlops_runtime.features.outputs import BagOutput, DenseCounts
from mlops_runtime.features.spec import ListFeature
from mlops_runtime.features.vocabulary import FIRST_KEY_ID

__all__ = ["ListFitter"]


class ListFitter:
    """The elements of a list: a dense column for each kept key, or a bag of ids."""

    def __init__(self, feature: ListFeature, schema: Schema, collectors: Collectors) -> None:
        self._feature = feature
        self._elements = collectors.share(KeyCounts(Reading(feature.column, "list"), schema))

    def freeze(self) -> tuple[DenseCounts | BagOutput, ...]:
        """Return the output."""
        feature, name = self._feature, self._feature.output_name
        vocabulary = self._elements.vocabulary(min_count=feature.min_count, max_size=feature.max_size)
        bag = Bag(feature.column, "list", 1, 1, False, vocabulary)
        if feature.output == "bag":
            return (BagOutput(name, bag),)
        binary = feature.output == "multi_hot"
        keys = vocabulary.keys[: vocabulary.kept].to_pylist()
        return (DenseCounts(name, tuple(f"{name}={key}" for key in keys), bag, FIRST_KEY_ID, binary),)
