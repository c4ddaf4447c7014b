"""New points for the rules: from files of JSON lines that grow, and from a store of windows."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from mlops_runtime.core.errors import ConfigError, DataError, problem
from mlops_runtime.monitoring.points import Point, Span
from mlops_runtime.monitoring.report.drift import DriftReport
from mlops_runtime.monitoring.report.points import drift_points
from mlops_runtime.monitoring.windows import Window, WindowStore

__all__ = ["PointsFile", "WindowReader", "add_up"]

_LOOK_BACK = timedelta(hours=1)
_KEYS_END_AFTER = timedelta(days=1)


class PointsFile:
    """A file with a point on each line, as `Point.to_dict` writes it; every call to `read` gives what came since.

    A line may hold more of them: under `points`, or in `windows`, as `mlrt monitor labels --json` prints them.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self._lines = 0

    def read(self) -> list[Point]:
        """Return the new points; a line that is still being written waits for its end.

        Raises ConfigError when the file cannot be read, DataError, saying where, for a line that is no point.
        """
        try:
            with self._path.open("rb") as stream:
                stream.seek(self._offset)
                lines = stream.read().splitlines(keepends=True)
        except OSError as error:
            got = str(error.strerror)
            raise ConfigError(
                problem(expected="a file of points", got=got, where=str(self._path), next_step="check the path")
            ) from error
        points = []
        for line in lines:
            try:
                points += _points_of(json.loads(line)) if line.strip() else []
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                if not line.endswith(b"\n"):
                    break
                raise self._no_point(error) from error
            self._offset += len(line)
            self._lines += 1
        return points

    def _no_point(self, error: Exception) -> DataError:
        expected = 'a point, {"metric", "value", "span": {"start", "end"}, "n", "low", "high", "labels"}'
        got = f"{type(error).__name__}: {error}"
        where = f"{self._path}, line {self._lines + 1}"
        return DataError(problem(expected=expected, got=got, where=where, next_step="correct or remove the line"))


def _points_of(values: Mapping[str, Any]) -> list[Point]:
    if "windows" in values:
        return [point for window in values["windows"] for point in _points_of(window)]
    if "points" in values:
        return [Point.from_dict(one) for one in values["points"]]
    return [Point.from_dict(values)]


class WindowReader:
    """The windows of a store that were not read before, as points; the reports they come from are at hand until then.

    over: names of keys; windows that differ in them alone are also added up (exactly), so that a rule sees the whole
    and its evidence the segments. settle: how long a window must have been over, for servers that write parts of one.
    reads: how often it was read.
    """

    def __init__(self, store: WindowStore, *, over: Sequence[str] = (), settle: timedelta = timedelta(0)) -> None:
        self._store = store
        self._over = tuple(over)
        self._settle = settle
        self.reads = 0
        self._reports: dict[tuple[Span, frozenset[tuple[str, str]]], DriftReport] = {}

    def read(self, *, cursor: str, now: datetime) -> tuple[list[Point], str]:
        """Return the points of windows that are newer, in their key, than `cursor` says, and the next cursor.

        A key that begins is found if its windows end at most an hour before those of the others. Raises as
        `WindowStore.windows`.
        """
        read = {key: datetime.fromisoformat(end) for key, end in (json.loads(cursor) if cursor else {}).items()}
        since = min(read.values()) - _LOOK_BACK if read else None
        over = [one for one in self._store.windows(since=since) if one.span.end <= now - self._settle]
        new = [window for window in over if _key(window) not in read or window.span.end > read[_key(window)]]
        self.reads += 1
        self._reports = {}
        points: list[Point] = []
        for window in (*new, *add_up(new, self._over)):
            report = window.report(self._store.baseline(window.baseline))
            self._reports[window.span, frozenset(window.key.items())] = report
            points += drift_points(report, window.span, window.key)
        return points, _cursor(read, new)

    def report_of(self, point: Point) -> DriftReport | None:
        """Return the report that a point of the last `read` comes from."""
        labels = {name: value for name, value in point.labels.items() if name != "column"}
        return self._reports.get((point.span, frozenset(labels.items())))


def _key(window: Window) -> str:
    return json.dumps(sorted(window.key.items()))


def _cursor(read: Mapping[str, datetime], new: Sequence[Window]) -> str:
    """Return the newest end of each key, without keys that ended a day before the newest of all."""
    ends = dict(read)
    for window in new:
        ends[_key(window)] = max(window.span.end, ends.get(_key(window), window.span.end))
    oldest = max(ends.values()) - _KEYS_END_AFTER if ends else None
    return json.dumps({key: end.isoformat() for key, end in ends.items() if oldest is not None and end >= oldest})


def add_up(windows: Iterable[Window], over: Sequence[str]) -> list[Window]:
    """Return the sums of windows that differ in the keys `over` alone; weighted ones do not add and are left out."""
    sums: dict[tuple[object, ...], Window] = {}
    for window in windows:
        if window.weighted or not set(over) & window.key.keys():
            continue
        part = replace(window, key={name: value for name, value in window.key.items() if name not in over})
        before = sums.get(part.identity)
        sums[part.identity] = part if before is None else before.merge(part)
    return list(sums.values())
