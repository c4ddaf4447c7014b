"""When a rule's value is too high, too low, or has changed too much; and when it is well again."""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, PlainSerializer, model_validator

from mlops_runtime.core.document import Strict
from mlops_runtime.monitoring.points import Point

__all__ = ["MIN_HISTORY", "Change", "Condition", "Finding"]

MIN_HISTORY = 5
_PERCENT = re.compile(r"(\d+(?:\.\d+)?)\s?%")


class Finding(StrEnum):
    """What a condition says of a point."""

    BREACH = "breach"
    WITHIN = "within"  # no longer a breach, not yet well again: between the threshold and `clear`
    CLEAR = "clear"
    UNKNOWN = "unknown"  # no value, too few rows, or too little history


@dataclass(frozen=True, slots=True)
class Change:
    """How far a value may move from its own past: an amount, or a share of it (`5%`)."""

    amount: float
    is_share: bool = False

    def __str__(self) -> str:
        """Return what `parse` reads."""
        return f"{100 * self.amount:.12g}%" if self.is_share else f"{self.amount:.12g}"

    @classmethod
    def parse(cls, plain: Any) -> Change:
        """Read `0.05` or `5%`. Raises ValueError for anything else, or what is not above 0.

        >>> Change.parse("5%").of(200.0)
        10.0
        """
        if isinstance(plain, cls):
            return plain
        share = _PERCENT.fullmatch(plain) if isinstance(plain, str) else None
        is_number = isinstance(plain, int | float) and not isinstance(plain, bool)
        amount = float(share[1]) / 100 if share else float(plain) if is_number else math.nan
        if not (0 < amount < math.inf):
            raise ValueError(f"expected a number above 0, or a share such as `5%`, got {plain!r}")
        return cls(amount, is_share=share is not None)

    def of(self, level: float) -> float:
        """Return the amount, beside this level."""
        return self.amount * abs(level) if self.is_share else self.amount


def _change(plain: Any) -> Change:
    return Change.parse(plain)


def _written(change: Change) -> str | float:
    return str(change) if change.is_share else change.amount


_ChangeField = Annotated[Change, BeforeValidator(_change), PlainSerializer(_written)]
_BOUNDS = ("above", "below", "rises_by", "falls_by")


class Condition(Strict):
    """One of `above`, `below`, `rises_by`, `falls_by`.

    rises_by, falls_by: against the median of the last `over` windows of the same series that were no breach; nothing is
    said before there are five. clear: the value, or the change, at which it is well again; by default the threshold.
    confident: judge the end of the point's interval that is nearest to the threshold, so that chance does not fire.
    min_rows: say nothing of points that rest on fewer rows.
    """

    above: float | None = None
    below: float | None = None
    rises_by: _ChangeField | None = None
    falls_by: _ChangeField | None = None
    over: int = Field(default=20, ge=MIN_HISTORY, le=1000)
    clear: float | str | None = None
    confident: bool = False
    min_rows: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _is_one_condition(self) -> Self:
        given = [name for name in _BOUNDS if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"expected one of {', '.join(_BOUNDS)}, got {' and '.join(given) or 'none'}")
        if "over" in self.model_fields_set and not self.is_relative:
            raise ValueError(f"`over` goes with rises_by or falls_by, got it with {given[0]}")
        self._check_clear(given[0])
        return self

    def _check_clear(self, bound: str) -> None:
        if self.clear is None:
            return
        if self.is_relative:
            change, clear = getattr(self, bound), Change.parse(self.clear)
            if clear.is_share != change.is_share or clear.amount > change.amount:
                raise ValueError(f"expected `clear` to be a smaller change than {bound}: {change}, got {clear}")
        elif isinstance(self.clear, str):
            raise ValueError(f"expected `clear` to be a number, as {bound} is, got {self.clear}")
        elif self.sign * self.clear > self.sign * getattr(self, bound):
            raise ValueError(f"expected `clear` on the good side of {bound}: {getattr(self, bound)}, got {self.clear}")

    @property
    def is_relative(self) -> bool:
        """Whether values are judged against their own past."""
        return self.rises_by is not None or self.falls_by is not None

    @property
    def sign(self) -> int:
        """1 where high values are bad, -1 where low ones are."""
        return 1 if self.above is not None or self.rises_by is not None else -1

    @property
    def changes(self) -> tuple[Change, Change]:
        """The changes beyond which it is a breach and up to which it is well, of a relative condition."""
        change = self.rises_by or self.falls_by
        assert change is not None
        return change, change if self.clear is None else Change.parse(self.clear)

    def limits(self, history: Sequence[float]) -> tuple[float, float] | None:
        """Return the values beyond which it is a breach and up to which it is well; None without enough history."""
        if not self.is_relative:
            limit = self.above if self.above is not None else self.below
            assert limit is not None
            return limit, limit if self.clear is None else float(self.clear)
        if len(history) < MIN_HISTORY:
            return None
        level = statistics.median(history)
        breach, well = (level + self.sign * change.of(level) for change in self.changes)
        return breach, well

    def judge(self, point: Point, history: Sequence[float] = ()) -> Finding:
        """Say what a point means. history: earlier values of the same series.

        >>> from mlops_runtime.monitoring.points import Span
        >>> condition = Condition(above=0.25, clear=0.2)
        >>> [str(condition.judge(Point("psi", value, Span.of_seconds(0, 60), 100))) for value in (0.3, 0.22, 0.1)]
        ['breach', 'within', 'clear']
        """
        limits = self.limits(history)
        if limits is None or math.isnan(point.value) or point.n < self.min_rows:
            return Finding.UNKNOWN
        nearest = point.low if self.sign > 0 else point.high
        surely = point.value if nearest is None or not self.confident else nearest
        if self.sign * surely > self.sign * limits[0]:
            return Finding.BREACH
        return Finding.CLEAR if self.sign * point.value <= self.sign * limits[1] else Finding.WITHIN

    def __str__(self) -> str:
        """Return the condition in words, for people: `above 0.25, clear at 0.2`."""
        name = next(name for name in _BOUNDS if getattr(self, name) is not None)
        words = f"{name.replace('_', ' ')} {getattr(self, name)}"
        words += f" over {self.over} windows" if self.is_relative else ""
        return words if self.clear is None else f"{words}, clear at {self.clear}"
