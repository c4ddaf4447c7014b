"""How long something must last: a duration (`15m`, `1h30m`) or a number of windows (`3 windows`)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer

__all__ = ["Duration", "Stretch", "StretchField", "parse_duration", "write_duration"]

_UNITS = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}
_DURATION = re.compile("".join(rf"(?:(?P<{unit}>\d{{1,9}}){unit})?" for unit in _UNITS))
_WINDOWS = re.compile(r"(\d{1,6}) windows?")


@dataclass(frozen=True, slots=True)
class Stretch:
    """A length of time, or a number of windows in a row; the other of the two asks for nothing."""

    duration: timedelta = timedelta(0)
    windows: int = 1

    def __str__(self) -> str:
        """Return what `parse` reads."""
        return write_duration(self.duration) if self.windows == 1 else f"{self.windows} windows"

    @classmethod
    def parse(cls, text: object) -> Stretch:
        """Read `15m` or `3 windows`. Raises ValueError for anything else.

        >>> Stretch.parse("3 windows").windows, str(Stretch.parse("90m"))
        (3, '1h30m')
        """
        if isinstance(text, cls):
            return text
        found = _WINDOWS.fullmatch(text) if isinstance(text, str) else None
        if found is None:
            return cls(parse_duration(text, also=" or a number of windows such as `3 windows`"))
        if int(found[1]) == 0:
            raise ValueError("expected at least 1 window, got 0")
        return cls(windows=int(found[1]))


def parse_duration(text: object, *, also: str = "") -> timedelta:
    """Read a duration as Prometheus writes them, in whole seconds. Raises ValueError for anything else.

    also: what else the place takes, for the message.

    >>> parse_duration("1h30m").total_seconds()
    5400.0
    """
    if isinstance(text, timedelta):
        return text
    found = _DURATION.fullmatch(text) if isinstance(text, str) and text else None
    if found is None:
        raise ValueError(f"expected a duration such as `15m` or `1h30m` (w, d, h, m, s){also}, got {text!r}")
    return timedelta(seconds=sum(int(found[unit] or 0) * seconds for unit, seconds in _UNITS.items()))


def write_duration(duration: timedelta) -> str:
    """Write a duration of whole seconds as `parse_duration` reads it."""
    left, parts = int(duration.total_seconds()), []
    for unit, seconds in _UNITS.items():
        if left >= seconds:
            parts.append(f"{left // seconds}{unit}")
            left %= seconds
    return "".join(parts) or "0s"


def _duration(text: Any) -> timedelta:
    return parse_duration(text)


Duration = Annotated[timedelta, BeforeValidator(_duration), PlainSerializer(write_duration, return_type=str)]
StretchField = Annotated[Stretch, BeforeValidator(Stretch.parse), PlainSerializer(str, return_type=str)]
