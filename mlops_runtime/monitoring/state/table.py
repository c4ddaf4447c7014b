"""From an Arrow table to what the kernels count: two kinds of columns, numbers and strings."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import pyarrow as pa

from mlops_runtime import _native
from mlops_runtime.core.errors import ConfigError, SchemaError, problem
from mlops_runtime.monitoring.state.categorical import Holds

__all__ = [
    "Kind",
    "Layout",
    "any_table",
    "as_table",
    "holds_of",
    "is_suitable",
    "is_time",
    "kind_of",
    "kinds_of",
    "require_distinct",
]

Kind = Literal["numeric", "categorical"]

_MICROSECONDS = pa.timestamp("us")
_COPIED_VALUES = 1 << 20  # of 8 bytes: what conversions hold at once


def as_table(data: object) -> pa.Table:
    """Return any object with `__arrow_c_stream__` (pyarrow, polars, pandas, duckdb …) as a table, without a copy.

    Raises SchemaError for anything else, and when a column's name occurs twice.
    """
    table = any_table(data)
    require_distinct(table.schema)
    return table


def any_table(data: object) -> pa.Table:
    """Return the same, its names not looked at. Raises SchemaError for what is not Arrow-able."""
    if isinstance(data, pa.Table):
        return data
    if isinstance(data, pa.RecordBatch):
        return pa.Table.from_batches([data])
    if not hasattr(data, "__arrow_c_stream__"):
        got = type(data).__name__
        raise SchemaError(
            problem(expected="an Arrow-able table", got=got, where="monitoring", next_step="pass pyarrow.table(...)")
        )
    return pa.table(data)


def require_distinct(schema: pa.Schema) -> None:
    """Raise SchemaError when a column's name occurs twice."""
    names = schema.names
    if len(set(names)) != len(names):
        got = ", ".join(sorted({f"`{name}` twice" for name in names if names.count(name) > 1}))
        raise SchemaError(
            problem(expected="one column of each name", got=got, where="monitoring", next_step="rename or drop one")
        )


def kind_of(arrow: pa.DataType) -> Kind | None:
    """Return how a column of this Arrow type is monitored; None for types that are not (lists, structs, binary)."""
    plain = _plain(arrow)
    if _is_text(plain):
        return "categorical"
    number = any(holds(plain) for holds in (pa.types.is_boolean, pa.types.is_integer, pa.types.is_floating))
    special = any(holds(arrow) for holds in (pa.types.is_decimal, pa.types.is_null, pa.types.is_temporal))
    return "numeric" if number or special else None


def kinds_of(schema: pa.Schema, categorical: Collection[str]) -> dict[str, Kind | None]:
    """Return how each column is monitored; `categorical`: integers and booleans to count as categories.

    Raises ConfigError for a name that is no such column.
    """
    found = {field.name: kind_of(field.type) for field in schema}
    for name in categorical:
        if name not in found or not (_is_whole(schema.field(name).type) or found[name] == "categorical"):
            got = f"`{name}` {schema.field(name).type}" if name in found else f"no column `{name}`"
            next_step = "cast the column to strings, or leave it out"
            raise ConfigError(
                problem(expected="integers, booleans or strings", got=got, where="categorical", next_step=next_step)
            )
    return found | dict.fromkeys(categorical, "categorical")


def holds_of(arrow: pa.DataType) -> Holds:
    """Return what the categories of a categorical column are."""
    return "string" if _is_text(_plain(arrow)) else "integer"


def is_suitable(arrow: pa.DataType, kind: Kind, holds: Holds | None) -> bool:
    """Whether a column can be counted over a reference of this kind, whose categories are `holds`; all nulls always."""
    if pa.types.is_null(arrow):
        return True
    return _is_whole(arrow) if holds == "integer" else kind_of(arrow) == kind


def _plain(arrow: pa.DataType) -> pa.DataType:
    return arrow.value_type if isinstance(arrow, pa.DictionaryType) else arrow


def _is_text(plain: pa.DataType) -> bool:
    return bool(pa.types.is_string(plain) or pa.types.is_large_string(plain) or pa.types.is_string_view(plain))


def _is_whole(arrow: pa.DataType) -> bool:
    return bool(pa.types.is_integer(_plain(arrow)) or pa.types.is_boolean(_plain(arrow)))


def is_time(arrow: pa.DataType) -> bool:
    """Whether values of this Arrow type are points in time: dates and timestamps."""
    return bool(pa.types.is_timestamp(arrow) or pa.types.is_date(arrow))


@dataclass(frozen=True, slots=True)
class Layout:
    """Which columns of a schema to hand to the kernels, and as what; made once per schema, used for every batch.

    conversions: by position among `names`, the types to cast to first, in turn. Times become microseconds since 1970,
    whatever their unit, times of day and durations their count of units, decimals and all-null numbers float64; other
    columns are not copied. is_whole: whether these are all columns, as they are.
    """

    names: tuple[str, ...]
    conversions: Mapping[int, tuple[pa.DataType, ...]]
    is_whole: bool = False

    @classmethod
    def of(cls, schema: pa.Schema, kinds: Mapping[str, Kind]) -> Layout:
        """Choose the columns in `kinds`, in the schema's order."""
        names = tuple(name for name in schema.names if name in kinds)
        targets = {place: _conversion(schema.field(name).type, kinds[name]) for place, name in enumerate(names)}
        conversions = {place: steps for place, steps in targets.items() if steps}
        return cls(names, conversions, is_whole=not conversions and len(names) == len(schema))

    def chosen(self, table: pa.Table) -> pa.Table:
        """Return the columns `names`, converted."""
        if self.is_whole:
            return table
        chosen = table.select(list(self.names))
        for place, steps in self.conversions.items():
            values = chosen.column(place)
            for target in steps:
                values = values.cast(target, safe=not is_time(target))
            chosen = chosen.set_column(place, self.names[place], values)
        return chosen

    def view(self, table: pa.Table) -> _native.ArrowTable:
        """Return the kernels' view of the columns, in the order of `names`."""
        return _native.ArrowTable(self.chosen(table))

    def views(self, table: pa.Table) -> Iterator[_native.ArrowTable]:
        """Yield views of all rows: of the whole when nothing is copied, else of some at a time, to bound the copies."""
        step = max(_COPIED_VALUES // max(len(self.conversions), 1), 1024) if self.conversions else table.num_rows
        for begin in range(0, max(table.num_rows, 1), max(step, 1)):
            yield self.view(table.slice(begin, step) if step < table.num_rows else table)


def _conversion(arrow: pa.DataType, kind: Kind) -> tuple[pa.DataType, ...]:
    if pa.types.is_null(arrow):
        return (pa.float64(),) if kind == "numeric" else ()
    if pa.types.is_decimal(arrow):
        return (pa.float64(),)
    if is_time(arrow):
        return (_MICROSECONDS, pa.int64())
    if pa.types.is_temporal(arrow):
        return (pa.int32() if arrow.bit_width == 32 else pa.int64(),)
    return (arrow.value_type,) if isinstance(arrow, pa.DictionaryType) and not _is_text(arrow.value_type) else ()
