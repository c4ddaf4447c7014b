"""One series under one rule: its state machine, its recent values, and what sinks were told of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Self

from mlops_runtime.monitoring.alerts.alert import Alert, alert_id
from mlops_runtime.monitoring.alerts.evidence import Evidence
from mlops_runtime.monitoring.alerts.machine import Machine, Phase
from mlops_runtime.monitoring.points import Point
from mlops_runtime.monitoring.rules.condition import Finding
from mlops_runtime.monitoring.rules.document import Rule

__all__ = ["Series"]

_DIGITS = 4


@dataclass(slots=True)
class Series:
    """What is kept of one set of labels.

    point: the last one that was judged. history: earlier values, where the rule is about changes. before, grew: the
    machine, and whether history has the value, as they were for that point: it may be restated. evidence: of the
    alert that fires. told: whether the sinks know that it fires. told_at: when they last heard so. telling: how often
    they heard of this firing. held_back: firings they were not told of. missing: it fires because nothing comes.
    """

    rule: str
    labels: Mapping[str, str]
    point: Point
    machine: Machine = field(default_factory=Machine)
    history: list[float] = field(default_factory=list)
    evidence: Evidence = field(default_factory=Evidence)
    told: Alert | None = None
    told_at: datetime | None = None
    telling: int = 0
    held_back: int = 0
    missing: bool = False
    live: bool = False
    before: Machine | None = None
    grew: bool = False

    @property
    def alert_id(self) -> str:
        """The id of the firing that goes on, or was last."""
        assert self.machine.fired is not None
        return alert_id(self.rule, self.labels, self.machine.fired)

    def observe(self, rule: Rule, point: Point) -> bool:
        """Judge a point; return whether it is new, or restates the last one, rather than late or read before."""
        at, seen = point.span.end, self.machine.seen
        again = self._restates(point)
        if seen is not None and at <= seen and not again:
            return False
        machine = self.before if again and self.before is not None else self.machine
        past = self.history[:-1] if again and self.grew else self.history
        finding = rule.when.judge(point, past)
        if self.missing and finding in (Finding.CLEAR, Finding.WITHIN):
            machine = machine.resolve(at)
        self.before = machine
        self._become(machine.step(finding, at, lasting=rule.for_, keep=rule.keep_firing_for))
        self.missing = self.missing and finding is Finding.UNKNOWN
        self.point = point
        usable = not math.isnan(point.value) and point.n >= rule.when.min_rows
        self.grew = rule.when.is_relative and usable and finding is not Finding.BREACH
        self.history = [*past, point.value][-rule.when.over :] if self.grew else past
        return True

    def _restates(self, point: Point) -> bool:
        """Whether a point says otherwise of the last window, of which rows or labels came late."""
        same = self.before is not None and not self.missing and point.span == self.point.span
        return same and point.to_dict() != self.point.to_dict()

    def note_live(self, rule: Rule, now: datetime) -> None:
        """Note whether the last point came while it could still be missed."""
        if rule.missing is not None and not self.live:
            span = self.point.span
            self.live = now - span.end <= rule.missing.allowed(span.end - span.start)

    def overdue(self, rule: Rule, now: datetime) -> None:
        """Apply the rule's policy when nothing came for too long."""
        policy, seen = rule.missing, self.machine.seen
        if policy is None or seen is None or policy.then == "keep":
            return
        at = seen + policy.allowed(self.point.span.end - self.point.span.start)
        if now < at:
            return
        if policy.then == "fire" and self.machine.phase is not Phase.FIRING:
            self.missing, self.before = True, None
            self._become(self.machine.fire(at))
        elif policy.then == "resolve":
            self.before = None
            self._become(self.machine.resolve(at))

    def _become(self, machine: Machine) -> None:
        fires = machine.phase is Phase.FIRING
        if fires and machine.fired != self.machine.fired:
            self.telling, self.evidence = 0, Evidence()
        if self.machine.phase is Phase.FIRING and not fires and self.told is None:
            self.held_back += 1
        self.machine = machine

    def tell(self, rule: Rule, now: datetime, repeat_every: float) -> Alert | None:
        """Return what the sinks should hear now, and note that they did; None when there is no news.

        repeat_every: seconds between repetitions of an alert that goes on firing.
        """
        fires = self.machine.phase is Phase.FIRING
        if not fires:
            return self.withdraw(self.machine.ended or now) if self.told else None
        pause = repeat_every if self.told else rule.cool_down.total_seconds()
        if self.told_at is not None and (now - self.told_at).total_seconds() < pause:
            return None
        self.told_at, self.telling = now, self.telling + 1
        self.told, self.held_back = self.alert(rule), 0
        return self.told

    def withdraw(self, at: datetime) -> Alert | None:
        """Return that the alert the sinks know of has ended, and note that they heard; None when they know of none."""
        if self.told is None:
            return None
        ended = replace(self.told, state="resolved", telling=self.telling + 1, resolved_at=at, **self._values())
        self.told = None
        return ended

    def _values(self) -> dict[str, Any]:
        """Return what an alert says of the last point."""
        point = self.point
        value = None if self.missing else _finite(point.value)
        return {
            "value": value,
            "low": _finite(point.low),
            "high": _finite(point.high),
            "n": point.n,
            "span": point.span.to_dict(),
        }

    def alert(self, rule: Rule) -> Alert:
        """Return the alert that fires now."""
        values, fired = self._values(), self.machine.fired
        assert fired is not None
        named = {"metric": rule.metric, "rule": rule.name, "severity": rule.severity, **self.labels}
        words = "missing" if values["value"] is None else f"{values['value']:.{_DIGITS}g}"
        return Alert(
            id=self.alert_id,
            state="firing",
            telling=self.telling,
            rule=rule.name,
            severity=rule.severity,
            metric=rule.metric,
            labels=dict(self.labels),
            condition=str(rule.when),
            fired_at=fired,
            resolved_at=None,
            summary=rule.summarise({**named, "value": words}),
            evidence=self.evidence,
            held_back=self.held_back,
            missing=self.missing,
            **values,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON; what is as in a new series is left out, as most series are quiet."""
        values = {
            "history": self.history,
            "evidence": self.evidence.to_dict() if self.evidence != Evidence() else None,
            "told": self.told.to_dict() if self.told else None,
            "told_at": self.told_at.isoformat() if self.told_at else None,
            "telling": self.telling,
            "held_back": self.held_back,
            "missing": self.missing,
            "live": self.live,
            "before": self.before.to_dict() if self.before else None,
            "grew": self.grew,
        }
        always = {"rule": self.rule, "labels": dict(self.labels), "point": self.point.to_dict()}
        kept = {name: value for name, value in values.items() if value}
        return always | {"machine": self.machine.to_dict()} | kept

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Read what `to_dict` wrote."""
        readers: dict[str, Callable[[Any], Any]] = {
            "point": Point.from_dict,
            "machine": Machine.from_dict,
            "before": Machine.from_dict,
            "evidence": Evidence.from_dict,
            "told": Alert.from_dict,
            "told_at": datetime.fromisoformat,
        }
        return cls(**{name: readers[name](value) if name in readers else value for name, value in values.items()})


def _finite(value: float | None) -> float | None:
    """JSON has neither NaN nor infinity."""
    return value if value is not None and math.isfinite(value) else None
