"""Bad rows, kept with the reasons: what a person needs to find and mend them.

`_file` and `_file_row` (the row's ordinal there, from 0) say where a row came from, `_line` in which line, when known;
`_row` is its ordinal in the data set. `_reasons` lists every rule that it broke. The other columns are the row's own,
as texts, the way they were read. Of a row that could not even be decoded there is only its text, in `_text`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mlops_runtime.core.errors import ConfigError, problem
from mlops_runtime.data.batch import BadRow, Batch
from mlops_runtime.data.contract.layout import texts_of
from mlops_runtime.data.contract.table_file import TableFile
from mlops_runtime.data.contract.values import Mask
from mlops_runtime.data.schema import listed

__all__ = ["Quarantine"]

_OWN = {
    "_file": pa.utf8(),
    "_file_row": pa.int64(),
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

    def add(self, batch: Batch, file_start: int, bad: Mask, broken: Sequence[Mask]) -> None:
        """Add the rows of a batch that are `bad`; file_start: its file's first ordinal; broken: one mask a rule."""
        rows = np.flatnonzero(bad)
        if not len(rows):
            return
        ordinals = batch.row_numbers()[rows]
        own = {
            "_file": pa.repeat(pa.scalar(batch.file, pa.utf8()), len(rows)),
            "_file_row": pa.array(ordinals - file_start),
            "_row": pa.array(ordinals),
            "_reasons": self._reasons(rows, broken),
        }
        taken = batch.table.take(pa.array(rows))
        self._write(own | {name: texts_of(taken.column(name)) for name in taken.column_names}, len(rows))

    def add_undecodable(self, rows: Sequence[BadRow], file_rows: Sequence[int], rule: str) -> None:
        """Add rows of which there are only texts; file_rows: the ordinal of each in its file."""
        own = {
            "_file": pa.array([row.file for row in rows], pa.utf8()),
            "_file_row": pa.array(file_rows, pa.int64()),
            "_row": pa.array([row.ordinal for row in rows], pa.int64()),
            "_line": pa.array([row.line for row in rows], pa.int64()),
            "_text": pa.array([row.text for row in rows], pa.utf8()),
            "_reasons": pa.array([[f"{rule}: {row.reason}"] for row in rows], pa.list_(pa.utf8())),
        }
        self._write(own, len(rows))

    def _reasons(self, rows: NDArray[np.int64], broken: Sequence[Mask]) -> pa.ListArray:
        by_row = np.stack([mask[rows] for mask in broken], axis=1)
        offsets = np.concatenate([[0], np.cumsum(by_row.sum(axis=1))]).astype(np.int32)
        return pa.ListArray.from_arrays(offsets, self._rules.take(pa.array(np.nonzero(by_row)[1])))

    def _write(self, columns: dict[str, pa.Array], rows: int) -> None:
        arrays = [columns.get(field.name, pa.nulls(rows, field.type)) for field in self._schema]
        self._file.write(pa.table(arrays, schema=self._schema))
