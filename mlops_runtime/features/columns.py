"""From a conformed table to what the kernels read: numbers, whole-number codes, texts and lists."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlops_runtime._native import ArrowTable
from mlops_runtime.core.errors import SchemaError, problem
from mlops_runtime.data import Schema
from mlops_runtime.data.schema import listed

__all__ = ["InputColumns", "Reading", "check_readings"]

_NOT_A_CODE = int(np.iinfo(np.int64).min)  # no whole number's: keys of number columns are at most 2**53 in magnitude

_READABLE: dict[str, tuple[str, ...]] = {
    "value": ("number", "integer", "timestamp"),
    "time": ("timestamp",),
    "code": ("string", "number", "integer"),
    "text": ("string",),
    "list": ("string_list", "integer_list"),
}


@dataclass(frozen=True, slots=True)
class Reading:
    """How a column is read: as a float64 `value`, a `time`, a `code` (a key), a `text` of tokens or a `list`."""

    column: str
    how: Literal["value", "time", "code", "text", "list"]


def check_readings(schema: Schema, readings: Iterable[Reading], *, where: str) -> None:
    """Raise SchemaError, saying `where`, for a column that is not in the schema or cannot be read that way."""
    for reading in readings:
        column, kinds = schema.column(reading.column), _READABLE[reading.how]
        if column.kind not in kinds:
            raise SchemaError(
                problem(
                    expected=f"a column of kind {' or '.join(kinds)}, to be read as a {reading.how}",
                    got=f"`{column.name}` of kind {column.kind}",
                    where=where,
                    next_step="give it a feature of another kind, or declare the column's kind in the schema",
                )
            )


class InputColumns:
    """Where the kernels find each column of a schema: once as it is, and numbers that are codes once more as int64.

    Values that are no whole number share one code: a key like any other if the fit saw one of them, else unseen.

    >>> from mlops_runtime.data import Column
    >>> columns = InputColumns(Schema((Column("a", "number"),)), (Reading("a", "value"), Reading("a", "code")))
    >>> columns.position(Reading("a", "value")), columns.position(Reading("a", "code"))
    (0, 1)
    >>> columns.arrow(pa.table({"a": [1.0, 2.5]})).column(1).to_pylist()
    [1, -9223372036854775808]
    """

    def __init__(self, schema: Schema, readings: Iterable[Reading]) -> None:
        codes = {reading.column for reading in readings if reading.how == "code"}
        self._schema = schema
        self._values = {name: position for position, name in enumerate(schema.names)}
        self._codes = {
            column.name: len(schema.columns) + position
            for position, column in enumerate(c for c in schema.columns if c.kind == "number" and c.name in codes)
        }

    def position(self, reading: Reading) -> int:
        """Return the place of a column, read that way, in `arrow`'s and `native`'s tables."""
        if reading.how == "code" and reading.column in self._codes:
            return self._codes[reading.column]
        return self._values[reading.column]

    def arrow(self, table: pa.Table) -> pa.Table:
        """Return the columns with times as microseconds since 1970 and float codes as int64.

        Raises SchemaError when the table lacks a column.
        """
        names = self._schema.names
        missing = set(names) - set(table.column_names)
        if missing:
            raise SchemaError(
                problem(
                    expected=f"columns {listed(names)}",
                    got=f"no {listed(sorted(missing, key=names.index))}",
                    where="feature input",
                    next_step="conform the table to the program's schema first",
                )
            )
        if not names:
            return table.select([])
        values = [_plain(table.column(name)) for name in names]
        codes = [_codes(table.column(name)) for name in self._codes]
        return pa.Table.from_arrays([*values, *codes], names=[*names, *self._codes])

    def native(self, table: pa.Table) -> ArrowTable:
        """Return a zero-copy native view of `arrow`."""
        return ArrowTable(self.arrow(table))


def _plain(values: pa.ChunkedArray) -> pa.ChunkedArray:
    return values.cast(pa.int64()) if pa.types.is_timestamp(values.type) else values


def _codes(values: pa.ChunkedArray) -> pa.ChunkedArray:
    if not pa.types.is_floating(values.type):
        return values
    exact = values.cast(pa.float64())
    present = pc.if_else(pc.is_nan(exact), None, exact)
    is_code = pc.and_(pc.equal(pc.floor(present), present), pc.less_equal(pc.abs(present), 2.0**53))
    return pc.if_else(is_code, present, float(_NOT_A_CODE)).cast(pa.int64())
