"""What every kind of feature has: strict fields, a name, and the columns it reads."""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated

from pydantic import Field

from mlops_runtime.core.document import Strict
from mlops_runtime.features.columns import Reading

__all__ = ["BaseFeature", "Buckets", "MaxSize", "MinCount", "Seed"]

MinCount = Annotated[int, Field(ge=1)]
MaxSize = Annotated[int, Field(ge=1, le=1 << 24)]
Buckets = Annotated[int, Field(ge=1, le=2**31 - 1)]
Seed = Annotated[int, Field(ge=0, le=2**53 - 1)]


class BaseFeature(Strict):
    """name: what its outputs are called; without one, a name is made of its columns."""

    name: str | None = Field(default=None, min_length=1)

    @property
    def output_name(self) -> str:
        """The name of its output, or what the names of its outputs begin with."""
        return self.name if self.name is not None else self.default_name

    @property
    @abstractmethod
    def default_name(self) -> str:
        """The name made of its columns."""

    @property
    def names_outputs(self) -> str:
        """A pattern of its outputs' names: two features of one specification never share it."""
        return self.output_name

    @property
    @abstractmethod
    def reads(self) -> tuple[Reading, ...]:
        """The columns it reads when it is applied, and how."""

    @property
    def makes_bag(self) -> bool:
        """Whether its output is a bag of ids and no column of a matrix."""
        return False

    @property
    def target_column(self) -> str | None:
        """A column it reads only while it is fitted."""
        return None
