"""The join: entity rows in, the same rows out with the features that were known of them at their time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from mlops_runtime.core.errors import ConfigError, problem
from mlops_runtime.data import Frame, Source
from mlops_runtime.data.contract.table_file import open_table_file
from mlops_runtime.features.join.block import Block
from mlops_runtime.features.join.plan import JoinPlan, Naming, plan_join
from mlops_runtime.features.join.progress import JoinProgress
from mlops_runtime.features.join.report import JoinReport, TableReport
from mlops_runtime.features.tables import FeatureTable, timed_frame

__all__ = ["Joined", "join", "join_to_file"]

Progress = Callable[[str, float], None]

_BLOCK_ROWS = 1 << 21
_PER_BLOCK = frozenset({"matched", "expired", "too_early", "no_key", "missing_time", "missing_key"})


@dataclass(frozen=True, slots=True)
class Joined:
    """table: the entity rows in their order, then the features of each table. report: what became of every row."""

    table: pa.Table
    report: JoinReport


def join(
    entities: Source | Any,
    tables: Sequence[FeatureTable],
    *,
    entity_time: str,
    names: Naming = "full",
    progress: Progress = lambda *_: None,
) -> Joined:
    """Return one row for each entity row, with the features of its keys that were known at its time.

    entities: a data set or a data frame with the tables' keys and the column `entity_time`; both are conformed. Of the
    rows of a table that have the entity row's key, were available by then (from the later of event and known time on)
    and whose event is at most ttl_s before, the one with the latest event wins; among those the one known latest; among
    those the last in the table. Values are null where there is none, and where key or time of the entity row is
    missing.
    names: see `plan_join`. progress: called with a stage and the share that is done.
    Memory: some 150 bytes an entity row beside the result; feature tables may be of any size and order. Those that are
    data sets are read twice: keys and times, then the values of the row groups with rows that somebody is given.
    Raises ConfigError for names that would be there twice; SchemaError for columns that are missing, or are no keys or
    times.

    >>> accounts = {"account": [7, 7], "since": ["2024-01-01", "2024-02-01"], "balance": [10.0, 30.0]}
    >>> past = FeatureTable("past", pa.table(accounts), ("account",), "since")
    >>> events = pa.table({"account": [7, 8, 7], "at": ["2024-03-01", "2024-03-01", "2024-01-31T23:59:59"]})
    >>> joined = join(events, [past], entity_time="at")
    >>> joined.table["past__balance"].to_pylist(), joined.report.table("past").no_key
    ([30.0, None, 10.0], 1)
    """
    rows = _opened(entities, entity_time)
    plan = plan_join(rows.schema, tables, time=entity_time, names=names)
    (whole,) = _blocks(rows, None)
    made, reports = _join_block(plan, whole, JoinProgress(progress, plan.tables, whole.num_rows))
    return Joined(made, JoinReport(made.num_rows, reports, tuple(rows.notes)))


def join_to_file(
    path: Path,
    entities: Source | Any,
    tables: Sequence[FeatureTable],
    *,
    entity_time: str,
    names: Naming = "full",
    block_rows: int = _BLOCK_ROWS,
    progress: Progress = lambda *_: None,
) -> JoinReport:
    """Write what `join` returns to a file (.parquet, .arrow or .csv), block by block; return the report.

    block_rows: so many entity rows are joined at a time, each block with a pass over the feature tables. Memory is that
    of a block, whatever the sizes of the entity rows and of the tables. The file appears when it is whole, or not at
    all.
    Raises as `join` does, and as `durable_stream` for a place that cannot be written.
    """
    if block_rows < 1:
        raise ConfigError(
            problem(expected="block_rows of 1 or more", got=str(block_rows), where="join", next_step="raise it")
        )
    rows = _opened(entities, entity_time)
    plan = plan_join(rows.schema, tables, time=entity_time, names=names)
    total = rows.known_rows if isinstance(rows, Source) else rows.table.num_rows
    shown = JoinProgress(progress, plan.tables, total)
    done, reports = 0, tuple[TableReport, ...]()
    with open_table_file(path) as file:
        for block in _blocks(rows, block_rows):
            made, of_block = _join_block(plan, block, shown)
            file.write(made)
            done += made.num_rows
            reports = tuple(map(_added, reports, of_block)) if reports else of_block
    return JoinReport(done, reports, tuple(rows.notes))


def _opened(entities: Source | Any, time: str) -> Source | Frame:
    return entities if isinstance(entities, Source) else timed_frame(entities, (time,))


def _blocks(rows: Source | Frame, most: int | None) -> Iterator[pa.Table]:
    """Yield the entity rows in order, `most` at a time or all at once; one empty block when there are none."""
    if isinstance(rows, Frame):
        size = max(1, most or rows.table.num_rows)
        for start in range(0, max(1, rows.table.num_rows), size):
            yield rows.table.slice(start, size)
        return
    pieces, held = [rows.arrow_schema.empty_table()], 0
    is_first = True
    for batch in rows.batches():
        table = batch.table
        while most is not None and held + table.num_rows > most:
            room = most - held
            yield _joined([*pieces, table.slice(0, room)])
            table, pieces, held, is_first = table.slice(room), [], 0, False
        pieces.append(table)
        held += table.num_rows
    if held or is_first:
        yield _joined(pieces)


def _joined(tables: list[pa.Table]) -> pa.Table:
    return pa.concat_tables(tables).unify_dictionaries()


def _join_block(plan: JoinPlan, rows: pa.Table, shown: JoinProgress) -> tuple[pa.Table, tuple[TableReport, ...]]:
    shown.block(rows.num_rows)
    block, made, reports = Block(rows, plan.time), rows, []
    for table, names in zip(plan.tables, plan.names, strict=True):
        seen = shown.table(table)
        matches = block.matches(table, seen)
        values = block.values(table, matches, seen)
        for name, column in zip(names, values.columns, strict=True):
            made = made.append_column(name, column)
        reports.append(matches.report)
    return made, tuple(reports)


def _added(total: TableReport, block: TableReport) -> TableReport:
    """Add what became of the entity rows of another block; the table's own rows are the same in each."""
    counts = (field.name for field in fields(total) if field.name in _PER_BLOCK)
    return replace(total, **{name: getattr(total, name) + getattr(block, name) for name in counts})
