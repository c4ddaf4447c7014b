"""What a sketch says of a column: figures with their errors, small enough to keep beside the data for ever."""

from __future__ import annotations

import datetime as dt
import itertools
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, model_validator

from mlops_runtime.core.digest import from_hex_float, hex_float
from mlops_runtime.data.schema import ColumnKind

__all__ = ["QUANTILES", "TOP", "ColumnSketch", "KeySketch", "NumberSketch", "StrictModel", "time_text"]

QUANTILES = 256
TOP = 256

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def _read_float(value: Any) -> Any:
    return from_hex_float(value) if isinstance(value, str) else value


HexFloat = Annotated[float, BeforeValidator(_read_float), PlainSerializer(hex_float, return_type=str)]
Share = Annotated[HexFloat, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]


class StrictModel(BaseModel):
    """Frozen, typed exactly, without unknown fields; floats are finite, and hexadecimal in JSON."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)


class NumberSketch(StrictModel):
    """The finite values of a column as float64; of times their microseconds since 1970, of lists their lengths.

    minimum, maximum, mean, deviation (divisor n): exact, rounded once; None without values. quantiles: 257 values of
    the sample, the least i/256 of it is not above the i-th; empty without values. sampled: its size; equal to `count`,
    the sample is all there is. error: of a share read from the quantiles, at 99 % for all at once, beyond their step.
    """

    count: Count
    positive_infinite: Count
    negative_infinite: Count
    minimum: HexFloat | None
    maximum: HexFloat | None
    mean: HexFloat | None
    deviation: HexFloat | None
    quantiles: tuple[HexFloat, ...]
    sampled: Count
    error: Share

    @model_validator(mode="after")
    def _is_consistent(self) -> NumberSketch:
        figures = (self.minimum, self.maximum, self.mean)
        present = self.count > 0
        if len(self.quantiles) != (QUANTILES + 1 if present else 0) or any((f is None) == present for f in figures):
            raise ValueError("quantiles and moments are there if and only if there are values")
        if any(a > b for a, b in itertools.pairwise(self.quantiles)):
            raise ValueError("quantiles do not ascend")
        if self.sampled > self.count:
            raise ValueError("more values in the sample than there are")
        return self

    def shares_up_to(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the share of the sample that is at most each x, rounded down to a multiple of 1/256.

        >>> moments = {"minimum": 1.0, "maximum": 2.0, "mean": 1.5, "deviation": 0.5}
        >>> counts = {"count": 2, "positive_infinite": 0, "negative_infinite": 0, "sampled": 2, "error": 0.0}
        >>> sketch = NumberSketch(**moments, **counts, quantiles=(1.0,) * 129 + (2.0,) * 128)
        >>> sketch.shares_up_to(np.array([0.0, 1.0, 2.0])).tolist()
        [0.0, 0.5, 1.0]
        """
        return np.maximum(np.searchsorted(np.array(self.quantiles), x, "right") - 1, 0) / QUANTILES

    @property
    def present(self) -> int:
        """How many values there are, infinite ones included."""
        return self.count + self.positive_infinite + self.negative_infinite


class KeySketch(StrictModel):
    """The most frequent texts or whole numbers of a column; of lists, their elements.

    present: how many there are. top: at most 256 keys with their counts, most frequent first; a key of more than 128
    characters is cut and marked with its digest. complete: these are all keys. error: of a count over `present`, for
    every key at once at 99 % (twice DKW's bound); 0 for exact counts, 1 for no bound (elements of sampled lists).
    """

    present: Count
    top: tuple[tuple[str, Count], ...] = Field(max_length=TOP)
    complete: bool
    error: Share

    @model_validator(mode="after")
    def _is_consistent(self) -> KeySketch:
        if len({key for key, _ in self.top}) < len(self.top):
            raise ValueError("a key is listed twice")
        if any(a < b for (_, a), (_, b) in itertools.pairwise(self.top)):
            raise ValueError("counts do not descend")
        if self.error == 0 and (sum(count for _, count in self.top) > self.present):
            raise ValueError("more keys than values")
        return self


class ColumnSketch(StrictModel):
    """One column. distinct: its different values (of lists: elements); distinct_error: relative, at 99 %, 0: exact."""

    name: str
    kind: ColumnKind
    rows: Count
    missing: Count
    distinct: Count
    distinct_error: Share
    numbers: NumberSketch | None
    keys: KeySketch | None

    @model_validator(mode="after")
    def _counts_add_up(self) -> ColumnSketch:
        if self.numbers and self.numbers.present + self.missing != self.rows:
            raise ValueError(f"column `{self.name}`: values and missing values are not {self.rows} rows")
        if self.keys and not self.kind.endswith("_list") and self.keys.present + self.missing != self.rows:
            raise ValueError(f"column `{self.name}`: keys and missing values are not {self.rows} rows")
        return self

    @property
    def missing_share(self) -> float:
        """Missing values over rows."""
        return self.missing / self.rows if self.rows else 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values to read: numbers as numbers, times as ISO 8601 texts."""
        values = self.model_dump(mode="python") | {"missing_share": self.missing_share}
        if self.kind == "timestamp" and self.numbers:
            times = {name: time_text(getattr(self.numbers, name)) for name in ("minimum", "mean", "maximum")}
            values["numbers"] |= times | {"quantiles": [time_text(value) for value in self.numbers.quantiles]}
        return values


def time_text(microseconds: float | None) -> str | float | None:
    """Return a time as ISO 8601 text; as it is when no calendar has it.

    >>> time_text(0.0)
    '1970-01-01T00:00:00+00:00'
    """
    if microseconds is None:
        return None
    try:
        return (_EPOCH + dt.timedelta(microseconds=round(microseconds))).isoformat()
    except OverflowError:
        return microseconds
