"""Bad rows, kept with the reasons: what a person needs to find and mend them.

A quarantine file is Parquet. `_file` and `_row` (the row's ordinal in the data set, from 0) say where a row came from,
`_line` where in its file, when known; `_reasons` lists every rule that it broke. The other columns are the row's own,
as texts, the way they were read. Of a row that could not even be decoded there is only its text, in `_text`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mlops_runtime.core.errors import ConfigError, problem
from mlops_runtime.data.batch import BadRow, Batch
from mlops_runtime.data.contract.table_file import TableFile
from mlops_runtime.data.contract.values import Mask
from mlops_runtime.data.schema import listed

__all__ = ["Quarantine", "texts_of"]

_OWN = {
    "_file": pa.utf8(),
    "_row": pa.int64(),
    "_line": pa.int64(),
    "_text": pa.utf8(),
    "_reasons": pa.list_(pa.utf8()),
}


class Quarantine:
    """Writes bad rows to a table file."""

    def __init__(self, file: TableFile, columns: Sequence[str], rules: Sequence[str]) -> None:
        """columns: of all batches. rules: the names that the masks of `add` stand for, in order.

        Raises ConfigError when a column has a name that the file needs for itself.
        """
        clash = sorted(set(columns) & set(_OWN))
        if clash:
            raise ConfigError(
                problem(
                    expected=f"no column called {listed(_OWN)}",
                    got=listed(clash),
                    where="quarantine",
                    next_step="rename the column: a quarantine file needs the name",
                )
            )
        self._file = file
        self._rules = pa.array(rules, pa.utf8())
        self._schema = pa.schema([*_OWN.items(), *((name, pa.utf8()) for name in columns)])
        self._file.write(self._schema.empty_table())

    def add(self, batch: Batch, bad: Mask, broken: Sequence[Mask]) -> None:
        """Add the rows of a batch that are `bad`; broken: one mask a rule."""
        rows = np.flatnonzero(bad)
        if not len(rows):
            return
        own = {
            "_file": pa.array([batch.file] * len(rows), pa.utf8()),
            "_row": pa.array(batch.row_numbers()[rows]),
            "_reasons": self._reasons(rows, broken),
        }
        taken = batch.table.take(pa.array(rows))
        self._write(own | {name: texts_of(taken.column(name)) for name in taken.column_names}, len(rows))

    def add_undecodable(self, row: BadRow, reason: str) -> None:
        """Add a row of which there is only a text."""
        own = {
            "_file": pa.array([row.file], pa.utf8()),
            "_row": pa.array([row.ordinal], pa.int64()),
            "_line": pa.array([row.line], pa.int64()),
            "_text": pa.array([row.text], pa.utf8()),
            "_reasons": pa.array([[reason]], pa.list_(pa.utf8())),
        }
        self._write(own, 1)

    def _reasons(self, rows: NDArray[np.int64], broken: Sequence[Mask]) -> pa.ListArray:
        by_row = np.stack([mask[rows] for mask in broken], axis=1)
        offsets = np.concatenate([[0], np.cumsum(by_row.sum(axis=1))]).astype(np.int32)
        return pa.ListArray.from_arrays(offsets, self._rules.take(pa.array(np.nonzero(by_row)[1])))

    def _write(self, columns: dict[str, pa.Array], rows: int) -> None:
        arrays = [columns.get(field.name, pa.nulls(rows, field.type)) for field in self._schema]
        self._file.write(pa.table(arrays, schema=self._schema))


def texts_of(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return values as texts: lists as JSON, everything else as Arrow writes it."""
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    if pa.types.is_nested(values.type):
        shown = (None if value is None else json.dumps(value, default=str) for value in values.to_pylist())
        return pa.chunked_array([pa.array(shown, pa.utf8())])
    return values.cast(pa.utf8())
