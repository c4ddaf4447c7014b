"""Fitting keys: their ids, 0/1 columns, or shares, all from one exact count of the column."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mlops_runtime.data import Schema
from mlops_runtime.features.columns import Reading
from mlops_runtime.features.encoders import VocabularyIds
from mlops_runtime.features.expression import Expression, Step, VocabularyId
from mlops_runtime.features.fitting.collector import Collectors
from mlops_runtime.features.fitting.exact import Sums
from mlops_runtime.features.fitting.keys import KeyCounts
from mlops_runtime.features.outputs import DenseOutput, SparseOutput
from mlops_runtime.features.spec import CategoryFeature, FrequencyFeature, OneHotFeature
from mlops_runtime.features.vocabulary import FIRST_KEY_ID, MISSING_ID, RARE_ID

__all__ = ["CategoryFitter", "FrequencyFitter", "OneHotFitter"]


class CategoryFitter:
    """One id per row."""

    def __init__(self, feature: CategoryFeature, schema: Schema, collectors: Collectors) -> None:
        self._feature = feature
        self._keys = collectors.share(KeyCounts(Reading(feature.column, "code"), schema))

    def freeze(self) -> tuple[SparseOutput, ...]:
        """Return the sparse output."""
        feature = self._feature
        vocabulary = self._keys.vocabulary(min_count=feature.min_count, max_size=feature.max_size)
        encoder = VocabularyIds(feature.column, vocabulary)
        return (SparseOutput(feature.output_name, encoder, self._keys.missing),)


class OneHotFitter:
    """One 0/1 column for each key, and for rare keys and for missing ones if the fit saw any; unseen keys are all 0."""

    def __init__(self, feature: OneHotFeature, schema: Schema, collectors: Collectors) -> None:
        self._feature = feature
        self._keys = collectors.share(KeyCounts(Reading(feature.column, "code"), schema))

    def freeze(self) -> tuple[DenseOutput, ...]:
        """Return the dense outputs: keys by descending frequency, rare, missing."""
        feature, missing = self._feature, self._keys.missing
        vocabulary = self._keys.vocabulary(min_count=feature.min_count, max_size=feature.max_size)
        name = feature.output_name
        names = {
            FIRST_KEY_ID + i: f"{name}={key}" for i, key in enumerate(vocabulary.keys[: vocabulary.kept].to_pylist())
        }
        if vocabulary.kept < len(vocabulary.keys):
            names[RARE_ID] = f"{name}:rare"
        if missing:
            names[MISSING_ID] = f"{name}:missing"
        source = VocabularyId(feature.column, vocabulary)
        return tuple(
            DenseOutput(output, Expression(source, (Step("equals", [id_]),)), missing) for id_, output in names.items()
        )


class FrequencyFitter:
    """The share of the fitted rows that have the row's key; missing counts as a key, and an unseen key has none."""

    def __init__(self, feature: FrequencyFeature, schema: Schema, collectors: Collectors) -> None:
        self._feature = feature
        self._keys = collectors.share(KeyCounts(Reading(feature.column, "code"), schema))

    def freeze(self) -> tuple[DenseOutput, ...]:
        """Return the dense output."""
        feature, missing = self._feature, self._keys.missing
        vocabulary = self._keys.vocabulary()
        counts = np.zeros(vocabulary.cardinality, np.int64)
        np.add.at(counts, vocabulary.ids, vocabulary.counts)
        counts[MISSING_ID] = missing
        shares = counts / max(1, int(counts.sum()))
        steps = [Step("table", shares)]
        if feature.scale == "standard":
            steps.append(Step("affine", _standardisation(shares, counts)))
        expression = Expression(VocabularyId(feature.column, vocabulary), tuple(steps))
        return (DenseOutput(feature.output_name, expression, missing),)


def _standardisation(values: NDArray[np.float64], counts: NDArray[np.int64]) -> tuple[float, float]:
    """Mean and 1 / deviation when value i occurs counts[i] times."""
    sums = Sums(0, 0, 0)
    for count in np.unique(counts[counts > 0]).tolist():
        at = counts == count
        sums = sums.with_copies(float(values[at][0]), count * int(at.sum()))
    return sums.standardisation
