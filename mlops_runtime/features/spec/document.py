"""A feature specification as a whole, in Python or YAML.

features:
  - {kind: numeric, column: age, transform: log1p}
  - {kind: category, column: city, min_count: 5}
"""

from __future__ import annotations

from typing import Annotated, Any, get_args

from pydantic import Field, model_validator

from mlops_runtime.core.document import YamlDocument
from mlops_runtime.data.schema import listed, repeated_names
from mlops_runtime.features.spec.bucket import BucketFeature
from mlops_runtime.features.spec.category import CategoryFeature, FrequencyFeature, OneHotFeature, TargetFeature
from mlops_runtime.features.spec.date import DateFeature
from mlops_runtime.features.spec.hashing import HashFeature
from mlops_runtime.features.spec.lists import ListFeature
from mlops_runtime.features.spec.numeric import NumericFeature
from mlops_runtime.features.spec.text import NgramFeature

__all__ = ["FEATURE_KINDS", "Feature", "FeatureSpec"]

Feature = (
    BucketFeature
    | CategoryFeature
    | DateFeature
    | FrequencyFeature
    | HashFeature
    | ListFeature
    | NgramFeature
    | NumericFeature
    | OneHotFeature
    | TargetFeature
)
FEATURE_KINDS: tuple[str, ...] = tuple(kind.model_fields["kind"].default for kind in get_args(Feature))


class FeatureSpec(
    YamlDocument,
    form=f"`features:` with a list of entries of kind {', '.join(FEATURE_KINDS)}",
    next_step="compare with the file that `mlrt features fit` writes",
    states_defaults=True,
):
    """The features of a model, in the order of its inputs; no two features make outputs of the same names.

    >>> spec = FeatureSpec(features=(NumericFeature(column="age"), CategoryFeature(column="city")))
    >>> FeatureSpec.from_yaml(spec.to_yaml()) == spec
    True
    """

    features: Annotated[tuple[Annotated[Feature, Field(discriminator="kind")], ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _names_are_distinct(self) -> FeatureSpec:
        repeated = repeated_names(feature.names_outputs for feature in self.features)
        if repeated:
            raise ValueError(f"two features make {listed(repeated)}: give one of them a `name`")
        return self

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that the features read when they are applied, each once."""
        return tuple(dict.fromkeys(reading.column for feature in self.features for reading in feature.reads))

    @property
    def target_columns(self) -> tuple[str, ...]:
        """The columns that target encodings read while they are fitted, each once."""
        named = (feature.target_column for feature in self.features)
        return tuple(dict.fromkeys(column for column in named if column is not None))

    @classmethod
    def place(cls, location: tuple[int | str, ...], values: Any) -> str:
        """Say in words where in the document a mistake is: ("features", 1, "numeric", "impute").

        >>> written = {"features": [{}, {"kind": "numeric", "column": "age"}]}
        >>> FeatureSpec.place(("features", 1, "numeric", "impute"), written)
        'entry 2 (numeric of `age`), `impute`'
        """
        if len(location) < 2 or not isinstance(location[1], int):
            return super().place(location, values)
        entry, words = values["features"][location[1]], f"entry {location[1] + 1}"
        if isinstance(entry, dict):
            described = [str(entry.get("kind", "")), f"of `{entry['column']}`" if "column" in entry else ""]
            words += f" ({' '.join(filter(None, described)) or 'without a kind'})"
        return ", ".join([words, *(f"`{part}`" for part in location[3:] if isinstance(part, str))])
