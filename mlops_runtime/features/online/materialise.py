"""From a feature table to an online store: each file once, and again only for rows that were not available yet."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa

from mlops_runtime.core.digest import canonical_json, sha256_bytes
from mlops_runtime.core.errors import SchemaError, problem
from mlops_runtime.data import Batch, DataFile, Source
from mlops_runtime.features.online.moments import microseconds_of
from mlops_runtime.features.online.store import FileState, OnlineStore, Writing
from mlops_runtime.features.online.view import OnlineView
from mlops_runtime.features.tables import FeatureTable

__all__ = ["Materialised", "materialise"]


@dataclass(frozen=True, slots=True)
class Materialised:
    """What a store took.

    until: rows available later were withheld, in microseconds since 1970. files, skipped: files read, and files that
    were not, since the store has their rows. rows: that were given to the store. keys: that got another row.
    incomplete: rows without a key or a time. withheld: rows of the files read that are available only later.
    """

    until: int
    files: int
    skipped: int
    rows: int
    keys: int
    incomplete: int
    withheld: int


def materialise(table: FeatureTable, store: OnlineStore, *, until: dt.datetime | int | None = None) -> Materialised:
    """Give the rows of `table` that were available at `until` (now) to `store`; all at once, where the store can.

    The files of a data set are known by content: what was given is not read again, whatever the file is called now. A
    file with rows that were withheld is read again once the first of them is available, for these rows alone. A data
    frame is given whole each time, which changes nothing the second time.
    Run it again after it was interrupted. Raises SchemaError when the store is of another view, and as the source's
    `batches` and the store's `writing` do.
    """
    if (view := OnlineView.of(table)) != store.view:
        raise _other_view(view, store.view)
    limit = time.time_ns() // 1000 if until is None else microseconds_of(until)
    pending, skipped = _pending(table, store, limit)
    if not pending:
        return Materialised(limit, 0, skipped, 0, 0, 0, 0)
    with store.writing() as writing:
        withheld = sum(_give(table, part, writing, limit) for part in pending)
    report = writing.report
    files = sum(part.file is not None for part in pending)
    return Materialised(limit, files, skipped, report.rows, report.keys, report.incomplete, withheld)


@dataclass(frozen=True, slots=True)
class _Part:
    """A file to read, or a whole frame. after: rows available until then are in the store; None when none is."""

    position: int | None
    file: str | None
    after: int | None

    def batches(self, table: FeatureTable) -> Iterator[Batch]:
        source = table.narrowed(table.schema.names)
        return source.batches(only=self.position) if isinstance(source, Source) else table.batches()


def _pending(table: FeatureTable, store: OnlineStore, limit: int) -> tuple[list[_Part], int]:
    """Return what has rows that the store lacks, and how many files have none."""
    source = table.narrowed(table.schema.names)
    if not isinstance(source, Source):
        return [_Part(None, None, None)], 0
    given, parts = store.files, []
    files = source.manifest().files
    for position, file in enumerate(files):
        name = _name(table, source, file)
        state = given.get(name)
        if state is None or (state.withheld_from is not None and state.withheld_from <= limit):
            parts.append(_Part(position, name, None if state is None else state.until))
    return parts, len(files) - len(parts)


def _name(table: FeatureTable, source: Source, file: DataFile) -> str:
    """Return the digest of a file's content and of how its rows are read."""
    read = {"event_time": table.event_time, "known_time": table.known_time, "filters": source.filter_digest}
    return sha256_bytes(canonical_json(read | {"sha256": file.sha256, "partition": dict(file.partition)}))


def _give(table: FeatureTable, part: _Part, writing: Writing, limit: int) -> int:
    """Give the rows of a part that are available and were not yet; return how many are withheld."""
    withheld, withheld_from = 0, None
    for batch in part.batches(table):
        times = table.times(batch.table)
        later = times.available > limit
        if later.any():
            withheld += int(later.sum())
            first = int(times.available[later].min())
            withheld_from = first if withheld_from is None else min(withheld_from, first)
        wanted = ~later if part.after is None else ~later & (times.available > part.after)
        if wanted.all():
            writing.add(batch.table, times.event, times.known)
        elif wanted.any():
            writing.add(batch.table.filter(pa.array(wanted)), times.event[wanted], times.known[wanted])
    if part.file is not None:
        writing.record(part.file, FileState(limit, withheld_from))
    return withheld


def _other_view(view: OnlineView, stored: OnlineView) -> SchemaError:
    return SchemaError(
        problem(
            expected=f"a store of the feature table `{view.name}`",
            got=f"one with other {' and '.join(view.differences(stored))}",
            where=f"online view `{stored.name}`",
            next_step="materialise a changed table into a store of its own, so that readers of the old one go on",
        )
    )
