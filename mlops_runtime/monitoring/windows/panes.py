"""Panes: open ones count live, by key; closed ones are frozen and add up."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Self

import pyarrow as pa

from mlops_runtime.monitoring.monitor import Monitor, PreparedBatch
from mlops_runtime.monitoring.state.baseline import Baseline
from mlops_runtime.monitoring.windows.keys import OTHER, rank
from mlops_runtime.monitoring.windows.window import Summaries, merge_summaries

__all__ = ["Counts", "Key", "OpenPane", "PaneFactory", "Reach", "kept_keys"]

Key = tuple[str, ...]


@dataclass(slots=True)
class Reach:
    """The first and last time of some rows, in microseconds since 1970; None before the first row."""

    first: int | None = None
    last: int | None = None

    def extend(self, first: int | None, last: int | None) -> None:
        """Take in more rows."""
        self.first = first if self.first is None else self.first if first is None else min(self.first, first)
        self.last = last if self.last is None else self.last if last is None else max(self.last, last)


@dataclass(frozen=True, slots=True)
class Counts:
    """What one key's rows came to, frozen."""

    rows: int
    summaries: Summaries

    def plus(self, other: Counts) -> Counts:
        """Return the counts of both."""
        return Counts(self.rows + other.rows, merge_summaries(self.summaries, other.summaries))


class PaneFactory:
    """Makes monitors of one baseline, and takes back those of closed panes: what they set up is used again."""

    def __init__(self, baseline: Baseline, *, most: int) -> None:
        self._baseline, self._most = baseline, most
        self._spare: list[Monitor] = []

    def monitor(self) -> Monitor:
        """Return a monitor that has counted nothing."""
        return self._spare.pop() if self._spare else Monitor(self._baseline)

    def give_back(self, monitor: Monitor) -> None:
        """Take a monitor that nobody uses any more."""
        if len(self._spare) < self._most:
            monitor.reset()
            self._spare.append(monitor)


@dataclass(slots=True)
class OpenPane:
    """A pane that still counts: a monitor for each of at most `most_keys` keys, and one for all others together."""

    factory: PaneFactory
    most_keys: int
    reach: Reach = field(default_factory=Reach)
    _monitors: dict[Key, Monitor] = field(default_factory=dict)

    def count(self, key: Key, batch: pa.Table | PreparedBatch, begin: int, end: int) -> None:
        """Count the rows of one key: all of a table, or those from `begin` up to `end` of a prepared one."""
        monitor = self._of(key)
        if isinstance(batch, PreparedBatch):
            monitor.update_part(batch, begin, end)
        else:
            monitor.update(batch)

    def merge(self, other: OpenPane) -> Self:
        """Add what another pane of the same number counted."""
        for key, monitor in other._monitors.items():
            self._of(key).merge(monitor)
        self.reach.extend(other.reach.first, other.reach.last)
        return self

    def counts(self) -> dict[Key, Counts]:
        """Return what was counted so far, by key."""
        return {key: Counts(one.rows, one.summaries()) for key, one in self._monitors.items()}

    def close(self) -> dict[Key, Counts]:
        """Return what was counted, and give the monitors back."""
        counts = self.counts()
        for monitor in self._monitors.values():
            self.factory.give_back(monitor)
        self._monitors = {}
        return counts

    def _of(self, key: Key) -> Monitor:
        """Return the key's monitor; make room for it, if it comes before one of those that are kept."""
        if key in self._monitors:
            return self._monitors[key]
        others = (OTHER,) * len(key)
        kept = [one for one in self._monitors if one != others]
        if key != others and len(kept) >= self.most_keys:
            last = max(kept, key=rank)
            if rank(key) > rank(last):
                return self._of(others)
            evicted = self._monitors.pop(last)
            self._of(others).merge(evicted)
            self.factory.give_back(evicted)
        self._monitors[key] = self.factory.monitor()
        return self._monitors[key]


def kept_keys(keys: Iterable[Key], *, most_keys: int | None) -> dict[Key, Key]:
    """Return under which key each of `keys` is counted: its own for those of least rank, else that of all others."""
    named = sorted({key for key in keys if not key or any(part != OTHER for part in key)}, key=rank)
    most = len(named) if most_keys is None else most_keys
    return {key: key for key in named[:most]} | {key: (OTHER,) * len(key) for key in named[most:]}
