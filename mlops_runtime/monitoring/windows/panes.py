"""Panes: open ones count live, by key; closed ones are frozen and add up."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Self

import pyarrow as pa

from mlops_runtime.monitoring.monitor import Monitor, PreparedBatch
from mlops_runtime.monitoring.multivariate import RowEncoder
from mlops_runtime.monitoring.multivariate.encoded_rows import EncodedRows
from mlops_runtime.monitoring.multivariate.state import MultivariateState, merge_states
from mlops_runtime.monitoring.state.baseline import Baseline
from mlops_runtime.monitoring.windows.keys import OTHER, rank
from mlops_runtime.monitoring.windows.window import Summaries, merge_summaries

__all__ = ["Counts", "Key", "OpenPane", "PaneFactory", "Reach", "kept_keys"]

Key = tuple[str, ...]

_SAMPLE_ROWS = 512  # from which on a classifier's AUC of 0.55, the least that matters, is significant


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
    multivariate: MultivariateState | None = None

    def plus(self, other: Counts) -> Counts:
        """Return the counts of both."""
        together = merge_states(self.multivariate, other.multivariate)
        return Counts(self.rows + other.rows, merge_summaries(self.summaries, other.summaries), together)


class PaneFactory:
    """Makes monitors of one baseline, and takes back those of closed panes: what they set up is used again.

    together: how all columns together are counted, too.
    """

    def __init__(self, baseline: Baseline, *, most: int, together: RowEncoder | None = None) -> None:
        self._baseline, self._most, self._together = baseline, most, together
        self._spare: list[Monitor] = []

    def monitor(self) -> Monitor:
        """Return a monitor that has counted nothing."""
        return self._spare.pop() if self._spare else Monitor(self._baseline)

    def state(self) -> MultivariateState | None:
        """Return what has counted nothing of all columns together; None where that is not asked for."""
        return None if self._together is None else self._together.empty_state(sample_rows=_SAMPLE_ROWS)

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
    _states: dict[Key, MultivariateState | None] = field(default_factory=dict)

    def count(
        self, key: Key, batch: pa.Table | PreparedBatch, begin: int, end: int, together: EncodedRows | None = None
    ) -> None:
        """Count the rows of one key: all of a table, or those from `begin` up to `end` of a prepared one.

        together: the same rows, for all columns together.
        """
        place = self._place(key)
        monitor, state = self._monitors[place], self._states[place]
        if state is not None and together is not None:
            self._states[place] = together.add_to(state, begin, end)
        if isinstance(batch, PreparedBatch):
            monitor.update_part(batch, begin, end)
        else:
            monitor.update(batch)

    def merge(self, other: OpenPane) -> Self:
        """Add what another pane of the same number counted."""
        for key, monitor in other._monitors.items():
            self._add(self._place(key), monitor, other._states[key])
        self.reach.extend(other.reach.first, other.reach.last)
        return self

    def counts(self) -> dict[Key, Counts]:
        """Return what was counted so far, by key."""
        return {key: Counts(one.rows, one.summaries(), self._states[key]) for key, one in self._monitors.items()}

    def close(self) -> dict[Key, Counts]:
        """Return what was counted, and give the monitors back."""
        counts = self.counts()
        for monitor in self._monitors.values():
            self.factory.give_back(monitor)
        self._monitors, self._states = {}, {}
        return counts

    def _add(self, place: Key, monitor: Monitor, state: MultivariateState | None) -> None:
        self._monitors[place].merge(monitor)
        self._states[place] = merge_states(self._states[place], state)

    def _place(self, key: Key) -> Key:
        """Return under which key its rows count; make room for it, if it comes before one of those that are kept."""
        if key in self._monitors:
            return key
        others = (OTHER,) * len(key)
        kept = [one for one in self._monitors if one != others]
        if key != others and len(kept) >= self.most_keys:
            last = max(kept, key=rank)
            if rank(key) > rank(last):
                return self._place(others)
            evicted = self._monitors.pop(last)
            self._add(self._place(others), evicted, self._states.pop(last))
            self.factory.give_back(evicted)
        self._monitors[key], self._states[key] = self.factory.monitor(), self.factory.state()
        return key


def kept_keys(keys: Iterable[Key], *, most_keys: int | None) -> dict[Key, Key]:
    """Return under which key each of `keys` is counted: its own for those of least rank, else that of all others."""
    named = sorted({key for key in keys if not key or any(part != OTHER for part in key)}, key=rank)
    most = len(named) if most_keys is None else most_keys
    return {key: key for key in named[:most]} | {key: (OTHER,) * len(key) for key in named[most:]}
