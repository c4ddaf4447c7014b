"""What became of every row of a join: counts that add up."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["JoinReport", "TableReport"]


@dataclass(frozen=True, slots=True)
class TableReport:
    """One feature table of a join.

    Entity rows, of which each is one of these: matched, those that got values; expired, whose latest values were older
    than ttl_s; too_early, whose key has rows, but all available later; no_key, whose key has none; missing_time and
    missing_key, which lack a time or else a part of the key.
    Feature rows: rows, as many as were read; of these rows_missing_key and rows_missing_time match nobody.
    """

    name: str
    matched: int
    expired: int
    too_early: int
    no_key: int
    missing_time: int
    missing_key: int
    rows: int
    rows_missing_key: int
    rows_missing_time: int

    @property
    def entity_rows(self) -> int:
        """How many entity rows there were."""
        return self.matched + self.expired + self.too_early + self.no_key + self.missing_time + self.missing_key

    def to_dict(self) -> dict[str, Any]:
        """Return the counts as plain JSON values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class JoinReport:
    """A join. rows: the entity rows, of which each became one. tables: in the order they were given."""

    rows: int
    tables: tuple[TableReport, ...]
    notes: tuple[str, ...]

    def table(self, name: str) -> TableReport:
        """Return the counts of one table. Raises KeyError for another name."""
        return {table.name: table for table in self.tables}[name]

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain JSON values."""
        return {"rows": self.rows, "tables": [table.to_dict() for table in self.tables], "notes": list(self.notes)}
