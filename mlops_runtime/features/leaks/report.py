"""What a leak check found: which rows of a training set hold values that they should not hold, and why."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from mlops_runtime.data.sketch import time_text

__all__ = ["KINDS", "Leak", "LeakKind", "LeakReport", "TableLeaks"]

LeakKind = Literal["future", "late", "stale", "superseded", "missing", "unexplained"]
KINDS: tuple[LeakKind, ...] = get_args(LeakKind)


@dataclass(frozen=True, slots=True)
class Leak:
    """Recorded values of one feature table, in one row of a training set, that are not those of a join.

    kind, where a row of the feature table has the key and the recorded values:
    future: none was available by the row's time, and the first that ever was is about a later event.
    late: the same, but its event had happened; it only became known after the row's time.
    stale: it was available, but the values had expired (`ttl_s`).
    superseded: it was available and held, but a later one (or of ties, another) was the one to take.
    Where there is none: missing, nothing is recorded although there was a value; unexplained, anything else.

    row: the ordinal of the row. features: those whose recorded values are wrong. time, event, available: of the
    training row, and of the feature row that holds what was recorded, in microseconds since 1970 (UTC).
    """

    row: int
    table: str
    kind: LeakKind
    features: tuple[str, ...]
    key: Mapping[str, Any]
    time: int | None
    event: int | None
    available: int | None
    recorded: Mapping[str, Any]
    expected: Mapping[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values; times as ISO 8601 texts."""
        return {
            "row": self.row,
            "table": self.table,
            "kind": self.kind,
            "features": list(self.features),
            "key": _plain(self.key),
            "time": time_text(self.time),
            "event": time_text(self.event),
            "available": time_text(self.available),
            "recorded": _plain(self.recorded),
            "expected": _plain(self.expected),
        }


@dataclass(frozen=True, slots=True)
class TableLeaks:
    """What was found of one feature table. columns: where each of the checked features is recorded.

    rows: for each kind, int64: the ordinals of the rows with such values, ascending, each once.
    listed: as many as were asked for, the gravest kinds first, then by row.
    """

    name: str
    columns: Mapping[str, str]
    rows: Mapping[LeakKind, NDArray[np.int64]] = field(repr=False)
    listed: tuple[Leak, ...] = field(repr=False)

    @property
    def counts(self) -> dict[str, int]:
        """How many rows have values of each kind."""
        return {kind: len(self.rows[kind]) for kind in KINDS}


@dataclass(frozen=True, slots=True)
class LeakReport:
    """A leak check of `checked` rows. tables: in the order they were given; those without recorded features are not."""

    checked: int
    tables: tuple[TableLeaks, ...]
    listed: tuple[Leak, ...] = field(repr=False)
    notes: tuple[str, ...]

    @property
    def leaks(self) -> int:
        """How many rows saw the future: values that nobody could know at the row's time."""
        return len(self.rows("future", "late"))

    @property
    def counts(self) -> dict[str, int]:
        """How many rows have values of each kind, in any table."""
        return {kind: len(self.rows(kind)) for kind in KINDS}

    def rows(self, *kinds: LeakKind) -> NDArray[np.int64]:
        """Return int64: the ordinals of the rows with values of these kinds (all without any), ascending, each once."""
        found = [table.rows[kind] for table in self.tables for kind in kinds or KINDS]
        ordered = np.sort(np.concatenate([np.empty(0, np.int64), *found]))
        distinct: NDArray[np.int64] = ordered[np.diff(ordered, prepend=-1) != 0]
        return distinct

    def passed(self, allowed: tuple[LeakKind, ...] = ()) -> bool:
        """Whether every recorded value is that of a join, but for the kinds that are allowed."""
        return not any(count for kind, count in self.counts.items() if kind not in allowed)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain JSON values."""
        tables = [{"name": t.name, "columns": dict(t.columns), "counts": t.counts} for t in self.tables]
        return {
            "rows": self.checked,
            "leaks": self.leaks,
            "rows_found": len(self.rows()),
            "counts": self.counts,
            "tables": tables,
            "listed": [leak.to_dict() for leak in self.listed],
            "notes": list(self.notes),
        }


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _json_value(value) for name, value in values.items()}


def _json_value(value: Any) -> Any:
    if isinstance(value, float) and not np.isfinite(value):
        return str(value)
    return value.isoformat() if isinstance(value, dt.datetime) else value
