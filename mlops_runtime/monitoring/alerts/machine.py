"""The state machine of one series: inactive -> pending -> firing -> resolved, by the time of the data alone.

    inactive, resolved   a breach starts `pending`, and at once `firing` where the rule's `for` is met
    pending              breaches go on until `for` is met: `firing`; anything else: `inactive`
    firing               well again for `keep_firing_for`: `resolved`; a new breach, or a value that is no breach but
                         not well either (hysteresis), starts that count anew
    unknown              changes nothing

`for: 15m` is met by the first breach that ends 15 minutes after the end of the first one, as in Prometheus; `for: 3
windows` by the third in a row. A window that ends no later than the last one seen changes nothing, so that what is
read twice counts once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from mlops_runtime.monitoring.rules.condition import Finding
from mlops_runtime.monitoring.rules.stretch import Stretch

__all__ = ["Machine", "Phase", "Run"]

_TIMES = ("seen", "fired", "ended")


class Phase(StrEnum):
    """Where a series stands."""

    INACTIVE = "inactive"
    PENDING = "pending"
    FIRING = "firing"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True)
class Run:
    """Windows in a row that say the same: how many, and when the first of them ended."""

    since: datetime
    windows: int = 1

    def meets(self, stretch: Stretch, at: datetime) -> bool:
        """Return whether the run, whose last window ends at `at`, is long enough."""
        return self.windows >= stretch.windows and at - self.since >= stretch.duration


@dataclass(frozen=True, slots=True)
class Machine:
    """The state of one series; every step returns the next one.

    run: the breaches of a pending series, or the windows of a firing one in which it was well. fired, ended: when the
    last alert began to fire, and when it was resolved.
    """

    phase: Phase = Phase.INACTIVE
    seen: datetime | None = None
    run: Run | None = None
    fired: datetime | None = None
    ended: datetime | None = None

    def step(self, finding: Finding, at: datetime, *, lasting: Stretch, keep: Stretch) -> Machine:
        """Take what was found in a window that ends at `at`. lasting, keep: the rule's `for` and `keep_firing_for`."""
        if self.seen is not None and at <= self.seen:
            return self
        now = replace(self, seen=at)
        if finding is Finding.UNKNOWN:
            return now
        if self.phase is Phase.FIRING:
            return now._while_firing(finding, at, keep)
        if finding is Finding.BREACH:
            run = now._longer(at) if self.phase is Phase.PENDING else Run(at)
            return now.fire(at) if run.meets(lasting, at) else replace(now, phase=Phase.PENDING, run=run)
        return replace(now, phase=Phase.INACTIVE, run=None) if self.phase is Phase.PENDING else now

    def _while_firing(self, finding: Finding, at: datetime, keep: Stretch) -> Machine:
        if finding is not Finding.CLEAR:
            return replace(self, run=None)
        run = self._longer(at)
        return self.resolve(at) if run.meets(keep, at) else replace(self, run=run)

    def _longer(self, at: datetime) -> Run:
        return Run(at) if self.run is None else replace(self.run, windows=self.run.windows + 1)

    def fire(self, at: datetime) -> Machine:
        """Begin to fire, unless it does."""
        if self.phase is Phase.FIRING:
            return self
        return replace(self, phase=Phase.FIRING, run=None, fired=at, ended=None)

    def resolve(self, at: datetime) -> Machine:
        """End the alert, or what would have become one."""
        if self.phase is Phase.FIRING:
            return replace(self, phase=Phase.RESOLVED, run=None, ended=at)
        return replace(self, phase=Phase.INACTIVE, run=None) if self.phase is Phase.PENDING else self

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, without what is None."""
        run = {"since": self.run.since.isoformat(), "windows": self.run.windows} if self.run else None
        times = {name: time.isoformat() if (time := getattr(self, name)) else None for name in _TIMES}
        values = {"phase": str(self.phase), "run": run, **times}
        return {name: value for name, value in values.items() if value is not None}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Read what `to_dict` wrote."""
        run = values.get("run")
        times = {name: datetime.fromisoformat(values[name]) for name in _TIMES if name in values}
        begun = Run(datetime.fromisoformat(run["since"]), run["windows"]) if run else None
        return cls(phase=Phase(values["phase"]), run=begun, **times)
