"""A text as its n-grams."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from mlops_runtime.features.columns import Reading
from mlops_runtime.features.spec.base import BaseFeature, Buckets, Seed

__all__ = ["NgramFeature"]

_MAX_DENSE_BUCKETS = 1 << 16
_Length = Annotated[int, Field(ge=1, le=64)]


class NgramFeature(BaseFeature):
    """A text as the hashed n-grams in it, `shortest` to `longest` characters or words long.

    output: "counts" has one dense column for each bucket, `NAME:BUCKET`, "binary" the same with 0 and 1; "bag" gives
    ids for an embedding bag. lower: letters A to Z count as a to z.
    """

    kind: Literal["ngram"] = "ngram"
    column: str
    tokens: Literal["characters", "words"] = "words"
    shortest: _Length = 1
    longest: _Length = 1
    buckets: Buckets = 256
    seed: Seed = 0
    lower: bool = True
    output: Literal["counts", "binary", "bag"] = "counts"

    @model_validator(mode="after")
    def _sizes_fit(self) -> NgramFeature:
        if self.shortest > self.longest:
            raise ValueError("`shortest` is at most `longest`")
        if self.output != "bag" and self.buckets > _MAX_DENSE_BUCKETS:
            raise ValueError(f'more than {_MAX_DENSE_BUCKETS:,} `buckets` need output "bag"')
        return self

    @property
    def makes_bag(self) -> bool:
        """Whether its output is a bag."""
        return self.output == "bag"

    @property
    def default_name(self) -> str:
        """The column and `:ngram`."""
        return f"{self.column}:ngram"

    @property
    def reads(self) -> tuple[Reading, ...]:
        """The column, as a text."""
        return (Reading(self.column, "text"),)
