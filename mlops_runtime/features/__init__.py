"""Feature specifications, fitted programs, and their native execution."""

from mlops_runtime.features.fit import FitState, fit_program
from mlops_runtime.features.infer import InferredSpec, infer_spec
from mlops_runtime.features.outputs import Matrices
from mlops_runtime.features.program import FeatureProgram
from mlops_runtime.features.spec import CategoryFeature, FeatureSpec, NumericFeature

__all__ = [
    "CategoryFeature",
    "FeatureProgram",
    "FeatureSpec",
    "FitState",
    "InferredSpec",
    "Matrices",
    "NumericFeature",
    "fit_program",
    "infer_spec",
]
