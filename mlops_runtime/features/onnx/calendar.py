"""Parts of a proleptic Gregorian time as ONNX nodes: whole-number arithmetic on days, exact for the years 1 to 9999.

A day is counted from Monday, 1 January of year 1; cycles of 400, 100, 4 years and 1 year of a fixed length give its
year, as in Reingold and Dershowitz, Calendrical Calculations, section 2.3.
"""

from __future__ import annotations

import calendar
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from mlops_runtime.features.onnx.graph import DOUBLE, INT64
from mlops_runtime.features.onnx.tensor import Tensor, where

__all__ = ["date_part"]

_SECOND = 1_000_000
_MINUTE = 60 * _SECOND
_HOUR = 60 * _MINUTE
_DAY = 24 * _HOUR
_EPOCH = 719_162  # days from 0001-01-01 to 1970-01-01
_FIRST = -_EPOCH * _DAY
_BEYOND = (3_652_059 - _EPOCH) * _DAY  # 10000-01-01


def date_part(x: Tensor, part: str) -> Tensor:
    """Return a part of the time x, in microseconds since 1970; NaN where missing or outside the years 1 to 9999."""
    inside = (x >= float(_FIRST)) & (x < float(_BEYOND))
    since_year_1 = where(inside, x, x.constant(0.0)).floor().cast(INT64) - _FIRST
    return where(inside, _PARTS[part](since_year_1).cast(DOUBLE), x.constant(np.nan))


@dataclass(frozen=True, slots=True)
class _Year:
    """The year of a day, and the day's position in it from 0."""

    year: Tensor
    day: Tensor
    is_leap: Tensor


def _year(time: Tensor) -> _Year:
    return _year_of_day(time / _DAY)


def _year_of_day(day: Tensor) -> _Year:
    within_400 = day % 146_097
    centuries = (within_400 / 36_524).apply("Min", 3)  # the last century of four is a day longer
    within_100 = within_400 - centuries * 36_524
    within_4 = within_100 % 1_461
    years = (within_4 / 365).apply("Min", 3)  # so is the last year of four
    fours = within_100 / 1_461
    year = day / 146_097 * 400 + centuries * 100 + fours * 4 + years + 1
    is_leap = years.equals(3) & (~fours.equals(24) | centuries.equals(3))
    return _Year(year, within_4 - years * 365, is_leap)


def _month(time: Tensor) -> Tensor:
    return _in_table(_MONTHS, _year(time))


def _in_table(table: list[int], year: _Year) -> Tensor:
    return year.day.constant(table).gather(year.is_leap.cast(INT64) * 366 + year.day)


def _week(time: Tensor) -> Tensor:
    """The ISO 8601 week: that of the year which holds the week's Thursday."""
    day = time / _DAY
    thursday = day - day % 7 + 3
    return _year_of_day(thursday).day / 7 + 1


def _days(year: int) -> list[tuple[int, int]]:
    """Return month and day of month of 366 days from 1 January of a year on."""
    months = [(month, day) for month in range(1, 13) for day in range(1, calendar.monthrange(year, month)[1] + 1)]
    return [*months, (1, 1)][:366]


_MONTHS, _DAYS = ([pair[i] for year in (2001, 2000) for pair in _days(year)] for i in range(2))

_PARTS: Mapping[str, Callable[[Tensor], Tensor]] = MappingProxyType(
    {
        "year": lambda time: _year(time).year,
        "quarter": lambda time: (_month(time) + 2) / 3,
        "month": _month,
        "day": lambda time: _in_table(_DAYS, _year(time)),
        "day_of_week": lambda time: time / _DAY % 7,
        "day_of_year": lambda time: _year(time).day + 1,
        "week": _week,
        "hour": lambda time: time % _DAY / _HOUR,
        "minute": lambda time: time % _HOUR / _MINUTE,
        "second": lambda time: time % _MINUTE / _SECOND,
        "minute_of_day": lambda time: time % _DAY / _MINUTE,
    }
)
