"""What to do with which column: the declarative feature specification, one file for each family of kinds."""

from mlops_runtime.features.spec.bucket import BucketFeature
from mlops_runtime.features.spec.category import CategoryFeature, FrequencyFeature, OneHotFeature, TargetFeature
from mlops_runtime.features.spec.date import DateFeature
from mlops_runtime.features.spec.document import FEATURE_KINDS, Feature, FeatureSpec
from mlops_runtime.features.spec.hashing import HashFeature
from mlops_runtime.features.spec.lists import ListFeature
from mlops_runtime.features.spec.numeric import Combination, NumericFeature
from mlops_runtime.features.spec.text import NgramFeature

__all__ = [
    "FEATURE_KINDS",
    "BucketFeature",
    "CategoryFeature",
    "Combination",
    "DateFeature",
    "Feature",
    "FeatureSpec",
    "FrequencyFeature",
    "HashFeature",
    "ListFeature",
    "NgramFeature",
    "NumericFeature",
    "OneHotFeature",
    "TargetFeature",
]
