"""Columns as the bucket of a hash: nothing to fit, no unseen keys."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from mlops_runtime.features.columns import Reading
from mlops_runtime.features.spec.base import BaseFeature, Buckets, Seed

__all__ = ["HashFeature"]


class HashFeature(BaseFeature):
    """A text or whole number, or the cross of several, as an id: 0 missing, then 1 + the bucket of its XXH3 hash.

    A cross is missing only where all of its columns are.
    """

    kind: Literal["hash"] = "hash"
    columns: Annotated[tuple[str, ...], Field(min_length=1)]
    buckets: Buckets = 1024
    seed: Seed = 0

    @model_validator(mode="after")
    def _columns_are_distinct(self) -> HashFeature:
        if len(set(self.columns)) < len(self.columns):
            raise ValueError("`columns` has a column twice")
        return self

    @property
    def default_name(self) -> str:
        """The columns and `:hash`."""
        return f"{'*'.join(self.columns)}:hash"

    @property
    def reads(self) -> tuple[Reading, ...]:
        """The columns, as keys."""
        return tuple(Reading(column, "code") for column in self.columns)
