"""Rows of numbers and categories as one matrix of whole numbers, which everything multivariate is computed from.

A number counts robust standard deviations from the reference's median, a category whether the row has it; both in units
of 1/4096, so that sums and products of rows are exact integers in float64 and in any order. One value of 1e6 counts as
8 standard deviations and hides nothing. Missing counts as the centre: its share is what the column's own test looks at.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mlops_runtime.core.digest import from_hex_float, hex_float
from mlops_runtime.core.errors import SchemaError, problem
from mlops_runtime.monitoring.state.categorical import Holds
from mlops_runtime.monitoring.state.table import Kind, holds_of, is_suitable, is_time, kind_of, kinds_of

__all__ = ["UNIT", "Encoding", "plain_texts"]

F64 = NDArray[np.float64]
I16 = NDArray[np.int16]

UNIT = 4096
_LIMIT = 8 * UNIT - 1
_NORMAL_IQR = 1.3489795003921634  # of the standard normal distribution
_MOST_CATEGORIES = 8
_LEAST_SHARE = 0.01
_MOST_WIDTH = 256


@dataclass(frozen=True, slots=True)
class NumericColumn:
    """A number: (x - centre) / scale, at most 8 either way."""

    name: str
    centre: float
    scale: float

    @property
    def width(self) -> int:
        """How many columns of the matrix it takes."""
        return 1

    @classmethod
    def fit(cls, name: str, values: pa.ChunkedArray) -> NumericColumn:
        """Centre: the median. Scale: the interquartile range of a normal one; the deviation or 1 where that is 0."""
        finite = _numbers(values)
        finite = finite[np.isfinite(finite)]
        if len(finite) == 0:
            return cls(name, 0.0, 1.0)
        low, centre, high = (float(value) for value in np.quantile(finite, [0.25, 0.5, 0.75], method="lower"))
        with np.errstate(over="ignore", invalid="ignore"):
            candidates = ((high - low) / _NORMAL_IQR, float(finite.std()), 1.0)
        return cls(name, centre, next(scale for scale in candidates if 0.0 < scale < np.inf))

    def encode(self, values: pa.ChunkedArray) -> I16:
        """Return int16[rows, 1]."""
        with np.errstate(over="ignore"):
            scaled = (_numbers(values) - self.centre) / self.scale * UNIT
        whole = np.rint(np.clip(np.nan_to_num(scaled, nan=0.0, posinf=_LIMIT, neginf=-_LIMIT), -_LIMIT, _LIMIT))
        return whole.astype(np.int16)[:, None]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {"name": self.name, "centre": hex_float(self.centre), "scale": hex_float(self.scale)}


@dataclass(frozen=True, slots=True)
class CategoricalColumn:
    """A category: for each frequent one, and for all others together, whether the row has it, standardised.

    shares: of the categories and of the others, in the reference. holds: what the categories are in the data.
    """

    name: str
    categories: tuple[str, ...]
    shares: tuple[float, ...]
    holds: Holds = "string"

    @property
    def width(self) -> int:
        """How many columns of the matrix it takes."""
        return len(self.shares)

    @classmethod
    def fit(cls, name: str, values: pa.ChunkedArray) -> CategoricalColumn:
        """Keep up to 8 categories that 1 % of the rows have; of equally frequent ones the first in byte order."""
        counts = pc.value_counts(_texts(values).drop_null()).to_pylist()
        total = sum(entry["counts"] for entry in counts) or 1
        ranked = sorted(counts, key=lambda entry: (-entry["counts"], entry["values"].encode()))[:_MOST_CATEGORIES]
        kept = [entry for entry in ranked if entry["counts"] >= _LEAST_SHARE * total]
        shares = [entry["counts"] / total for entry in kept]
        names = tuple(entry["values"] for entry in kept)
        return cls(name, names, (*shares, max(0.0, 1.0 - sum(shares))), holds_of(values.type))

    def encode(self, values: pa.ChunkedArray) -> I16:
        """Return int16[rows, categories + 1]."""
        texts = _texts(values)
        found = pc.index_in(texts, value_set=pa.array(self.categories, pa.large_utf8())).combine_chunks()
        codes = found.fill_null(len(self.categories)).to_numpy().astype(np.int64)
        codes[texts.is_null().to_numpy()] = len(self.shares)
        encoded: I16 = self._rows()[codes]
        return encoded

    def _rows(self) -> I16:
        """Return int16[categories + 2, categories + 1]: what a row of each category, of another, of none has."""
        share = np.array(self.shares)
        floor = _LEAST_SHARE * (1.0 - _LEAST_SHARE)
        scaled = (np.eye(len(share)) - share) / np.sqrt(np.maximum(share * (1.0 - share), floor)) * UNIT
        whole = np.rint(np.clip(scaled, -_LIMIT, _LIMIT)).astype(np.int16)
        return np.concatenate([whole, np.zeros((1, len(share)), np.int16)])

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        shares = [hex_float(share) for share in self.shares]
        return {"name": self.name, "categories": list(self.categories), "shares": shares, "holds": self.holds}


@dataclass(frozen=True, slots=True)
class Encoding:
    """How a table becomes a matrix int16[rows, width]; fitted once, the same for every batch."""

    columns: tuple[NumericColumn | CategoricalColumn, ...]

    @property
    def width(self) -> int:
        """Columns of the matrix."""
        return sum(column.width for column in self.columns)

    @classmethod
    def fit(cls, table: pa.Table, *, categorical: Collection[str] = ()) -> Encoding:
        """Fit on the reference; times are left out, as they always move on.

        categorical: columns of integers or booleans that are names.
        Raises SchemaError for a table without a column that can be monitored, and for one that takes more than 256
        columns of the matrix; ConfigError for a name in `categorical` that is no such column.
        """
        columns: list[NumericColumn | CategoricalColumn] = []
        for name, kind in kinds_of(table.schema, categorical).items():
            if kind is not None and not is_time(table.schema.field(name).type):
                make = NumericColumn.fit if kind == "numeric" else CategoricalColumn.fit
                columns.append(make(name, table.column(name)))
        fitted = cls(tuple(columns))
        if not columns:
            got = ", ".join(str(field.type) for field in table.schema) or "no column"
            _refuse("a column of numbers or strings", got, "select others")
        if fitted.width > _MOST_WIDTH:
            expected = f"numbers (1 each) and categories (up to {_MOST_CATEGORIES + 1} each) that take {_MOST_WIDTH}"
            _refuse(expected, f"{len(columns)} columns that take {fitted.width}", "select fewer")
        return fitted

    def encode(self, table: pa.Table) -> I16:
        """Return int16[rows, width]. Raises SchemaError for a column that is missing or of another kind."""
        for column in self.columns:
            self._require(column, table.schema)
        found, place = np.empty((table.num_rows, self.width), np.int16), 0
        for column in self.columns:
            found[:, place : place + column.width] = column.encode(table.column(column.name))
            place += column.width
        return found

    def to_dict(self) -> list[dict[str, Any]]:
        """Return plain values."""
        return [column.to_dict() for column in self.columns]

    @classmethod
    def from_dict(cls, values: list[Mapping[str, Any]]) -> Encoding:
        """Read what `to_dict` wrote. Raises KeyError, TypeError or ValueError for anything else."""
        return cls(tuple(_column_of(entry) for entry in values))

    @staticmethod
    def _require(column: NumericColumn | CategoricalColumn, schema: pa.Schema) -> None:
        kind: Kind = "numeric" if isinstance(column, NumericColumn) else "categorical"
        holds = None if isinstance(column, NumericColumn) else column.holds
        if column.name not in schema.names:
            _refuse(f"a column `{column.name}`", ", ".join(schema.names[:8]) or "no column", "add it")
        found = schema.field(column.name).type
        if not is_suitable(found, kind, holds):
            _refuse(f"a {kind} column `{column.name}`", str(found), "convert it, or fit the reference again")


def _column_of(entry: Mapping[str, Any]) -> NumericColumn | CategoricalColumn:
    if "centre" in entry:
        return NumericColumn(str(entry["name"]), from_hex_float(entry["centre"]), from_hex_float(entry["scale"]))
    shares = tuple(from_hex_float(share) for share in entry["shares"])
    categories = tuple(str(category) for category in entry["categories"])
    if len(shares) != len(categories) + 1:
        raise ValueError(f"expected {len(categories) + 1} shares, got {len(shares)}")
    holds = entry.get("holds", "string")  # the only ones there were at first
    if holds not in ("string", "integer"):
        raise ValueError(f"expected categories of strings or integers, got {holds!r}")
    return CategoricalColumn(str(entry["name"]), categories, shares, holds)


def _numbers(values: pa.ChunkedArray) -> F64:
    """Return float64[rows], NaN where missing; times are microseconds since 1970, times of day a count of units."""
    plain = values.cast(values.type.value_type) if isinstance(values.type, pa.DictionaryType) else values
    if is_time(plain.type):
        plain = plain.cast(pa.timestamp("us"), safe=False).cast(pa.int64())
    elif pa.types.is_temporal(plain.type):
        plain = plain.cast(pa.int32() if plain.type.bit_width == 32 else pa.int64())
    return np.asarray(plain.cast(pa.float64(), safe=False).to_numpy(), np.float64)


def plain_texts(table: pa.Table) -> pa.Table:
    """Return the table with dictionaries and strings of polars' layout as plain strings: rows of these can be taken."""
    for place, field in enumerate(table.schema):
        entries = field.type.value_type if isinstance(field.type, pa.DictionaryType) else field.type
        if pa.types.is_string_view(entries) or (entries is not field.type and kind_of(entries) == "categorical"):
            table = table.set_column(place, field.name, _strings(table.column(place)))
    return table


def _strings(values: pa.ChunkedArray) -> pa.ChunkedArray:
    if not isinstance(values.type, pa.DictionaryType):
        return values.cast(pa.large_utf8())
    chunks = [
        pa.DictionaryArray.from_arrays(chunk.indices, chunk.dictionary.cast(pa.large_utf8())).cast(pa.large_utf8())
        for chunk in values.chunks
    ]
    return pa.chunked_array(chunks, pa.large_utf8())


def _texts(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return strings, the empty one missing; of a boolean 0 or 1."""
    texts = _strings(values.cast(pa.int8()) if pa.types.is_boolean(values.type) else values)
    return pc.if_else(pc.equal(texts, ""), pa.scalar(None, pa.large_utf8()), texts)


def _refuse(expected: str, got: str, next_step: str) -> None:
    where = "the table of the multivariate statistics"
    raise SchemaError(problem(expected=expected, got=got, where=where, next_step=next_step))
