"""Live counts in windows: each row goes to the pane of its time and the monitor of its key, in one pass."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mlops_runtime.core.clock import now
from mlops_runtime.core.errors import ConfigError, SchemaError, problem
from mlops_runtime.monitoring.monitor import Monitor, PreparedBatch
from mlops_runtime.monitoring.multivariate import RowEncoder
from mlops_runtime.monitoring.multivariate.encoded_rows import EncodedRows
from mlops_runtime.monitoring.state.baseline import Baseline
from mlops_runtime.monitoring.state.table import as_table
from mlops_runtime.monitoring.windows.keys import Segment, key_rows, segments_of
from mlops_runtime.monitoring.windows.panes import Key, OpenPane, PaneFactory, Reach
from mlops_runtime.monitoring.windows.rolling import ClosedPane, Label, Roller
from mlops_runtime.monitoring.windows.spec import WindowKind
from mlops_runtime.monitoring.windows.times import EARLIEST_US, row_times, to_microseconds
from mlops_runtime.monitoring.windows.window import Window

__all__ = ["WindowedMonitor"]

I64 = NDArray[np.int64]

_SPARE_MONITORS = 8


class WindowedMonitor:
    """Counts batches into windows and gives each window once, when it is closed.

    By time a pane closes when a row came, or `advance` was called, `lateness` after its end; a row of a closed pane is
    late: it is counted in `late` and in no window. Which rows are late follows from the order of rows alone: any
    batching of the same rows gives the same windows, bit for bit. By rows a pane closes when it is full. Not safe for
    concurrent updates: give each thread or process its own, and merge them or their windows.

    keys: columns or segments; each combination of their values has windows of its own, a pane holding at most
    `most_keys` and one more, `(other)`, for all the rest. labels: names and values that every window's key has, for
    example the model's. ahead: how much later than now a row's time may be, lest one wrong clock closes every window;
    None for no bound. multivariate: to count all columns together, too, of which every batch must then have all; for
    this monitor alone. Raises ConfigError for unusable keys, labels, lateness or most_keys.
    """

    def __init__(
        self,
        baseline: Baseline,
        windows: WindowKind,
        *,
        keys: Sequence[str | Segment] = (),
        labels: Mapping[str, str] | None = None,
        most_keys: int = 100,
        lateness: dt.timedelta = dt.timedelta(0),
        ahead: dt.timedelta | None = None,
        multivariate: RowEncoder | None = None,
    ) -> None:
        self._plan, self._segments = windows.plan, segments_of(keys)
        self._baseline = baseline
        self._label = _label(baseline, self._segments, labels or {})
        self._lateness_us = lateness // dt.timedelta(microseconds=1)
        if most_keys < 1 or self._lateness_us < 0 or (self._plan.by == "rows" and self._lateness_us):
            got = f"most_keys={most_keys}, lateness={lateness}"
            _refuse("at least one key, and a lateness of 0 or, for windows by time, above", got, "give such values")
        self._most_keys, self._ahead = most_keys, ahead
        self._together = multivariate
        self._factory = PaneFactory(baseline, most=_SPARE_MONITORS, together=multivariate)
        self._roller = Roller(self._plan, self._label, most_keys=most_keys)
        self._open: dict[int, OpenPane] = {}
        self._frontier = EARLIEST_US // self._plan.length if self._plan.by == "time" else 0
        self._latest_us = EARLIEST_US
        self._rows = self._late = self._undated = self._position = 0
        self._template = Monitor(baseline)
        self._schema: pa.Schema | None = None

    @property
    def _settings(self) -> tuple[object, ...]:
        """What two monitors have in common if they can be merged."""
        together = None if self._together is None else self._together.reference.digest
        return self._plan, self._label, self._lateness_us, self._most_keys, together

    @property
    def rows(self) -> int:
        """Rows counted in windows so far."""
        return self._rows

    @property
    def late(self) -> int:
        """Rows that came after their pane was closed; they are in no window."""
        return self._late

    @property
    def undated(self) -> int:
        """Rows without a time, or with one too far ahead; they are in no window."""
        return self._undated

    def update(self, table: object, *, time: object = None) -> list[Window]:
        """Count a batch (any Arrow-able object) and return the windows that closed, in order.

        time: when each row happened: a column's name, an array, one time for all, or None for now. Windows by rows have
        it for their span only. Raises SchemaError, before anything is counted, as `Monitor.update` does, for times that
        are none, and for a segment that is not in the batch.
        """
        batch = self._checked(as_table(table))
        times = row_times(batch, time)
        if self._ahead is not None:
            times = np.where(times > to_microseconds(now() + self._ahead), EARLIEST_US, times)
        dated = times > EARLIEST_US
        numbers, late = self._place(times, dated)
        groups = self._groups(batch, times, dated & ~late, numbers)
        latest_us = int(times.max(initial=self._latest_us))
        self._undated += int((~dated).sum())
        self._late += int(late.sum())
        self._position += int(dated.sum())
        frontier = self._frontier_at(latest_us)
        windows: list[Window] = []
        for group in groups:
            if min(group.number, frontier) > self._frontier:
                windows += self._close(min(group.number, frontier))
            self._count(group)
        self._latest_us = latest_us
        return windows + self._close(frontier)

    def advance(self, to: dt.datetime) -> list[Window]:
        """Close what a row of time `to` would close: without rows time goes on, too. By rows: nothing."""
        self._latest_us = max(self._latest_us, to_microseconds(to))
        return self._close(self._frontier_at(self._latest_us)) if self._plan.by == "time" else []

    def close(self) -> list[Window]:
        """Close every pane, at the end of a stream, and return the windows up to the last one.

        Later rows of these panes are late; by rows the next one begins a pane.
        """
        windows = self._close(max(self._open, default=self._frontier - 1) + 1)
        if self._plan.by == "rows":
            self._position = self._frontier * self._plan.length
        return windows

    def parts(self) -> list[Window]:
        """Return what open panes hold, as parts of windows to come. Raises ConfigError unless they are tumbling."""
        if self._plan.panes > 1:
            _refuse("tumbling windows", f"windows of {self._plan.panes} panes", "take parts of panes and roll them")
        windows: list[Window] = []
        for number in sorted(self._open):
            pane = self._open[number]
            windows += self._roller.windows(number, {number: ClosedPane(pane.counts(), pane.reach)})
        return windows

    def take(self) -> list[Window]:
        """Return `parts`, and begin open panes anew; parts of a window add up (`Window.merge`), also in a store."""
        windows = self.parts()
        for pane in self._open.values():
            pane.close()
        self._open = {}
        return windows

    def merge(self, other: WindowedMonitor) -> Self:
        """Add what another monitor counted, exactly: of another thread, process or server, over the same baseline.

        What either closed before stays closed; a tumbling window that one closed and the other had open is given in
        parts, which add up. Windows of several panes need that neither gave one the other has still to fill: `advance`
        both to the same time. Raises SchemaError otherwise, for monitors that differ, and for windows by rows, since
        which row is the n-th is not known.
        """
        if self._plan.by == "rows":
            advice = "cut by time; or keep each one's windows, and add up their counts (`RunningTotal`)"
            _no_merge("windows by time", "by rows, of which the n-th of two streams is not known", advice)
        if self._settings != other._settings:
            _no_merge("a monitor of the same windows, keys, labels and baseline", "another", "merge like with like")
        behind = min(self._frontier, other._frontier)
        further = any(one._roller.end is not None and one._roller.end > behind for one in (self, other))
        if self._plan.panes > 1 and further:
            _no_merge("monitors that are as far", "one that gave later windows", "advance both to the same time")
        for number, pane in other._open.items():
            self._pane(number).merge(pane)
        self._roller.merge(other._roller)
        self._frontier = max(self._frontier, other._frontier)
        self._latest_us = max(self._latest_us, other._latest_us)
        self._rows += other._rows
        self._late += other._late
        self._undated += other._undated
        return self

    def _checked(self, batch: pa.Table) -> pa.Table:
        """Refuse, before anything is counted, a batch that monitors would."""
        if self._schema is None or not batch.schema.equals(self._schema):
            self._template.update(batch.slice(0, 0))
            self._schema = batch.schema
        return batch

    def _place(self, times: I64, dated: NDArray[np.bool_]) -> tuple[I64, NDArray[np.bool_]]:
        """Return each row's pane, and whether that was closed by the rows up to this one."""
        if self._plan.by == "rows":
            return (self._position + np.cumsum(dated) - dated) // self._plan.length, np.zeros(len(times), np.bool_)
        latest = np.maximum.accumulate(np.maximum(times, self._latest_us))
        frontiers = np.maximum((latest - self._lateness_us) // self._plan.length, self._frontier)
        numbers: I64 = times // self._plan.length
        return numbers, dated & (numbers < frontiers)

    def _frontier_at(self, latest_us: int) -> int:
        """Return the first pane that is not closed."""
        at = self._position if self._plan.by == "rows" else latest_us - self._lateness_us
        return max(self._frontier, at // self._plan.length)

    def _groups(self, batch: pa.Table, times: I64, taken: NDArray[np.bool_], numbers: I64) -> list[_Group]:
        """Return the rows of each pane and key, panes in order; rows are moved only where there are several."""
        keys = key_rows(batch, self._segments)
        together = None if self._together is None else self._together.encode(batch)
        watched = batch.select([name for name in batch.column_names if name in self._baseline.columns])
        if len(keys.keys) == 1 and taken.all() and (numbers == numbers[0]).all():
            reach = Reach(int(times.min()), int(times.max()))
            return [_Group(int(numbers[0]), keys.keys[0], watched, 0, len(watched), reach, together)]
        order = np.flatnonzero(taken)
        order = order[np.lexsort((keys.codes[order], numbers[order]))]
        if len(order) == 0:
            return []
        numbers, codes, times = numbers[order], keys.codes[order], times[order]
        starts = np.flatnonzero(np.diff(numbers, prepend=numbers[0] - 1) | np.diff(codes, prepend=codes[0]))
        moved = self._template.prepare(_movable(watched).take(pa.array(order)))
        together = None if together is None else together.take(order)
        firsts, lasts = np.minimum.reduceat(times, starts), np.maximum.reduceat(times, starts)
        ends = np.append(starts[1:], len(order))
        return [
            _Group(int(numbers[a]), keys.keys[codes[a]], moved, a, b, Reach(int(first), int(last)), together)
            for a, b, first, last in zip(starts.tolist(), ends.tolist(), firsts, lasts, strict=True)
        ]

    def _count(self, group: _Group) -> None:
        pane = self._pane(group.number)
        pane.count(group.key, group.batch, group.begin, group.end, group.together)
        pane.reach.extend(group.reach.first, group.reach.last)
        self._rows += group.end - group.begin

    def _pane(self, number: int) -> OpenPane:
        if number not in self._open:
            self._open[number] = OpenPane(self._factory, self._most_keys)
        return self._open[number]

    def _close(self, frontier: int) -> list[Window]:
        """Close the panes before `frontier`."""
        further = frontier > self._frontier
        self._frontier = max(frontier, self._frontier)
        closing = {number: self._open.pop(number) for number in sorted(self._open) if number < self._frontier}
        if not closing and not further:
            return []
        closed = {number: ClosedPane(pane.close(), pane.reach) for number, pane in closing.items()}
        return list(self._roller.advance(closed, self._frontier))


@dataclass(frozen=True, slots=True)
class _Group:
    """Rows of one pane and key: from `begin` up to `end` of a batch. together: the batch, for all columns together."""

    number: int
    key: Key
    batch: pa.Table | PreparedBatch
    begin: int
    end: int
    reach: Reach
    together: EncodedRows | None


def _movable(table: pa.Table) -> pa.Table:
    """Return a table that pyarrow can `take` from: it cannot from string views, which polars gives."""
    for place, field in enumerate(table.schema):
        if pa.types.is_string_view(field.type):
            table = table.set_column(place, field.name, table.column(place).cast(pa.large_utf8()))
    return table


def _label(baseline: Baseline, segments: Sequence[Segment], labels: Mapping[str, str]) -> Label:
    names = tuple(segment.name for segment in segments)
    both = sorted(set(names) & set(labels))
    if both:
        _refuse("names of keys and labels that differ", f"{', '.join(both)} as both", "rename one")
    return Label(names, tuple(labels.items()), baseline.digest)


def _refuse(expected: str, got: str, next_step: str) -> NoReturn:
    raise ConfigError(problem(expected=expected, got=got, where="WindowedMonitor", next_step=next_step))


def _no_merge(expected: str, got: str, next_step: str) -> NoReturn:
    raise SchemaError(problem(expected=expected, got=got, where="WindowedMonitor.merge", next_step=next_step))
