"""What to do with which column: the declarative feature specification, in Python or YAML.

features:
  - {kind: numeric, column: age}
  - {kind: category, column: city, min_count: 5}
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from mlops_runtime.core.errors import ConfigError, problem

__all__ = ["CategoryFeature", "Feature", "FeatureSpec", "NumericFeature"]


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)


class NumericFeature(_Strict):
    """A number (or a time, in microseconds since 1970) as one float: imputed, then standardised.

    impute: what replaces a missing or infinite value; `constant` is used by impute "constant". scale: "standard"
    subtracts the mean and divides by the standard deviation, both taken after imputing. indicator: a second output
    that is 1 where the value is missing; "auto" adds it when the fitted data has missing values.
    """

    kind: Literal["numeric"] = "numeric"
    column: str
    impute: Literal["mean", "median", "constant"] = "median"
    constant: float = 0.0
    scale: Literal["standard", "none"] = "standard"
    indicator: Literal["auto"] | bool = "auto"


class CategoryFeature(_Strict):
    """A text or whole number as an id: 0 missing, 1 rare, 2 unseen, then the keys by descending frequency.

    A key seen fewer than `min_count` times, or beyond the `max_size` most frequent, is rare.
    """

    kind: Literal["category"] = "category"
    column: str
    min_count: int = Field(default=1, ge=1)
    max_size: int = Field(default=4096, ge=1, le=1 << 24)


Feature = Annotated[NumericFeature | CategoryFeature, Field(discriminator="kind")]


class FeatureSpec(_Strict):
    """The features of a model, in the order of its inputs; every column at most once.

    >>> spec = FeatureSpec(features=(NumericFeature(column="age"), CategoryFeature(column="city")))
    >>> FeatureSpec.from_yaml(spec.to_yaml()) == spec
    True
    """

    features: tuple[Feature, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _columns_are_distinct(self) -> FeatureSpec:
        repeated = sorted({name for name in self.columns if self.columns.count(name) > 1})
        if repeated:
            raise ValueError(f"column {', '.join(map(repr, repeated))} is used more than once")
        return self

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns the features read."""
        return tuple(feature.column for feature in self.features)

    def to_yaml(self) -> str:
        """Return the specification as YAML, defaults included."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True)

    @classmethod
    def from_yaml(cls, text: str, *, where: str = "feature spec") -> FeatureSpec:
        """Read YAML. Raises ConfigError, saying `where` and which entry, when it is not a specification."""
        try:
            values: Any = yaml.safe_load(text)
            if isinstance(values, dict) and isinstance(values.get("features"), list):
                values["features"] = tuple(values["features"])
            return cls.model_validate(values)
        except yaml.YAMLError as error:
            got = " ".join(str(error).split())
        except ValidationError as error:
            first = error.errors()[0]
            got = f"{'.'.join(map(str, first['loc'])) or 'the document'}: {first['msg']}"
        raise ConfigError(
            problem(
                expected="`features:` with a list of numeric and category entries",
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
