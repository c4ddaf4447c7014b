"""Which rows a window holds: panes, counted once each, and the weight of a pane by its age.

A pane is a stretch [n * size, (n + 1) * size) of time since 1970 in UTC, or of the ordinals of rows. Every kind of
window is a sum over the last few panes: of one, of several alike, or of many that weigh less the older they are.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Literal, NoReturn

from mlops_runtime.core.errors import ConfigError, problem

__all__ = ["WEIGHT_UNIT", "Decayed", "PanePlan", "Sliding", "Tumbling", "WindowKind"]

WEIGHT_UNIT = 1 << 16
_HALF_LIVES = 8
_MOST_PANES = 10_000
_LONGEST = 3660 * 86_400_000_000  # microseconds, or rows

Size = dt.timedelta | int


@dataclass(frozen=True, slots=True)
class PanePlan:
    """What a kind of window comes to.

    length: of a pane, in microseconds or rows. weights: of the panes of a window, the newest first, in units of
    1 / WEIGHT_UNIT; None when all count alike. panes: how many a window has.
    """

    by: Literal["time", "rows"]
    length: int
    panes: int
    weights: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class Tumbling:
    """Windows side by side: of a length of time, or of that many rows. Raises ConfigError for an unusable size.

    >>> Tumbling(dt.timedelta(minutes=5)).plan.length
    300000000
    """

    size: Size

    def __post_init__(self) -> None:
        _length("Tumbling.size", self.size)

    @property
    def plan(self) -> PanePlan:
        """One pane a window."""
        return PanePlan(_by(self.size), _length("Tumbling.size", self.size), 1)


@dataclass(frozen=True, slots=True)
class Sliding:
    """Windows of `size`, one every `step`: exact sums of panes of one step.

    Raises ConfigError unless both are times or both are rows, and size is a multiple of step.
    """

    size: Size
    step: Size

    def __post_init__(self) -> None:
        size, step = _length("Sliding.size", self.size), _length("Sliding.step", self.step)
        if _by(self.size) != _by(self.step) or size % step or size // step > _MOST_PANES:
            got = f"size {self.size} and step {self.step}"
            _refuse("Sliding", f"a size of 1 to {_MOST_PANES} steps, both times or both rows", got)

    @property
    def plan(self) -> PanePlan:
        """As many panes as steps fit."""
        length = _length("Sliding.step", self.step)
        return PanePlan(_by(self.step), length, _length("Sliding.size", self.size) // length)


@dataclass(frozen=True, slots=True)
class Decayed:
    """Windows in which rows weigh half after `half_life`, one every `step`; a step is what weighs alike.

    Exact: the counts of every pane, and so every sum of them weighted with round(2**16 * 2**-(age / half_life)); both
    are integers, the same for any batching and order. Not exact: the window's counts are those shares scaled to its
    effective number of rows (Kish, Survey Sampling, 1965: (sum w)**2 / sum w**2), which the tests rest on, and rounded
    to whole rows. Panes older than 8 half-lives are left out: of steady traffic 0.4 %. Minimum and maximum are those of
    all panes kept. Raises ConfigError unless both are times or both are rows, and half_life is at least a step.
    """

    half_life: Size
    step: Size

    def __post_init__(self) -> None:
        half_life, step = _length("Decayed.half_life", self.half_life), _length("Decayed.step", self.step)
        if _by(self.half_life) != _by(self.step) or not step <= half_life <= step * (_MOST_PANES // _HALF_LIVES):
            got = f"half_life {self.half_life} and step {self.step}"
            most = _MOST_PANES // _HALF_LIVES
            _refuse("Decayed", f"a half-life of 1 to {most} steps, both times or both rows", got)

    @property
    def plan(self) -> PanePlan:
        """Panes for 8 half-lives."""
        length, half_life = _length("Decayed.step", self.step), _length("Decayed.half_life", self.half_life)
        panes = _HALF_LIVES * half_life // length
        weights = tuple(round(WEIGHT_UNIT * 2.0 ** -(age * length / half_life)) for age in range(panes))
        return PanePlan(_by(self.step), length, panes, weights)


WindowKind = Tumbling | Sliding | Decayed


def _by(size: Size) -> Literal["time", "rows"]:
    return "time" if isinstance(size, dt.timedelta) else "rows"


def _length(where: str, size: Size) -> int:
    """Return a size in microseconds or rows."""
    length = size // dt.timedelta(microseconds=1) if isinstance(size, dt.timedelta) else size
    if type(length) is int and 0 < length <= _LONGEST:
        return length
    return _refuse(where, "a timedelta of at most 3,660 days or a number of rows, above 0", repr(size))


def _refuse(where: str, expected: str, got: str) -> NoReturn:
    next_step = "for example Tumbling(timedelta(minutes=5)) or Tumbling(10_000)"
    raise ConfigError(problem(expected=expected, got=got, where=where, next_step=next_step))
