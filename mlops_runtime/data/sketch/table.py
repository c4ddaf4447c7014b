"""The sketch of a data set while its batches go by."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlops_runtime._native import ArrowTable
from mlops_runtime.core.errors import SchemaError, problem
from mlops_runtime.data.batch import Batch
from mlops_runtime.data.conform import is_text
from mlops_runtime.data.lists import is_list
from mlops_runtime.data.schema import Column, Schema, listed
from mlops_runtime.data.sketch.column import Keys, Numbers
from mlops_runtime.data.sketch.distinct import DistinctSample
from mlops_runtime.data.sketch.model import ColumnSketch
from mlops_runtime.data.sketch.rows import RowSample

__all__ = ["TableSketch"]


class TableSketch:
    """One state for every column: numbers for all but texts, keys for texts, whole numbers beyond 2**53 and lists.

    Sketches of parts of a data set merge to the sketch of the whole, in any order. Memory: some 2 MB a column, the keys
    of up to 16,384 distinct texts, and 131,072 sampled rows of the columns with keys.
    """

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._columns = [_ColumnState(column) for column in schema.columns]
        self._sample = RowSample()
        self._sampled = [column.name for column in schema.columns if _has_keys(column)]

    def update(self, batch: Batch) -> None:
        """Add conformed rows."""
        for state in self._columns:
            state.update(batch.table.column(state.column.name))
        numeric = [state for state in self._columns if state.numbers is not None]
        for run in batch.runs() if numeric else ():
            columns = {state.column.name: _as_numbers(run.table.column(state.column.name)) for state in numeric}
            native = ArrowTable(pa.table(columns))
            for position, state in enumerate(numeric):
                if state.numbers is not None:
                    state.numbers.update(native, position, run.first_row)
        if self._sampled:
            self._sample.update(batch.table.select(self._sampled), batch.row_numbers())

    def merge(self, other: TableSketch) -> None:
        """Add what a sketch of other rows has seen. Raises SchemaError when their schema was another."""
        if other._schema != self._schema:
            raise SchemaError(
                problem(
                    expected=f"a sketch of columns {listed(self._schema.names)}, read alike",
                    got=f"one of {listed(other._schema.names)}",
                    where="TableSketch.merge",
                    next_step="sketch all parts with one schema",
                )
            )
        for mine, theirs in zip(self._columns, other._columns, strict=True):
            mine.merge(theirs)
        self._sample.merge(other._sample)

    def freeze(self) -> tuple[ColumnSketch, ...]:
        """Return the columns' sketches, in the schema's order."""
        rows = self._sample.rows()
        return tuple(state.freeze(rows) for state in self._columns)


class _ColumnState:
    """One column: its numbers, or its keys, or both; what has no keys counts its distinct values itself."""

    def __init__(self, column: Column) -> None:
        self.column = column
        self.numbers = Numbers() if column.kind != "string" else None
        self._keys = Keys() if _has_keys(column) else None
        self._distinct = DistinctSample()
        self._rows = 0

    def update(self, values: pa.ChunkedArray) -> None:
        self._rows += len(values)
        if self._keys is not None:
            self._keys.update(_key_values(values))
        else:
            self._distinct.update(_codes(values))

    def merge(self, other: _ColumnState) -> None:
        self._rows += other._rows
        self._distinct.merge(other._distinct)
        if self.numbers is not None and other.numbers is not None:
            self.numbers.merge(other.numbers)
        if self._keys is not None and other._keys is not None:
            self._keys.merge(other._keys)

    def freeze(self, sample: pa.Table | None) -> ColumnSketch:
        name, kind = self.column.name, self.column.kind
        keys = None
        if self._keys is not None:
            sampled = _key_values(sample.column(name)) if sample is not None else None
            keys = self._keys.freeze(sampled, of_lists=kind.endswith("_list"))
        distinct, distinct_error = (self._keys or self._distinct).estimate()
        missing = self.numbers.missing if self.numbers else self._rows - (keys.present if keys else 0)
        return ColumnSketch(
            name=name,
            kind=kind,
            rows=self._rows,
            missing=missing,
            distinct=min(distinct, keys.present if keys else self._rows - missing),
            distinct_error=distinct_error,
            numbers=self.numbers.freeze() if self.numbers else None,
            keys=keys,
        )


def _has_keys(column: Column) -> bool:
    return column.kind not in ("number", "timestamp")


def _as_numbers(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """What the moments are of: a list counts as its length."""
    return pc.list_value_length(values) if is_list(values.type) else values


def _key_values(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """The keys of a column, without missing ones; of lists, all elements; numbers beyond int64 as texts."""
    if is_list(values.type):
        values = pc.list_flatten(values)
    values = values.drop_null()
    if pa.types.is_uint64(values.type):
        return values.cast(pa.utf8())
    if not is_text(values.type):
        return values
    distinct = pc.unique(values)
    texts = distinct.cast(distinct.type.value_type) if pa.types.is_dictionary(distinct.type) else distinct
    has_empty = pc.any(pc.equal(texts, pa.scalar("", texts.type))).as_py()
    return values.filter(pc.not_equal(values.cast(texts.type), "")) if has_empty else values


def _codes(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Numbers and times as the int64 that tells each from every other: 0.0 and -0.0 are one, NaN is missing."""
    present = values.drop_null()
    if pa.types.is_timestamp(values.type):
        return present.cast(pa.int64())
    numbers = present.cast(pa.float64(), safe=False).to_numpy() + 0.0
    return pa.chunked_array([numbers[~np.isnan(numbers)].view(np.int64)])
