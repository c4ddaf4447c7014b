"""Feature specifications, fitted programs, and their native execution."""

from mlops_runtime.features.fit import FitState, Fitted, fit_program, fit_source, fit_transform
from mlops_runtime.features.infer import InferredSpec, infer_spec
from mlops_runtime.features.outputs import Matrices, RaggedIds
from mlops_runtime.features.program import FeatureProgram
from mlops_runtime.features.spec import (
    BucketFeature,
    CategoryFeature,
    Combination,
    DateFeature,
    Feature,
    FeatureSpec,
    FrequencyFeature,
    HashFeature,
    ListFeature,
    NgramFeature,
    NumericFeature,
    OneHotFeature,
    TargetFeature,
)

__all__ = [
    "BucketFeature",
    "CategoryFeature",
    "Combination",
    "DateFeature",
    "Feature",
    "FeatureProgram",
    "FeatureSpec",
    "FitState",
    "Fitted",
    "FrequencyFeature",
    "HashFeature",
    "InferredSpec",
    "ListFeature",
    "Matrices",
    "NgramFeature",
    "NumericFeature",
    "OneHotFeature",
    "RaggedIds",
    "TargetFeature",
    "fit_program",
    "fit_source",
    "fit_transform",
    "infer_spec",
]
