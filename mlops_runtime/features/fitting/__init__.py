"""Fitting: what is collected in one pass over the data, and what each kind of feature makes of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from mlops_runtime.data import Schema
from mlops_runtime.features.fitting.bucket import BucketFitter
from mlops_runtime.features.fitting.category import CategoryFitter, FrequencyFitter, OneHotFitter
from mlops_runtime.features.fitting.collector import Collectors, View
from mlops_runtime.features.fitting.date import DateFitter
from mlops_runtime.features.fitting.lists import ListFitter
from mlops_runtime.features.fitting.numeric import NumericFitter
from mlops_runtime.features.fitting.target import TargetFitter
from mlops_runtime.features.fitting.text import HashFitter, NgramFitter
from mlops_runtime.features.outputs import Output
from mlops_runtime.features.spec import (
    BucketFeature,
    CategoryFeature,
    DateFeature,
    Feature,
    FrequencyFeature,
    HashFeature,
    ListFeature,
    NgramFeature,
    NumericFeature,
    OneHotFeature,
    TargetFeature,
)

__all__ = ["Collectors", "Fitter", "TargetFitter", "View", "make_fitter"]


class Fitter(Protocol):
    """What one feature makes of what was collected for it."""

    def freeze(self) -> tuple[Output, ...]:
        """Return the feature's outputs."""


_FITTERS: dict[type[Feature], Callable[[Any, Schema, Collectors], Fitter]] = {
    BucketFeature: BucketFitter,
    CategoryFeature: CategoryFitter,
    DateFeature: DateFitter,
    FrequencyFeature: FrequencyFitter,
    HashFeature: HashFitter,
    ListFeature: ListFitter,
    NgramFeature: NgramFitter,
    NumericFeature: NumericFitter,
    OneHotFeature: OneHotFitter,
    TargetFeature: TargetFitter,
}


def make_fitter(feature: Feature, schema: Schema, collectors: Collectors) -> Fitter:
    """Return the fitter of a feature, which puts what it needs among the collectors.

    Raises SchemaError when the feature cannot read its columns.
    """
    return _FITTERS[type(feature)](feature, schema, collectors)
