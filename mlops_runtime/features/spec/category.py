"""A text or whole number by its vocabulary: as an id, as 0/1 columns, as its frequency, as the mean of a target."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from mlops_runtime.features.columns import Reading
from mlops_runtime.features.spec.base import BaseFeature, MaxSize, MinCount

__all__ = ["CategoryFeature", "FrequencyFeature", "OneHotFeature", "TargetFeature"]


class _KeyFeature(BaseFeature):
    column: str

    @property
    def default_name(self) -> str:
        """The column."""
        return self.column

    @property
    def reads(self) -> tuple[Reading, ...]:
        """The column, as a key."""
        return (Reading(self.column, "code"),)


class CategoryFeature(_KeyFeature):
    """A text or whole number as an id: 0 missing, 1 rare, 2 unseen, then the keys by descending frequency.

    A key seen fewer than `min_count` times, or beyond the `max_size` most frequent, is rare.
    """

    kind: Literal["category"] = "category"
    min_count: MinCount = 1
    max_size: MaxSize = 4096


class OneHotFeature(_KeyFeature):
    """A text or whole number as one 0/1 column for each key, `NAME=KEY`; an unseen key is 0 in all of them.

    `NAME:missing` and `NAME:rare` are added when the fitted data has such rows. A key seen fewer than `min_count`
    times, or beyond the `max_size` most frequent, is rare.
    """

    kind: Literal["one_hot"] = "one_hot"
    min_count: MinCount = 1
    max_size: Annotated[int, Field(ge=1, le=1 << 16)] = 64

    @property
    def names_outputs(self) -> str:
        """NAME=…."""
        return f"{self.output_name}=…"


class FrequencyFeature(_KeyFeature):
    """A text or whole number as the share of the fitted rows that have it; 0 when unseen."""

    kind: Literal["frequency"] = "frequency"
    scale: Literal["none", "standard"] = "none"

    @property
    def default_name(self) -> str:
        """The column and `:frequency`."""
        return f"{self.column}:frequency"


class TargetFeature(_KeyFeature):
    """A text or whole number as the mean of `target` among the fitted rows that have it.

    Training rows get the mean of the other `folds` - 1 folds, so that no row sees its own target; other rows that of
    all. smoothing: how many rows of the overall mean are added to each key. positive: the class that counts as 1, for a
    target of texts.
    """

    kind: Literal["target"] = "target"
    target: str
    folds: Annotated[int, Field(ge=2, le=100)] = 5
    smoothing: Annotated[float, Field(ge=0)] = 20.0
    positive: str | None = None

    @model_validator(mode="after")
    def _target_is_another_column(self) -> TargetFeature:
        if self.column == self.target:
            raise ValueError("`target` is another column than `column`")
        return self

    @property
    def default_name(self) -> str:
        """The column and `:target`."""
        return f"{self.column}:target"

    @property
    def target_column(self) -> str:
        """The target."""
        return self.target
