"""A number as the interval it falls into."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Field, model_validator

from mlops_runtime.features.columns import Reading
from mlops_runtime.features.spec.base import BaseFeature

__all__ = ["BucketFeature"]


class BucketFeature(BaseFeature):
    """A number or time as an id: 0 missing, then 1 + how many edges are at or below it.

    method: edges at the quantiles of the fitted data ("quantile") or in equal steps between its least and greatest
    value ("uniform"), for at most `bins` buckets; or the given `edges`.
    """

    kind: Literal["bucket"] = "bucket"
    column: str
    method: Literal["quantile", "uniform", "edges"] = "quantile"
    bins: Annotated[int, Field(ge=2, le=1 << 16)] = 16
    edges: Annotated[tuple[float, ...], Field(max_length=1 << 16)] | None = None

    @model_validator(mode="after")
    def _edges_belong_to_their_method(self) -> BucketFeature:
        if (self.method == "edges") != bool(self.edges):
            raise ValueError('`edges` are given with method "edges", and only then')
        if any(below >= above for below, above in pairwise(self.edges or ())):
            raise ValueError("`edges` increase strictly")
        return self

    @property
    def default_name(self) -> str:
        """The column and `:bucket`."""
        return f"{self.column}:bucket"

    @property
    def reads(self) -> tuple[Reading, ...]:
        """The column, as a number."""
        return (Reading(self.column, "value"),)
