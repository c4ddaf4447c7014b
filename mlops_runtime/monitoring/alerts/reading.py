"""New points for the rules: from files of JSON lines that grow, and from a store of windows."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from mlops_runtime.core.errors import ConfigError, DataError, SchemaError, problem
from mlops_runtime.monitoring.alerts.sequences import Sequences
from mlops_runtime.monitoring.points import Point, Span
from mlops_runtime.monitoring.report.drift import DriftReport
from mlops_runtime.monitoring.report.points import drift_points
from mlops_runtime.monitoring.windows import Window, WindowStore

__all__ = ["PointsFile", "WindowReader", "add_up"]

_LOOK_BACK = timedelta(hours=1)
_KEYS_END_AFTER = timedelta(days=1)
_REMEMBERED = 12
_SUM = "sum of "


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

    Verdicts are sequential (`sequences.py`): each window is judged as the latest of its key, and may be judged as often
    as windows come. over: names of keys; windows that differ in them alone are also added up (exactly), so that a rule
    sees the whole and its evidence the segments. settle: how long a window must have been over, for servers that write
    parts of one. reads: how often it was read.
    """

    def __init__(self, store: WindowStore, *, over: Sequence[str] = (), settle: timedelta = timedelta(0)) -> None:
        self._store = store
        self._over = tuple(over)
        self._settle = settle
        self.reads = 0
        self._reports: dict[tuple[Span, frozenset[tuple[str, str]]], DriftReport] = {}

    def read(self, *, cursor: str, now: datetime) -> tuple[list[Point], str]:
        """Return the points of windows that are newer, in their key, than `cursor` says, and the next cursor.

        A key that begins is found if its windows end at most an hour before those of the others. One of a key's last
        windows that has grown since it was read, by rows that came late, is given again: its statistics are of all
        rows, its verdict of those that were there in time. Raises as `WindowStore.windows`, and SchemaError for a
        cursor that is none.
        """
        read, texts = _read_cursor(cursor)
        since = min(map(max, read.values())) - _LOOK_BACK if read else None
        over = [one for one in self._store.windows(since=since) if one.span.end <= now - self._settle]
        new = [window for window in over if _is_new(window, read.get(_key(window), {}))]
        self.reads += 1
        self._reports = {}
        sequences = Sequences(texts)
        points: list[Point] = []
        for place, windows in (("", new), (_SUM, add_up(new, self._over))):
            for window in windows:
                baseline = self._store.baseline(window.baseline)
                report = sequences.judge(place + _key(window), window, baseline)
                self._reports[window.span, frozenset(window.key.items())] = report
                points += drift_points(report, window.span, window.key)
        return points, _cursor(read, new, sequences) if new else cursor

    def report_of(self, point: Point) -> DriftReport | None:
        """Return the report that a point of the last `read` comes from."""
        labels = {name: value for name, value in point.labels.items() if name != "column"}
        return self._reports.get((point.span, frozenset(labels.items())))


_Read = dict[datetime, int]  # the rows of a key's last windows as they were read, by when they ended


def _key(window: Window) -> str:
    return json.dumps(sorted(window.key.items()))


def _is_new(window: Window, read: _Read) -> bool:
    """Whether a window ended later than all of its key that were read, or has grown since."""
    return not read or window.span.end > max(read) or window.rows > read.get(window.span.end, window.rows)


def _read_cursor(cursor: str) -> tuple[dict[str, _Read], dict[str, str]]:
    """Return what was read of each key, and the texts of the sequences."""
    if not cursor:
        return {}, {}
    try:
        values = json.loads(cursor)
        read = {
            key: {datetime.fromisoformat(end): int(rows) for end, rows in ends.items()}
            for key, ends in values["read"].items()
            if ends
        }
        return read, {str(key): str(text) for key, text in values["sequences"].items()}
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        got, next_step = f"{type(error).__name__}: {error}", "remove the folder of alerts to start afresh"
        expected = "how far the windows were read"
        raise SchemaError(problem(expected=expected, got=got, where="alerts", next_step=next_step)) from error


def _cursor(read: Mapping[str, _Read], new: Sequence[Window], sequences: Sequences) -> str:
    """Return the last windows of each key, and its sequence, without keys that ended a day before the newest of all."""
    ends = {key: dict(one) for key, one in read.items()}
    for window in new:
        ends.setdefault(_key(window), {})[window.span.end] = window.rows
    oldest = max(map(max, ends.values())) - _KEYS_END_AFTER
    kept = {
        key: {end: one[end] for end in sorted(one)[-_REMEMBERED:]} for key, one in ends.items() if max(one) >= oldest
    }
    written = {key: {end.isoformat(): rows for end, rows in one.items()} for key, one in kept.items()}
    whole = {frozenset(map(tuple, json.loads(key))) for key in kept}
    texts = {
        key: text
        for key, text in sequences.texts().items()
        if any(frozenset(map(tuple, json.loads(key.removeprefix(_SUM)))) <= one for one in whole)
    }
    return json.dumps({"read": written, "sequences": texts})


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
