"""The values of chosen rows of a feature table, fetched without reading what nobody chose."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mlops_runtime.data import Batch, Frame, Source
from mlops_runtime.features.join.streams import in_order, mapped

__all__ = ["fetch"]

I64 = NDArray[np.int64]


def fetch(rows: Source | Frame, numbers: I64, seen: Callable[[int], None]) -> pa.Table:
    """Return the rows of these ordinals, in their order; nulls where a number is -1.

    A data set is read once, without the row groups that hold none of them. Memory: the rows returned, twice, and what
    is being decoded. seen: called with the number of rows of each batch that was read.
    """
    if isinstance(rows, Frame):
        return _taken(rows.table, numbers, numbers < 0)
    distinct, places = _distinct(numbers)

    def chosen(batch: Batch) -> tuple[pa.Table, int]:
        return batch.table.take(pa.array(_within(batch, distinct))), batch.table.num_rows

    def is_wanted(first: int, stop: int) -> bool:
        return bool(np.searchsorted(distinct, first) < np.searchsorted(distinct, stop))

    found = []
    for table, read in mapped(rows, chosen, wanted=is_wanted) if len(distinct) else ():
        found.append(table)
        seen(read)
    compact = pa.concat_tables(found).unify_dictionaries() if found else rows.arrow_schema.empty_table()
    return _taken(compact, places, numbers < 0)


def _distinct(numbers: I64) -> tuple[I64, I64]:
    """Return the distinct numbers from 0 on, ascending, and where among them each number is."""
    order = np.argsort(numbers)
    ascending = numbers[order]
    is_new = np.empty(len(numbers), np.bool_)
    is_new[:1] = ascending[:1] >= 0
    np.not_equal(ascending[1:], ascending[:-1], out=is_new[1:])
    is_new &= ascending >= 0
    places = np.empty(len(numbers), np.int64)
    places[order] = np.cumsum(is_new) - 1
    return ascending[is_new], places


def _within(batch: Batch, distinct: I64) -> I64:
    """Return the rows of a batch whose ordinals are among ascending ones."""
    ordinals = batch.ordinals
    first = batch.first_row if ordinals is None else int(ordinals[0])
    last = batch.first_row + batch.table.num_rows - 1 if ordinals is None else int(ordinals[-1])
    own = distinct[np.searchsorted(distinct, first) : np.searchsorted(distinct, last, "right")]
    return own - first if ordinals is None else np.searchsorted(ordinals, own)


def _taken(table: pa.Table, places: I64, absent: NDArray[np.bool_]) -> pa.Table:
    """Return the rows of `table` at `places`, nulls where `absent`; columns are shared out among threads."""
    indices = pa.array(places, mask=absent if absent.any() else None)
    anywhere, present = pa.array(np.where(absent, 0, places)), pa.array(~absent)

    def take(column: pa.ChunkedArray) -> pa.ChunkedArray:
        if len(column) and pa.types.is_primitive(column.type):  # by nulls among the places: twice the time
            return pc.if_else(present, column.take(anywhere), pa.scalar(None, column.type))
        return column.take(indices)

    return pa.Table.from_arrays(list(in_order(table.columns, take)), schema=table.schema)
