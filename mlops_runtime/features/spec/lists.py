"""A list of texts or whole numbers by the vocabulary of its elements."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from mlops_runtime.features.columns import Reading
from mlops_runtime.features.spec.base import BaseFeature, MinCount

__all__ = ["ListFeature"]

_MAX_DENSE_KEYS = 1 << 16


class ListFeature(BaseFeature):
    """A list of texts or whole numbers by its elements.

    output: "multi_hot" has one dense 0/1 column for each key, `NAME=KEY`, "counts" says how often each occurs; "bag"
    gives ids for an embedding bag. A key seen fewer than `min_count` times, or beyond the `max_size` most frequent, has
    no column; in a bag it is rare.
    """

    kind: Literal["list"] = "list"
    column: str
    min_count: MinCount = 1
    max_size: Annotated[int, Field(ge=1, le=1 << 24)] = 256
    output: Literal["multi_hot", "counts", "bag"] = "multi_hot"

    @model_validator(mode="after")
    def _dense_has_few_keys(self) -> ListFeature:
        if self.output != "bag" and self.max_size > _MAX_DENSE_KEYS:
            raise ValueError(f'a `max_size` above {_MAX_DENSE_KEYS:,} needs output "bag"')
        return self

    @property
    def makes_bag(self) -> bool:
        """Whether its output is a bag."""
        return self.output == "bag"

    @property
    def default_name(self) -> str:
        """The column."""
        return self.column

    @property
    def names_outputs(self) -> str:
        """NAME=…, or the name of the bag."""
        return self.output_name if self.output == "bag" else f"{self.output_name}=…"

    @property
    def reads(self) -> tuple[Reading, ...]:
        """The column, as a list."""
        return (Reading(self.column, "list"),)
