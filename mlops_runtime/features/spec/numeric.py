"""A number as one float: clipped, imputed, winsorised, transformed, scaled, in this order."""

from __future__ import annotations

from typing import Literal

from pydantic import model_validator

from mlops_runtime.core.document import Strict
from mlops_runtime.features.columns import Reading
from mlops_runtime.features.expression import Operation
from mlops_runtime.features.spec.base import BaseFeature

__all__ = ["Combination", "NumericFeature"]

_SIGNS = {"add": "+", "subtract": "-", "multiply": "*", "divide": "/"}

_Pair = tuple[float, float]


class Combination(Strict):
    """Two columns added, subtracted, multiplied or divided; missing where either is."""

    left: str
    operation: Operation
    right: str


class NumericFeature(BaseFeature):
    """A number (or a time, in microseconds since 1970), or a combination of two, as one float.

    The steps, in this order. clip: values beyond two given bounds become the bounds. impute: what replaces a missing or
    infinite value; `constant` is used by impute "constant", "none" leaves NaN. winsorise: values beyond two quantiles
    of the fitted data become these. transform: log1p, signed_log1p, sqrt, or the Yeo-Johnson power of most likelihood.
    scale: "standard" to mean 0 and deviation 1, "min_max" to 0..1, "robust" by median and quartiles, "rank_gauss" to a
    normal distribution by rank. indicator: a second output, `NAME:missing`, that is 1 where the value is missing;
    "auto" adds it when the fitted data has missing values.
    """

    kind: Literal["numeric"] = "numeric"
    column: str | None = None
    combine: Combination | None = None
    clip: _Pair | None = None
    impute: Literal["median", "mean", "mode", "constant", "none"] = "median"
    constant: float = 0.0
    winsorise: _Pair | None = None
    transform: Literal["none", "log1p", "signed_log1p", "sqrt", "yeo_johnson"] = "none"
    scale: Literal["standard", "min_max", "robust", "rank_gauss", "none"] = "standard"
    indicator: Literal["auto"] | bool = "auto"

    @model_validator(mode="after")
    def _is_consistent(self) -> NumericFeature:
        if (self.column is None) == (self.combine is None):
            raise ValueError("give either `column` or `combine`")
        if self.clip is not None and self.clip[0] > self.clip[1]:
            raise ValueError("`clip` has its lower bound first")
        if self.winsorise is not None and not 0.0 <= self.winsorise[0] < self.winsorise[1] <= 1.0:
            raise ValueError("`winsorise` has two quantiles between 0 and 1, the lower one first")
        return self

    @property
    def default_name(self) -> str:
        """The column, or both with the sign of the operation."""
        if self.combine is None:
            return self.column or ""
        return f"{self.combine.left} {_SIGNS[self.combine.operation]} {self.combine.right}"

    @property
    def reads(self) -> tuple[Reading, ...]:
        """The column, or both."""
        columns = (self.column or "",) if self.combine is None else (self.combine.left, self.combine.right)
        return tuple(Reading(column, "value") for column in columns)
