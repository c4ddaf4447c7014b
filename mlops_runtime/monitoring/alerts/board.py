"""Everything alerts remember: one file, replaced whole: after a crash it is that of one round or of the next."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

from mlops_runtime.core.blob import read_regular
from mlops_runtime.core.durable import durable_write
from mlops_runtime.core.errors import IntegrityError, problem
from mlops_runtime.monitoring.alerts.grouping import Groups
from mlops_runtime.monitoring.alerts.machine import Phase
from mlops_runtime.monitoring.alerts.series import Series
from mlops_runtime.monitoring.points import Point
from mlops_runtime.monitoring.rules.document import Rule

__all__ = ["Board"]

_FILE = "board.json"
_FORMAT = 1
_RESTATED = "restated"  # a window measured again, with labels that came late, is of the series that it was of
_FORGET_AFTER = timedelta(days=30)

_Key = tuple[str, frozenset[tuple[str, str]]]


@dataclass(slots=True)
class Board:
    """series: by rule and labels. groups: alerts that wait to be told. told: how many notifications there were.

    cursor: how far the source of points was read; its meaning is the reader's.
    """

    series: dict[_Key, Series] = field(default_factory=dict)
    groups: Groups = field(default_factory=Groups)
    told: int = 0
    cursor: str = ""

    def of(self, rule: Rule, point: Point) -> Series:
        """Return the series of a point under a rule, a new one where there is none."""
        labels = {name: value for name, value in point.labels.items() if name != _RESTATED}
        key = (rule.name, frozenset(labels.items()))
        found = self.series.get(key)
        if found is None:
            found = self.series[key] = Series(rule.name, labels, point)
        return found

    def forget(self) -> None:
        """Drop what has not been seen for 30 days, by the time of the data, and of which nobody believes it fires."""
        seen = [one.machine.seen for one in self.series.values() if one.machine.seen is not None]
        oldest = max(seen) - _FORGET_AFTER if seen else None
        for key, one in list(self.series.items()):
            is_quiet = one.machine.phase is not Phase.FIRING and one.told is None
            if is_quiet and oldest is not None and (one.machine.seen is None or one.machine.seen < oldest):
                del self.series[key]

    def save(self, folder: Path) -> None:
        """Write the board durably. Raises ConfigError or CapacityError when that cannot be done."""
        values = {
            "format": _FORMAT,
            "told": self.told,
            "cursor": self.cursor,
            "groups": self.groups.to_list(),
            "series": [one.to_dict() for one in self.series.values()],
        }
        durable_write(folder / _FILE, json.dumps(values).encode(), mode=0o600)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read the board of a folder, an empty one where there is none. Raises IntegrityError for another file."""
        path = folder / _FILE
        if not path.exists():
            return cls()
        try:
            return cls._of(json.loads(read_regular(path)))
        except (KeyError, TypeError, ValueError) as error:
            next_step = "restore it, or remove it: then every alert starts anew"
            raise IntegrityError(
                problem(expected="the state of alerts, format 1", got=str(error), where=str(path), next_step=next_step)
            ) from error

    @classmethod
    def _of(cls, values: Mapping[str, Any]) -> Self:
        if values["format"] != _FORMAT:
            raise ValueError(f"format {values['format']}")
        series = {}
        for one in map(Series.from_dict, values["series"]):
            series[(one.rule, frozenset(one.labels.items()))] = one
        return cls(series, Groups.from_list(values["groups"]), values["told"], values["cursor"])
