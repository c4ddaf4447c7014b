"""How far a join is: by entity rows done, and within a block by the rows of the feature tables that were read."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mlops_runtime.data import Source
from mlops_runtime.features.tables import FeatureTable

__all__ = ["JoinProgress"]

_PASSES = 2  # over each table: keys and times, then values


class JoinProgress:
    """Calls report(stage, share) as rows are read. While nobody has counted a table's rows, the share stands still."""

    def __init__(
        self, report: Callable[[str, float], None], tables: Sequence[FeatureTable], entity_rows: int | None
    ) -> None:
        self._report = report
        self._tables = {table.name: place for place, table in enumerate(tables)}
        self._entity_rows = entity_rows
        self._done, self._block = 0, 0

    def block(self, entity_rows: int) -> None:
        """Say that a block of so many entity rows begins: the one before is done."""
        self._done, self._block = self._done + self._block, entity_rows

    def table(self, table: FeatureTable) -> Callable[[int], None]:
        """Return what to call with the number of rows of each batch of a table, in both of its passes."""
        total = table.source.known_rows if isinstance(table.source, Source) else None
        read = 0

        def seen(rows: int) -> None:
            nonlocal read
            read += rows
            share = min(1.0, read / (_PASSES * total)) if total else 0.0
            self._show(f"{table.name}, {read:,} rows", (self._tables[table.name] + share) / len(self._tables))

        return seen

    def _show(self, stage: str, share_of_block: float) -> None:
        done = self._done + share_of_block * self._block
        self._report(stage, min(1.0, done / self._entity_rows) if self._entity_rows else 0.0)
