"""Some entity rows, and the row of each feature table that each of them is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mlops_runtime._native import AsofEntities, AsofWinners
from mlops_runtime.data import Batch, Frame
from mlops_runtime.features.join.keys import KeyIds
from mlops_runtime.features.join.report import TableReport
from mlops_runtime.features.join.streams import mapped
from mlops_runtime.features.join.values import fetch
from mlops_runtime.features.tables import FeatureTable, microseconds

__all__ = ["Block", "Matches"]

Seen = Callable[[int], None]

_FATES = ("matched", "expired", "too_early", "no_key", "missing_time", "missing_key")  # as the kernel numbers them


@dataclass(frozen=True, slots=True)
class Matches:
    """What each entity row is given of one table. numbers: int64[rows], ordinals in the table, -1 for none.

    fates: uint8[rows], what `AsofWinners.finish` says of each.
    """

    numbers: NDArray[np.int64]
    fates: NDArray[np.uint8]
    report: TableReport


class Block:
    """Entity rows, arranged once for all tables that are joined on the same columns."""

    def __init__(self, table: pa.Table, time: str) -> None:
        """table: conformed entity rows; time: the column of the moments that they ask about."""
        self.table = table
        self._times = microseconds(table.column(time))
        self._arranged: dict[tuple[str, ...], tuple[KeyIds, AsofEntities]] = {}

    def matches(self, table: FeatureTable, seen: Seen) -> Matches:
        """Find the rows of a table, which is read once, in any order. seen: called with the rows of each batch.

        Raises SchemaError when the table's keys cannot equal these rows' keys.
        """
        ids, entities = self._arrange(table.joins_on)
        winners, rows = AsofWinners(entities), 0
        where = f"feature table `{table.name}`"

        def update(batch: Batch) -> int:
            times = table.times(batch.table)
            known = None if times.known is times.event else times.known
            of_keys = ids.ids_of(batch.table, table.keys, where)
            winners.update(of_keys, times.event, known, batch.first_row, batch.ordinals)
            return len(of_keys)

        past = table.narrowed(table.schema.names[: len(table.schema.names) - len(table.feature_names)])
        for read in [update(Batch(past.table, 0, "frame"))] if isinstance(past, Frame) else mapped(past, update):
            rows += read
            seen(read)
        numbers, fates = winners.finish(table.ttl_us)
        counts: dict[str, int] = dict(zip(_FATES, np.bincount(fates, minlength=len(_FATES)).tolist(), strict=True))
        read_rows = {"rows_missing_key": winners.rows_missing_key, "rows_missing_time": winners.rows_missing_time}
        return Matches(numbers, fates, TableReport(name=table.name, rows=rows, **counts, **read_rows))

    def values(self, table: FeatureTable, matches: Matches, seen: Seen) -> pa.Table:
        """Return the features of the rows found, a row for each of ours, nulls where there is none."""
        return fetch(table.narrowed(table.feature_names), matches.numbers, seen)

    def _arrange(self, keys: tuple[str, ...]) -> tuple[KeyIds, AsofEntities]:
        if keys not in self._arranged:
            ids = KeyIds(self.table, keys, "entity rows")
            self._arranged[keys] = ids, AsofEntities(ids.ids, self._times, ids.groups)
        return self._arranged[keys]
