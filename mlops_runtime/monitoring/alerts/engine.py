"""One round: take new points, move every series, tell what changed, remember it all. No network is touched here.

Notifications are queued before the state is replaced. A crash in between repeats the round, whose notifications have
the same ids: each is delivered at least once, and a firing is never lost.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any

from mlops_runtime.core import clock
from mlops_runtime.core.errors import MlrtError
from mlops_runtime.core.lock import exclusive
from mlops_runtime.monitoring.alerts.alert import Alert, Notification
from mlops_runtime.monitoring.alerts.board import Board
from mlops_runtime.monitoring.alerts.evidence import Evidence, EvidenceSource, top_segments
from mlops_runtime.monitoring.alerts.machine import Phase
from mlops_runtime.monitoring.alerts.outbox import Outbox
from mlops_runtime.monitoring.alerts.series import Series
from mlops_runtime.monitoring.points import Point
from mlops_runtime.monitoring.rules.document import Rule, RuleSet

__all__ = ["AlertEngine", "Round"]


@dataclass(frozen=True, slots=True)
class Round:
    """What a round found. points, late: taken, and skipped because they were seen before or came too late.

    A point that restates the last window of its series is taken: the window is judged again. Earlier ones are late.

    firing: every alert that fires now, told or not. pending: how many series are about to fire.
    """

    points: int
    late: int
    firing: tuple[Alert, ...]
    pending: int
    notifications: tuple[Notification, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "points": self.points,
            "late": self.late,
            "firing": [alert.to_dict() for alert in self.firing],
            "pending": self.pending,
            "notifications": [notification.to_dict() for notification in self.notifications],
        }


class AlertEngine:
    """Rules over a folder of state; processes and threads that share the folder take turns.

    evidence: asked once for each alert that begins to fire; by default, segments among the points.
    """

    def __init__(self, rules: RuleSet, folder: Path, *, evidence: EvidenceSource | None = None) -> None:
        self.rules = rules
        self.folder = folder
        self.outboxes = {
            sink.name: Outbox(folder / "outbox" / sink.name, capacity=sink.queue) for sink in rules.sinks.all
        }
        self._evidence = evidence or _segments_alone
        self._rules = {rule.name: rule for rule in rules.rules}
        self._by_metric: dict[str, list[Rule]] = defaultdict(list)
        for rule in rules.rules:
            self._by_metric[rule.metric].append(rule)

    def cursor(self) -> str:
        """Return how far the source of points was read, as the last round was told."""
        return Board.load(self.folder).cursor

    def latest(self) -> list[Point]:
        """Return the last point of every series that rules judge, each once."""
        series = Board.load(self.folder).series.values()
        return list({(one.point.metric, frozenset(one.labels.items())): one.point for one in series}.values())

    def observe(self, points: Iterable[Point], *, now: datetime | None = None, cursor: str = "") -> Round:
        """Take points in any order, and the time, by default the clock's; queue what there is to tell.

        cursor: remembered with the state, for whoever reads the points. Raises ConfigError or CapacityError when the
        state cannot be written; then nothing has happened.
        """
        now = now or clock.now()
        with exclusive(self.folder / "lock"):
            board = Board.load(self.folder)
            self._drop_removed_rules(board, now)
            taken, late = 0, 0
            ordered = sorted(points, key=lambda point: (point.span.end, point.span.start))
            for _, batch in groupby(ordered, key=lambda point: point.span.end):
                new, old = self._step(board, list(batch), now)
                taken, late = taken + new, late + old
            self._miss(board, now)
            self._tell(board, board.series.values(), now)
            board.forget()
            board.cursor = cursor or board.cursor
            notifications = self._queue(board, now)
            board.save(self.folder)
        return Round(taken, late, self._firing(board), _pending(board), notifications)

    def _step(self, board: Board, batch: Sequence[Point], now: datetime) -> tuple[int, int]:
        """Move the series of the points of windows that end at one time; return how many were new and how many not."""
        judged = [
            (rule, board.of(rule, point), point)
            for point in batch
            for rule in self._by_metric.get(point.metric, ())
            if rule.matches(point)
        ]
        for rule, series, point in judged:
            series.overdue(rule, point.span.end)
        self._tell(board, [series for _, series, _ in judged], now)
        taken = 0
        for rule, series, point in judged:
            before = series.machine.fired
            taken += series.observe(rule, point)
            series.note_live(rule, now)
            if series.machine.fired != before:
                series.evidence = self._evidence_of(rule, point, batch)
        self._tell(board, [series for _, series, _ in judged], now)
        return taken, len(judged) - taken

    def _miss(self, board: Board, now: datetime) -> None:
        """Note what does not come: by the clock where points came as they were made, else by the newest of all points.

        Of a backlog that was read long after its time nobody expects that it goes on.
        """
        newest = max((one.machine.seen for one in board.series.values() if one.machine.seen), default=now)
        for one in board.series.values():
            one.overdue(self._rules[one.rule], now if one.live else min(now, newest))

    def _evidence_of(self, rule: Rule, point: Point, batch: Sequence[Point]) -> Evidence:
        """Ask for evidence; an alert goes out without it rather than not at all."""
        try:
            return self._evidence(rule, point, batch)
        except (MlrtError, ValueError, OSError) as error:
            return Evidence(notes=(f"no evidence: {error}",))

    def _tell(self, board: Board, series: Iterable[Series], now: datetime) -> None:
        repeat_every = self.rules.repeat_every.total_seconds()
        for one in series:
            rule = self._rules[one.rule]
            alert = one.tell(rule, now, repeat_every)
            if alert is not None:
                by = self.rules.group_by if rule.group_by is None else rule.group_by
                board.groups.add(alert, by, now)

    def _drop_removed_rules(self, board: Board, now: datetime) -> None:
        """The alerts of a rule that is gone have ended."""
        for key, one in list(board.series.items()):
            if one.rule not in self._rules:
                alert = one.withdraw(now)
                if alert is not None:
                    board.groups.add(alert, self.rules.group_by, now)
                del board.series[key]

    def _queue(self, board: Board, now: datetime) -> tuple[Notification, ...]:
        notifications = board.groups.take(self.rules.group_wait, now)
        for outbox in self.outboxes.values():
            if outbox.owes_summary:
                summary = Notification.of({}, self._firing(board), now, overflow=outbox.lost)
                outbox.put(summary, board.told)
                outbox.recovered()
            for place, notification in enumerate(notifications, start=1):
                outbox.put(notification, board.told + place)
        board.told += len(notifications)
        return tuple(notifications)

    def _firing(self, board: Board) -> tuple[Alert, ...]:
        firing = (one for one in board.series.values() if one.machine.phase is Phase.FIRING)
        return tuple(one.alert(self._rules[one.rule]) for one in firing)


def _pending(board: Board) -> int:
    return sum(one.machine.phase is Phase.PENDING for one in board.series.values())


def _segments_alone(rule: Rule, point: Point, beside: Sequence[Point]) -> Evidence:
    return Evidence(segments=top_segments(rule, point, beside))
