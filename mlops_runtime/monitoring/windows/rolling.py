"""From closed panes to windows: the last few panes at each step, added up or weighed by age."""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from mlops_runtime.core.errors import ConfigError, SchemaError, problem
from mlops_runtime.monitoring.points import Span
from mlops_runtime.monitoring.windows.panes import Counts, Key, Reach, kept_keys
from mlops_runtime.monitoring.windows.spec import PanePlan, WindowKind
from mlops_runtime.monitoring.windows.times import to_microseconds
from mlops_runtime.monitoring.windows.weighting import effective_rows, weigh
from mlops_runtime.monitoring.windows.window import Window

__all__ = ["ClosedPane", "Label", "Roller", "is_pane_of", "moment", "roll"]

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True, slots=True)
class ClosedPane:
    """A pane that counts no more."""

    counts: Mapping[Key, Counts]
    reach: Reach

    def plus(self, other: ClosedPane) -> ClosedPane:
        """Return what both parts of a pane counted."""
        counts = dict(self.counts)
        for key, one in other.counts.items():
            counts[key] = counts[key].plus(one) if key in counts else one
        reach = Reach(self.reach.first, self.reach.last)
        reach.extend(other.reach.first, other.reach.last)
        return ClosedPane(counts, reach)


@dataclass(frozen=True, slots=True)
class Label:
    """What windows are called: the names of their keys' parts, labels they share, and the baseline's digest."""

    names: tuple[str, ...]
    shared: tuple[tuple[str, str], ...]
    baseline: str

    def key(self, key: Key) -> dict[str, str]:
        """Return a window's key."""
        return dict(self.shared) | dict(zip(self.names, key, strict=True))


class Roller:
    """Keeps the last panes and makes each window when its newest pane closes. A window without rows is not made.

    most_keys: how many keys a window has beside that of all others; None for no bound.
    """

    def __init__(self, plan: PanePlan, label: Label, *, most_keys: int | None) -> None:
        self._plan, self._label, self._most_keys = plan, label, most_keys
        self._panes: dict[int, ClosedPane] = {}
        self._next: int | None = None

    def advance(self, closed: Mapping[int, ClosedPane], frontier: int) -> Iterator[Window]:
        """Take the panes that closed and yield the windows that end before pane `frontier`, in order.

        closed: by number, each below `frontier`, and not below that of the call before.
        """
        waiting = dict(sorted(closed.items()))
        while (number := self._number(waiting, frontier)) < frontier:
            if number in waiting:
                self._panes[number] = waiting.pop(number)
            yield from self.windows(number, self._panes)
            self._next = number + 1
            self._panes = {n: pane for n, pane in self._panes.items() if n > self._next - self._plan.panes}

    @property
    def end(self) -> int | None:
        """The number after that of the last window made; None before the first."""
        return self._next

    def merge(self, other: Roller) -> None:
        """Add the panes that another roller keeps. Of two that are not as far, the one that is further keeps none."""
        self._next = other._next if other._panes or self._next is None else self._next
        for number, pane in other._panes.items():
            mine = self._panes.get(number)
            self._panes[number] = pane if mine is None else mine.plus(pane)

    def windows(self, number: int, panes: Mapping[int, ClosedPane]) -> Iterator[Window]:
        """Yield the window whose newest pane is `number`, for each key."""
        places = kept_keys((key for pane in panes.values() for key in pane.counts), most_keys=self._most_keys)
        parts: dict[Key, list[tuple[int, Counts]]] = {}
        for one in sorted(panes):
            for key, counts in panes[one].counts.items():
                parts.setdefault(places.get(key, key), []).append((number - one, counts))
        span = span_of(self._plan, number, [pane.reach for pane in panes.values()])
        for key in sorted(parts):
            counts, weighted = self._total(parts[key]), self._plan.weights is not None
            name = self._label.key(key)
            baseline, together = self._label.baseline, counts.multivariate
            yield Window(span, name, number, counts.rows, counts.summaries, baseline, weighted, together)

    def _number(self, waiting: Mapping[int, ClosedPane], frontier: int) -> int:
        """Return the next window to make: after the last, while that one's panes matter; else at the next pane."""
        return self._next if self._panes and self._next is not None else min(waiting, default=frontier)

    def _total(self, parts: Sequence[tuple[int, Counts]]) -> Counts:
        """Add up the parts of a window, each an age in panes and its counts."""
        counts = [one for _, one in parts]
        if self._plan.weights is None:
            return functools.reduce(Counts.plus, counts)
        weights = [self._plan.weights[age] for age, _ in parts]
        names = counts[0].summaries
        summaries = {name: weigh([one.summaries[name] for one in counts], weights) for name in names}
        return Counts(effective_rows([one.rows for one in counts], weights), summaries)


def span_of(plan: PanePlan, number: int, reaches: Iterable[Reach]) -> Span:
    """Return the time a window covers: all of its panes', or by rows from the first row's to the last's."""
    if plan.by == "time":
        return Span(moment((number + 1 - plan.panes) * plan.length), moment((number + 1) * plan.length))
    whole = Reach()
    for reach in reaches:
        whole.extend(reach.first, reach.last)
    return Span(moment(whole.first or 0), moment((whole.last or 0) + 1))


def moment(microseconds: int) -> dt.datetime:
    """Return a time, exactly."""
    return _EPOCH + dt.timedelta(microseconds=microseconds)


def roll(panes: Iterable[Window], kind: WindowKind) -> Iterator[Window]:
    """Yield windows of another kind, over panes of time that were closed before: those of a `WindowStore`.

    What `WindowedMonitor` with that kind gives, bit for bit, if each pane lies in one step; so counts are kept once,
    and looked at hourly, daily and decayed. Panes of one key may come in parts; of each baseline and set of key names
    the windows come in order. Raises ConfigError for a kind by rows, and SchemaError for a pane that is weighted or
    lies in two steps.

    >>> from mlops_runtime.monitoring.windows import Tumbling
    >>> list(roll([], Tumbling(dt.timedelta(hours=1))))
    []
    """
    plan = kind.plan
    if plan.by != "time":
        got, next_step = "windows by rows, of which the n-th of several panes is not known", "give a timedelta"
        raise ConfigError(problem(expected="windows by time", got=got, where="roll", next_step=next_step))
    groups: dict[Label, dict[int, ClosedPane]] = {}
    for pane in panes:
        label = Label(tuple(sorted(pane.key)), (), pane.baseline)
        closed = groups.setdefault(label, {})
        number, one = _pane(pane, plan)
        closed[number] = closed[number].plus(one) if number in closed else one
    for label, closed in groups.items():
        yield from Roller(plan, label, most_keys=None).advance(closed, max(closed) + 1)


def is_pane_of(window: Window, kind: WindowKind) -> bool:
    """Whether `roll` takes a window: a pane of time that is not weighted and lies within one step of `kind`."""
    return kind.plan.by == "time" and _fits(window, kind.plan)


def _fits(window: Window, plan: PanePlan) -> bool:
    start, end = _ends(window)
    is_pane = not window.weighted and window.number * (end - start) == start
    return is_pane and end <= (start // plan.length + 1) * plan.length


def _ends(window: Window) -> tuple[int, int]:
    return to_microseconds(window.span.start), to_microseconds(window.span.end)


def _pane(window: Window, plan: PanePlan) -> tuple[int, ClosedPane]:
    if not _fits(window, plan):
        expected = "panes of time, unweighted and each within one step"
        got = f"weighted={window.weighted}, {window.span.start} to {window.span.end}"
        raise SchemaError(problem(expected=expected, got=got, where="roll", next_step="roll tumbling windows"))
    key = tuple(window.key[name] for name in sorted(window.key))
    counts = Counts(window.rows, window.summaries, window.multivariate)
    return _ends(window)[0] // plan.length, ClosedPane({key: counts}, Reach())
