"""A feature specification as a whole, in Python or YAML.

features:
  - {kind: numeric, column: age, transform: log1p}
  - {kind: category, column: city, min_count: 5}
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, get_args

import yaml
from pydantic import Field, ValidationError, model_validator

from mlops_runtime.core.errors import ConfigError, problem
from mlops_runtime.data.schema import listed, repeated_names
from mlops_runtime.features.spec.base import Several, Strict
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


class FeatureSpec(Strict):
    """The features of a model, in the order of its inputs; no two features make outputs of the same names.

    >>> spec = FeatureSpec(features=(NumericFeature(column="age"), CategoryFeature(column="city")))
    >>> FeatureSpec.from_yaml(spec.to_yaml()) == spec
    True
    """

    features: Annotated[Several[Annotated[Feature, Field(discriminator="kind")]], Field(min_length=1)]

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

    def to_yaml(self) -> str:
        """Return the specification as YAML, defaults included."""
        values = self.model_dump(mode="json", exclude_none=True)
        return yaml.safe_dump(values, sort_keys=False, allow_unicode=True)

    @classmethod
    def from_yaml(cls, text: str, *, where: str = "feature spec") -> FeatureSpec:
        """Read YAML. Raises ConfigError, saying `where`, which entry and which field, when it is no specification."""
        values: Any = None
        try:
            values = yaml.safe_load(text)
            return cls.model_validate(values)
        except yaml.YAMLError as error:
            got = " ".join(str(error).split())
        except ValidationError as error:
            first = error.errors()[0]
            got = f"{_place(first['loc'], values)}: {first['msg'].removeprefix('Value error, ')}"
        raise ConfigError(
            problem(
                expected=f"`features:` with a list of entries of kind {', '.join(FEATURE_KINDS)}",
                got=got,
                where=where,
                next_step="compare with the file that `mlrt features fit` writes",
            )
        )

    @classmethod
    def load(cls, path: Path) -> FeatureSpec:
        """Read a YAML file. Raises ConfigError when it cannot be read or is not a specification."""
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(
                problem(expected="a YAML file", got=str(error), where=str(path), next_step="check the path")
            ) from error
        return cls.from_yaml(text, where=str(path))


def _place(location: tuple[int | str, ...], values: Any) -> str:
    """Say in words where in the document a mistake is: ("features", 1, "numeric", "impute").

    >>> _place(("features", 1, "numeric", "impute"), {"features": [{}, {"kind": "numeric", "column": "age"}]})
    'entry 2 (numeric of `age`), `impute`'
    """
    if len(location) < 2 or not isinstance(location[1], int):
        return ".".join(map(str, location)) or "the document"
    entry, words = values["features"][location[1]], f"entry {location[1] + 1}"
    if isinstance(entry, dict):
        described = [str(entry.get("kind", "")), f"of `{entry['column']}`" if "column" in entry else ""]
        words += f" ({' '.join(filter(None, described)) or 'without a kind'})"
    return ", ".join([words, *(f"`{part}`" for part in location[3:] if isinstance(part, str))])
