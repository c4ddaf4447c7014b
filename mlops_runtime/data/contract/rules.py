"""Rules about rows: each looks at the readings of a batch and says which rows break it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mlops_runtime.data.contract.model import Bound, ColumnContract, Contract, whole_match
from mlops_runtime.data.contract.repeats import Repeats
from mlops_runtime.data.contract.values import Mask, Reading, codes_of
from mlops_runtime.data.schema import ColumnKind, listed

__all__ = ["Readings", "RowRule", "row_rules"]

Readings = Mapping[str, Reading]
_Test = Callable[[pa.Array], pa.BooleanArray]

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class RowRule:
    """One promise about rows. name: `column.rule`, the reason in a quarantine file. columns: what it reads.

    broken: bool[rows] of the next batch; batches come in order, for a rule may remember what it saw.
    """

    name: str
    columns: tuple[str, ...]
    expected: str
    broken: Callable[[Readings], Mask]


def row_rules(contract: Contract) -> tuple[RowRule, ...]:
    """Return fresh rules of every column, then of every key."""
    rules = [rule for column in contract.columns for rule in _column_rules(column)]
    for key in contract.keys:
        name = f"key({', '.join(key)})"
        rules.append(RowRule(name, key, "no row like an earlier one", _repeats(key)))
    return tuple(rules)


def _column_rules(column: ColumnContract) -> Iterator[RowRule]:
    name = column.name

    def rule(suffix: str, expected: str, broken: Callable[[Readings], Mask]) -> RowRule:
        return RowRule(f"{name}.{suffix}", (name,), expected, broken)

    yield rule("kind", f"kind {column.kind}", lambda readings: readings[name].unreadable)
    if not column.nullable:
        yield rule("nullable", "a value", lambda readings: readings[name].missing)
    for suffix, expected, test in _value_tests(column):
        yield rule(suffix, expected, partial(_where_true, name, test))
    if column.order is not None:
        strict = column.order == "strictly_increasing"
        expected = "above every earlier value" if strict else "no value below an earlier one"
        yield rule("order", expected, _Order(name, column.kind, strict=strict))
    if column.unique:
        yield rule("unique", "no earlier row with the value", _repeats((name,)))


def _value_tests(column: ColumnContract) -> Iterator[tuple[str, str, _Test]]:
    """Yield name, expectation and test of the rules that look at one value; a test is true where the rule is broken."""
    if column.finite:
        yield "finite", "a finite number", lambda values: pc.is_inf(_as_number(values))
    for suffix, words, compare in _BOUNDS:
        bound = getattr(column, suffix)
        if bound is not None:
            yield suffix, f"{words} {_shown(bound)}", partial(_beyond, column.kind, compare, bound)
    if column.allowed is not None:
        yield "allowed", f"one of {listed(map(str, column.allowed), limit=_SHOWN)}", _not_among(column)
    if column.pattern is not None:
        pattern = whole_match(column.pattern)
        yield "pattern", f"match of {column.pattern}", lambda texts: pc.invert(pc.match_substring_regex(texts, pattern))
    length = pc.utf8_length if column.kind == "string" else pc.list_value_length
    unit = "characters" if column.kind == "string" else "elements"
    if column.minimum_length is not None:
        least = column.minimum_length
        yield "minimum_length", f"at least {least} {unit}", lambda values: pc.less(length(values), least)
    if column.maximum_length is not None:
        most = column.maximum_length
        yield "maximum_length", f"at most {most} {unit}", lambda values: pc.greater(length(values), most)


_Compare = Callable[[pa.Array, pa.Scalar], pa.BooleanArray]
_BOUNDS: tuple[tuple[str, str, _Compare], ...] = (
    ("minimum", "at least", pc.less),
    ("exclusive_minimum", "above", pc.less_equal),
    ("maximum", "at most", pc.greater),
    ("exclusive_maximum", "below", pc.greater_equal),
)


def _beyond(kind: str, compare: _Compare, bound: Bound, values: pa.Array) -> pa.BooleanArray:
    """Compare with a bound: numbers as float64, whole numbers and times exactly."""
    if kind == "number":
        return compare(_as_number(values), pa.scalar(float(bound), pa.float64()))  # type: ignore[arg-type]
    try:
        limit = pa.scalar(bound, values.type)
    except (pa.ArrowInvalid, OverflowError):  # beyond the type: every value is on the same side of it
        every = (compare in (pc.less, pc.less_equal)) == (bound > 0)  # type: ignore[operator]
        return pa.array(np.full(len(values), every))
    return compare(values, limit)


def _not_among(column: ColumnContract) -> _Test:
    def test(values: pa.Array) -> pa.BooleanArray:
        numbers = _as_number(values) if column.kind == "number" else values
        return pc.invert(pc.is_in(numbers, value_set=_value_set(column.allowed or (), numbers.type)))

    return test


def _value_set(allowed: tuple[Any, ...], data_type: pa.DataType) -> pa.Array:
    """Those of the allowed values that the type can hold; the others are in no column of it."""
    if pa.types.is_integer(data_type):
        low, high = (0, 2**64 - 1) if pa.types.is_uint64(data_type) else (-(2**63), 2**63 - 1)
        allowed = tuple(value for value in allowed if low <= value <= high)
    return pa.array(list(map(float, allowed)) if pa.types.is_floating(data_type) else allowed, data_type)


def _where_true(name: str, test: _Test, readings: Readings) -> Mask:
    """Apply a test to a column: to each distinct text once. A missing value breaks no rule about values."""
    reading = readings[name]
    values = reading.values
    if not pa.types.is_dictionary(values.type):
        broken: Mask = test(values).fill_null(False).to_numpy(zero_copy_only=False)
    else:
        distinct = np.append(test(values.dictionary).fill_null(False).to_numpy(zero_copy_only=False), False)
        broken = distinct[codes_of(values.indices)]
    return broken & ~(reading.missing | reading.unreadable)


def _as_number(values: pa.Array) -> pa.Array:
    return values.cast(pa.float64(), safe=False)


def _shown(bound: Bound) -> str:
    return bound.isoformat() if isinstance(bound, dt.datetime) else str(bound)


def _repeats(names: tuple[str, ...]) -> Callable[[Readings], Mask]:
    repeats = Repeats()
    return lambda readings: repeats.update([readings[name] for name in names])


class _Order:
    """Rows whose value is below (strictly: not above) the greatest of the rows before."""

    def __init__(self, name: str, kind: ColumnKind, *, strict: bool) -> None:
        self._name = name
        self._kind = kind
        self._below = np.less_equal if strict else np.less
        self._greatest: int | float | None = None

    def __call__(self, readings: Readings) -> Mask:
        reading = readings[self._name]
        broken = np.zeros(len(reading.values), np.bool_)
        rows = np.flatnonzero(~(reading.missing | reading.unreadable))
        if not len(rows):
            return broken
        numbers = self._numbers(reading.values.take(pa.array(rows)))
        greatest = np.maximum.accumulate(numbers)
        broken[rows[1:]] = self._below(numbers[1:], greatest[:-1])
        if self._greatest is not None:  # of Python's type: a whole number may be beyond those of this batch
            broken[rows] |= self._below(numbers, self._greatest)
        last = greatest[-1].item()
        self._greatest = last if self._greatest is None else max(self._greatest, last)
        return broken

    def _numbers(self, values: pa.Array) -> NDArray[Any]:
        if self._kind == "number":
            values = _as_number(values)
        elif self._kind == "timestamp":
            values = values.cast(pa.int64())
        numbers: NDArray[Any] = values.to_numpy(zero_copy_only=False)
        return numbers
