"""A time as parts of the calendar."""

from __future__ import annotations

from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, model_validator

from mlops_runtime.features.columns import Reading
from mlops_runtime.features.expression import DatePart
from mlops_runtime.features.spec.base import BaseFeature

__all__ = ["DateFeature"]


class DateFeature(BaseFeature):
    """A time as parts of the calendar in a time zone, `NAME:PART` each.

    parts: year, quarter, month, day, day_of_week (Monday is 0), day_of_year, week (ISO 8601), hour, minute, second,
    minute_of_day. zone: "UTC" or an IANA name; its rules of the day of the fit are kept in the program. cyclic: a part
    that comes round again becomes a sine and a cosine, `NAME:PART:sin` and `NAME:PART:cos`. scale: of the parts that
    stay numbers. indicator: as for a numeric feature.
    """

    kind: Literal["date"] = "date"
    column: str
    parts: Annotated[tuple[DatePart, ...], Field(min_length=1)] = ("month", "day_of_week")
    zone: str = "UTC"
    cyclic: bool = False
    scale: Literal["standard", "none"] = "standard"
    indicator: Literal["auto"] | bool = "auto"

    @model_validator(mode="after")
    def _parts_and_zone_exist(self) -> DateFeature:
        if len(set(self.parts)) < len(self.parts):
            raise ValueError("`parts` has a part twice")
        try:
            ZoneInfo(self.zone)
        except (OSError, ValueError, KeyError) as error:
            raise ValueError(f"`zone` is UTC or an IANA name like Asia/Dubai, got {self.zone!r}") from error
        return self

    @property
    def default_name(self) -> str:
        """The column."""
        return self.column

    @property
    def names_outputs(self) -> str:
        """NAME:PART."""
        return f"{self.output_name}:PART"

    @property
    def reads(self) -> tuple[Reading, ...]:
        """The column, as a time."""
        return (Reading(self.column, "time"),)
