"""From the rows of one file to rows of the data set: absent columns, partition values, cleaning, one type each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from mlops_runtime.data.conform import conform, is_text
from mlops_runtime.data.decide import Decision
from mlops_runtime.data.schema import Schema

__all__ = ["PartitionValues", "finish"]


@dataclass(frozen=True, slots=True)
class PartitionValues:
    """What the paths of the files say: a conformed table with a row per file and a column per key, and its schema."""

    table: pa.Table
    schema: Schema

    def added(self, table: pa.Table, file: int) -> pa.Table:
        """Return `table`, which holds rows of one file, with a column for each key in place of one of that name."""
        for name in self.schema.names:
            repeated = _repeated(self.table.column(name)[file], table.num_rows)
            kept = table.drop_columns([name]) if name in table.column_names else table
            table = kept.append_column(name, repeated)
        return table


def _repeated(value: pa.Scalar, rows: int) -> pa.Array:
    if not is_text(value.type):
        return pa.repeat(value, rows)
    text = value.as_py()
    indices = pa.nulls(rows, pa.int32()) if text is None else pa.array(np.zeros(rows, np.int32))
    return pa.DictionaryArray.from_arrays(indices, pa.array([] if text is None else [text], pa.utf8()))


def finish(
    table: pa.Table, decision: Decision, partitions: PartitionValues, file: int, *, where: str, first_row: int
) -> pa.Table:
    """Return decoded rows of one file conformed to the decision, each column of its type.

    file: which one, among the partition values. where, first_row: for messages, the file and its row. SchemaError for
    values that cannot be read as their column's kind.
    """
    table = partitions.added(table, file)
    present = frozenset(table.column_names)
    for name in decision.decoded.names:
        if name not in present:
            table = table.append_column(name, pa.nulls(table.num_rows))
    clean = conform(table, decision.decoded, where=where, first_row=first_row)
    columns = [
        _as_type(values, decision.types[name]) for name, values in zip(clean.column_names, clean.columns, strict=True)
    ]
    return pa.Table.from_arrays(columns, names=clean.column_names) if columns else clean


def _as_type(values: pa.ChunkedArray, wanted: pa.DataType) -> pa.ChunkedArray:
    if values.type == wanted:
        return values
    if pa.types.is_dictionary(wanted) and not pa.types.is_dictionary(values.type):
        return values.cast(wanted.value_type).dictionary_encode()
    return values.cast(wanted)
