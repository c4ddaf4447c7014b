"""What a data set promises: declared per column and for the whole, in Python or YAML.

columns:
  - {name: age, kind: number, minimum: 0, maximum: 120, maximum_missing_share: 0.1}
  - {name: plan, kind: string, nullable: false, allowed: [basic, gold]}
  - {name: seen, kind: timestamp, maximum_age_h: 48}
keys: [[customer, seen]]
minimum_rows: 1000
"""

from __future__ import annotations

import datetime as dt
import math
import sys
from typing import Annotated, Any, Literal

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, field_validator, model_validator

from mlops_runtime.core.digest import canonical_json, sha256_bytes
from mlops_runtime.core.document import Strict, YamlDocument
from mlops_runtime.data.schema import DEFAULT_NULL_TOKENS, Column, ColumnKind, Schema, repeated_names

__all__ = ["Bound", "ColumnContract", "Contract", "whole_match"]

Bound = int | float | dt.datetime

_ORDERED = ("number", "integer", "timestamp")
_WHOLE = (-(2**63), 2**64 - 1)
_GREATEST_NUMBER = int(sys.float_info.max)
_Length = Annotated[int, Field(ge=0, lt=2**63)]
_KIND_TYPES: dict[ColumnKind, tuple[type, ...]] = {
    "number": (int, float),
    "timestamp": (dt.datetime,),
    "string": (str,),
}
_KIND_WORDS: dict[ColumnKind, str] = {
    "number": "number",
    "integer": "whole number of at most 64 bits",
    "timestamp": "time (ISO 8601)",
    "string": "text",
}


def whole_match(pattern: str) -> str:
    """Return the RE2 expression that matches a text when `pattern` matches all of it."""
    return rf"\A(?:{pattern})\z"


class ColumnContract(Strict):
    """What one column promises. A rule about values makes rows bad; one marked (set) makes the data set bad.

    kind: every value can be read as it. nullable: false makes a row without a value bad. finite: infinite numbers are
    bad. minimum, maximum and their exclusive forms: of numbers and times (a time without zone is in UTC). allowed: the
    only values. pattern: an RE2 expression that the whole text matches. minimum_length, maximum_length: of a text in
    code points, of a list in elements. unique: the second and every later row with a value is bad. order: a value below
    (strictly: or equal to) one in an earlier row is bad.
    (set) required: the column exists. maximum_missing_share: of the rows that can be decoded. maximum_age_h: the newest
    time that is not in the future is at most so many hours old.
    """

    name: str = Field(min_length=1)
    kind: ColumnKind
    required: bool = True
    nullable: bool = True
    maximum_missing_share: float | None = Field(default=None, ge=0, le=1)
    finite: bool = False
    minimum: Bound | None = None
    exclusive_minimum: Bound | None = None
    maximum: Bound | None = None
    exclusive_maximum: Bound | None = None
    allowed: tuple[str | int | float, ...] | None = Field(default=None, min_length=1)
    pattern: str | None = None
    minimum_length: _Length | None = None
    maximum_length: _Length | None = None
    unique: bool = False
    order: Literal["increasing", "strictly_increasing"] | None = None
    maximum_age_h: float | None = Field(default=None, ge=0)

    @field_validator("minimum", "exclusive_minimum", "maximum", "exclusive_maximum", mode="before")
    @classmethod
    def _read_time(cls, value: Any) -> Any:
        """Take times as ISO 8601 texts and as YAML's own; without a zone they are in UTC."""
        if isinstance(value, str):
            value = dt.datetime.fromisoformat(value)
        elif isinstance(value, dt.date) and not isinstance(value, dt.datetime):
            value = dt.datetime.combine(value, dt.time())
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError("a bound is finite")
        return value.replace(tzinfo=value.tzinfo or dt.UTC) if isinstance(value, dt.datetime) else value

    @field_validator("allowed", mode="before")
    @classmethod
    def _quoted_words(cls, allowed: Any) -> Any:
        if isinstance(allowed, tuple) and any(isinstance(value, bool) for value in allowed):
            raise ValueError("without quotes YAML reads yes, no, on, off, true and false as truth values: quote them")
        return allowed

    @field_validator("pattern")
    @classmethod
    def _pattern_is_re2(cls, pattern: str | None) -> str | None:
        if pattern is not None:
            try:
                for expression in (pattern, whole_match(pattern)):
                    pc.match_substring_regex(pa.array([""]), expression)
            except pa.ArrowInvalid as error:
                raise ValueError(f"no RE2 expression: {error}") from error
        return pattern

    @model_validator(mode="after")
    def _rules_fit_the_kind(self) -> ColumnContract:
        bounds = (self.minimum, self.exclusive_minimum, self.maximum, self.exclusive_maximum)
        given = [bound for bound in bounds if bound is not None]
        wrong = {
            "a bound": bool(given) and self.kind not in _ORDERED,
            "`order`": self.order is not None and self.kind not in _ORDERED,
            "`pattern`": self.pattern is not None and self.kind != "string",
            "`finite`": self.finite and self.kind != "number",
            "`maximum_age_h`": self.maximum_age_h is not None and self.kind != "timestamp",
            "`unique`": self.unique and self.kind.endswith("_list"),
            "`allowed`": self.allowed is not None and self.kind in ("timestamp", "string_list", "integer_list"),
            "a length": (self.minimum_length, self.maximum_length) != (None, None) and self.kind in _ORDERED,
        }
        for rule, misplaced in wrong.items():
            if misplaced:
                raise ValueError(f"{rule} means nothing for kind {self.kind}")
        if not all(_is_of_kind(bound, self.kind) for bound in given):
            raise ValueError(f"a bound of kind {self.kind} is a {_KIND_WORDS[self.kind]}")
        wrong_values = [value for value in self.allowed or () if not _is_of_kind(value, self.kind)]
        if wrong_values:
            raise ValueError(f"allowed value {wrong_values[0]!r} is no {_KIND_WORDS[self.kind]}")
        self._check_order_of_bounds()
        return self

    def _check_order_of_bounds(self) -> None:
        lows, highs = ((self.minimum, self.exclusive_minimum), (self.maximum, self.exclusive_maximum))
        ranges = [(low, high, bool(a or b)) for a, low in enumerate(lows) for b, high in enumerate(highs)]
        _check_ranges(*ranges, (self.minimum_length, self.maximum_length, False))


def _check_ranges(*ranges: tuple[Any, Any, bool]) -> None:
    """Refuse a range (least, most, whether one of them is left out) that holds nothing."""
    for low, high, is_open in ranges:
        if low is not None and high is not None and (low > high or (is_open and low == high)):
            raise ValueError(f"nothing is between {low} and {high}" if low == high else f"{low} is above {high}")


def _is_of_kind(value: Any, kind: ColumnKind) -> bool:
    if kind == "integer":
        return type(value) is int and _WHOLE[0] <= value <= _WHOLE[1]
    if type(value) is int and abs(value) > _GREATEST_NUMBER:
        return False
    return type(value) in _KIND_TYPES.get(kind, ())


class Contract(
    YamlDocument,
    form="`columns:` with a list of entries that have a name, a kind and rules",
    next_step="compare with the file that `mlrt data contract` writes",
):
    """What a data set promises; everything but `columns` has a default that promises nothing.

    keys: in each group of columns no two rows are the same; a row with a missing part is not compared; the second and
    every later row is bad. minimum_rows, maximum_rows (set): of all rows, bad ones included. extra_columns (set):
    whether columns that are not named here may exist. trim, null_tokens: how raw text is read, as in `Schema`.

    >>> contract = Contract(columns=(ColumnContract(name="age", kind="number", minimum=0),))
    >>> Contract.from_yaml(contract.to_yaml()) == contract
    True
    """

    columns: tuple[ColumnContract, ...] = Field(min_length=1)
    keys: tuple[tuple[str, ...], ...] = ()
    minimum_rows: int | None = Field(default=None, ge=0)
    maximum_rows: int | None = Field(default=None, ge=0)
    extra_columns: Literal["allow", "refuse"] = "allow"
    trim: bool = True
    null_tokens: tuple[str, ...] = DEFAULT_NULL_TOKENS

    @model_validator(mode="after")
    def _names_are_known(self) -> Contract:
        names = [column.name for column in self.columns]
        if repeated := repeated_names(names):
            raise ValueError(f"column {', '.join(map(repr, repeated))} is declared more than once")
        _check_ranges((self.minimum_rows, self.maximum_rows, False))
        for key in self.keys:
            lists = {column.name for column in self.columns if column.kind.endswith("_list")}
            if not key or repeated_names(key) or not set(key) <= set(names) - lists:
                raise ValueError(f"key {list(key)!r} is not a group of distinct declared columns without lists")
        return self

    @property
    def table_schema(self) -> Schema:
        """The declared columns as a schema."""
        columns = (Column(column.name, column.kind, column.nullable) for column in self.columns)
        return Schema(tuple(columns), self.trim, self.null_tokens)

    @property
    def digest(self) -> str:
        """SHA-256 of the contract's canonical JSON, in lower-case hex: which promise a report is about."""
        return sha256_bytes(canonical_json(_exact(self.model_dump(mode="json", exclude_defaults=True))))


def _exact(value: Any) -> Any:
    """Numbers as canonical JSON can hold them: exactly, as texts."""
    if isinstance(value, dict):
        return {key: _exact(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_exact(entry) for entry in value]
    if isinstance(value, bool) or value is None:
        return value
    return value.hex() if isinstance(value, float) else str(value)
