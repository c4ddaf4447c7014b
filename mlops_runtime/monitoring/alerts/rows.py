"""Ids of a few rows behind an alert: those of its window that lie in the bin whose share grew most."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC

import pyarrow as pa
import pyarrow.compute as pc

from mlops_runtime.core.errors import SchemaError, problem
from mlops_runtime.monitoring.points import Point
from mlops_runtime.monitoring.report.drift import ColumnDrift
from mlops_runtime.monitoring.report.evidence import BinShares
from mlops_runtime.monitoring.state.summary import CategoricalSummary

__all__ = ["RowSource", "sample_rows"]

_TOP = 5


@dataclass(frozen=True, slots=True)
class RowSource:
    """Where rows lie. tables: gives them anew at each call, in parts. id: column of their ids. time: of their times."""

    tables: Callable[[], Iterable[pa.Table]]
    id: str
    time: str | None = None


def sample_rows(source: RowSource, column: ColumnDrift, point: Point) -> tuple[str, ...]:
    """Return the ids of the first rows of the point's window in the bin of `column` whose share grew most.

    Labels that are columns are matched, too. Where no bin grew, rows without a value. Parts that lack the column are
    passed over. Raises SchemaError when there is no column of ids or times.
    """
    found: list[str] = []
    for table in source.tables():
        for needed in (source.id, *([source.time] if source.time else [])):
            if needed not in table.column_names:
                got, where = ", ".join(table.column_names), "rows of alerts"
                next_step = "name another column"
                raise SchemaError(problem(expected=f"a column `{needed}`", got=got, where=where, next_step=next_step))
        if column.name in table.column_names:
            chosen = table.filter(_is_meant(table, source, column, point)).slice(0, _TOP - len(found))
            found += [str(value) for value in chosen.column(source.id).to_pylist()]
        if len(found) >= _TOP:
            break
    return tuple(found)


def _is_meant(table: pa.Table, source: RowSource, column: ColumnDrift, point: Point) -> pa.ChunkedArray:
    meant = _in_bin(table.column(column.name), column)
    for name, value in point.labels.items():
        if name in table.column_names:
            meant = pc.and_kleene(meant, pc.equal(pc.cast(table.column(name), pa.string()), value))
    if source.time is not None:
        at = table.column(source.time)
        zone = at.type.tz if pa.types.is_timestamp(at.type) else None
        start, end = (one.astimezone(UTC) for one in (point.span.start, point.span.end))
        bounds = [
            pa.scalar(one if zone else one.replace(tzinfo=None), pa.timestamp("us", zone)) for one in (start, end)
        ]
        at = pc.cast(at, pa.timestamp("us", zone), safe=False)
        meant = pc.and_kleene(meant, pc.and_kleene(pc.greater_equal(at, bounds[0]), pc.less(at, bounds[1])))
    return meant


def _in_bin(values: pa.ChunkedArray, column: ColumnDrift) -> pa.ChunkedArray:
    """Return whether each value lies in the bin that grew most; where none did, whether it is missing."""
    grown = max(column.moved, key=lambda bin_: bin_.current - bin_.reference, default=None)
    if grown is None or grown.current <= grown.reference:
        return pc.is_null(values, nan_is_null=True)
    if isinstance(column.reference, CategoricalSummary):
        return _in_category(_as_categories(values, column.reference), grown, column.reference)
    numbers = pc.cast(values, pa.timestamp("us")).cast(pa.int64()) if column.kind == "time" else values
    numbers = pc.cast(numbers, pa.float64(), safe=False)
    return pc.and_kleene(pc.greater(numbers, grown.low), pc.less_equal(numbers, grown.high))


def _as_categories(values: pa.ChunkedArray, reference: CategoricalSummary) -> pa.ChunkedArray:
    """Return each value as the reference writes it: integers, booleans among them, in decimal."""
    plain = values.cast(values.type.value_type) if pa.types.is_dictionary(values.type) else values
    if reference.holds == "integer" and pa.types.is_boolean(plain.type):
        plain = plain.cast(pa.int8())
    elif reference.holds == "integer" and pa.types.is_floating(plain.type):  # as CSV is read without a schema
        whole = pc.and_(pc.is_finite(plain), pc.equal(pc.trunc(plain), plain))
        plain = pc.if_else(whole, plain, None).cast(pa.int64(), safe=False)
    return pc.cast(plain, pa.string())


def _in_category(texts: pa.ChunkedArray, grown: BinShares, reference: CategoricalSummary) -> pa.ChunkedArray:
    known = grown.label in reference.categories
    if known:
        return pc.equal(texts, grown.label)
    unknown = pc.invert(pc.is_in(texts, value_set=pa.array(reference.categories, pa.string())))
    return pc.and_(pc.is_valid(texts), unknown)
