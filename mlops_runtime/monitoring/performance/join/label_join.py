"""Predictions and labels in, the performance of each window out: once when it closes, again when it is corrected."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa

from mlops_runtime.core import clock
from mlops_runtime.monitoring.performance.join.reading import label_rows, prediction_rows
from mlops_runtime.monitoring.performance.join.receive import Received, receive_labels, receive_predictions
from mlops_runtime.monitoring.performance.join.spec import JoinSpec
from mlops_runtime.monitoring.performance.join.store import Store
from mlops_runtime.monitoring.performance.measure import performance_points
from mlops_runtime.monitoring.performance.measured import proportion
from mlops_runtime.monitoring.performance.metrics import read_groups
from mlops_runtime.monitoring.performance.scoring import ScoredRows
from mlops_runtime.monitoring.points import Point

__all__ = ["JoinStatus", "LabelJoin", "Published"]

_FILE = "labels.db"


@dataclass(frozen=True, slots=True)
class Published:
    """The points of one window.

    sequence: grows with each; remember the last one read. revision: 1 when the window closed, more when a late or
    corrected row changed it, which its points say under the label `restated`.
    """

    sequence: int
    revision: int
    points: tuple[Point, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        points = [point.to_dict() for point in self.points]
        return {"sequence": self.sequence, "revision": self.revision, "points": points}


@dataclass(frozen=True, slots=True)
class JoinStatus:
    """Where a join stands. watermark: labels of predictions before it are taken to be in; None before any row.

    waiting, orphans: predictions without a label, labels without a prediction. counts: what became of all rows so far
    (see `Received`), and of those forgotten: `unlabelled` predictions, `orphans`, `windows` with their points.
    """

    watermark: datetime | None
    open_windows: int
    waiting: int
    orphans: int
    counts: dict[str, int]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        watermark = self.watermark.isoformat() if self.watermark else None
        numbers = {"open_windows": self.open_windows, "waiting": self.waiting, "orphans": self.orphans}
        return {"watermark": watermark, **numbers, "counts": dict(self.counts)}


class LabelJoin:
    """Joins by id, exactly once, in a file that survives a kill at any instant; memory is that of one batch or window.

    A batch that was accepted is never lost, and may be sent again: repeated rows change nothing. `close` and the points
    that it makes are one transaction, so that no window is lost or published twice under one revision.
    Not safe for threads; several processes may open one folder.
    """

    def __init__(self, folder: Path, spec: JoinSpec) -> None:
        self._spec = spec
        self._store = Store(folder / _FILE, spec)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._store.close()

    def add_predictions(self, table: object) -> Received:
        """Add a batch (any Arrow-able object): id, time, scores and groups. Raises SchemaError for other columns."""
        return receive_predictions(self._store, prediction_rows(table, self._spec), self._spec)

    def add_labels(self, table: object) -> Received:
        """Add a batch (any Arrow-able object): id, time and value. Raises SchemaError for other columns."""
        return receive_labels(self._store, label_rows(table, self._spec))

    def close(self, *, all_windows: bool = False) -> list[Published]:
        """Measure each window before the watermark that is new or was changed; then forget what is past its time.

        all_windows: close the open ones as well, at the end of the data.
        """
        watermark = self._watermark_us()
        if watermark is None:
            return []
        bound = np.iinfo(np.int64).max if all_windows else watermark - self._spec.window_us
        due = self._store.rows("SELECT start FROM window WHERE dirty AND start <= ? ORDER BY start", (int(bound),))
        published = [self._publish(start) for (start,) in due]
        self._forget(watermark - self._spec.horizon_s * 1_000_000 - self._spec.window_us)
        self._forget_points(watermark - self._spec.points_s * 1_000_000 - self._spec.window_us)
        return [each for each in published if each is not None]

    def published(self, *, after: int = 0) -> list[Published]:
        """Return the latest revision of every window published after a sequence number, in order."""
        found = self._store.rows(
            "SELECT sequence, revision, points FROM published WHERE sequence > ? ORDER BY sequence", (after,)
        )
        return [
            Published(sequence, revision, tuple(map(Point.from_dict, json.loads(points))))
            for sequence, revision, points in found
        ]

    def status(self) -> JoinStatus:
        """Return where the join stands."""
        watermark, one = self._watermark_us(), self._store.rows
        counted = one("SELECT name, value FROM state WHERE name GLOB '*.*' ORDER BY name")
        return JoinStatus(
            watermark=None if watermark is None else datetime.fromtimestamp(watermark / 1e6, UTC),
            open_windows=one("SELECT count(*) FROM window WHERE dirty")[0][0],
            waiting=one("SELECT count(*) FROM prediction WHERE id NOT IN (SELECT id FROM label)")[0][0],
            orphans=one("SELECT count(*) FROM label WHERE id NOT IN (SELECT id FROM prediction)")[0][0],
            counts=dict(counted),
        )

    def _watermark_us(self) -> int | None:
        """The latest time seen, less the delay; a time in the future moves it no further than the clock."""
        seen = self._store.state("seen_us")
        now_us = int(clock.now().timestamp() * 1e6)
        return min(seen, now_us) - self._spec.delay_s * 1_000_000 if seen else None

    def _publish(self, start: int) -> Published | None:
        """Measure one window; None when another process has meanwhile."""
        with self._store.transaction() as connection:
            found = connection.execute("SELECT revision FROM window WHERE start = ? AND dirty", (start,)).fetchone()
            if found is None:
                return None
            revision = found[0] + 1
            points = self._measure(start, revision)
            connection.execute("UPDATE window SET dirty = 0, revision = ? WHERE start = ?", (revision, start))
            body = json.dumps([point.to_dict() for point in points])
            written = connection.execute(
                "INSERT OR REPLACE INTO published (start, revision, points) VALUES (?, ?, ?)", (start, revision, body)
            )
        return Published(written.lastrowid or 0, revision, tuple(points))

    def _measure(self, start: int, revision: int) -> list[Point]:
        """Rows in the order of their ids, so that the same rows give the same bits however they came."""
        spec = self._spec
        rows = self._store.rows(
            "SELECT p.*, l.value FROM prediction p LEFT JOIN label l USING (id) WHERE p.start = ? ORDER BY p.id",
            (start,),
        )
        labelled = [row for row in rows if row[-1] is not None]
        labels = {**spec.labels, **({"restated": str(revision)} if revision > 1 else {})}
        coverage = proportion("label_coverage", len(labelled), len(rows)).point(spec.span(start), labels)
        width = len(spec.scores)
        numbers = np.array([(*row[3 : 3 + width], row[-1]) for row in labelled], np.float64).reshape(-1, width + 1)
        groups = tuple(
            read_groups(
                pa.chunked_array([pa.array([row[3 + width + at] for row in labelled], pa.string())]), column=name
            )
            for at, name in enumerate(spec.groups)
        )
        scored = ScoredRows(numbers[:, :width], numbers[:, width], groups)
        return [coverage, *performance_points(scored, spec.scoring, spec.span(start), labels)]

    def _forget(self, last_start: int) -> None:
        """Drop the rows of published windows up to this one, and count what never found its other half."""
        first_kept = last_start - last_start % self._spec.window_us + self._spec.window_us
        if first_kept <= self._store.state("forgotten_us"):
            return
        with self._store.transaction() as connection:
            one = connection.execute
            first_kept = min(first_kept, one("SELECT min(start) FROM window WHERE dirty").fetchone()[0] or first_kept)
            old = "FROM prediction WHERE start < ?"
            unlabelled = one(f"SELECT count(*) {old} AND id NOT IN (SELECT id FROM label)", (first_kept,)).fetchone()[0]
            one(f"DELETE FROM label WHERE id IN (SELECT id {old})", (first_kept,))
            one(f"DELETE {old}", (first_kept,))
            one("DELETE FROM window WHERE start < ?", (first_kept,))
            lonely = "DELETE FROM label WHERE time < ? AND id NOT IN (SELECT id FROM prediction)"
            self._store.count("forgotten.orphans", one(lonely, (first_kept,)).rowcount)
            self._store.count("forgotten.unlabelled", unlabelled)
            self._store.put("forgotten_us", first_kept)

    def _forget_points(self, last_start: int) -> None:
        """Drop the points of windows up to this one, and count the windows."""
        if self._store.rows("SELECT 1 FROM published WHERE start <= ? LIMIT 1", (last_start,)):
            with self._store.transaction() as connection:
                gone = connection.execute("DELETE FROM published WHERE start <= ?", (last_start,)).rowcount
                self._store.count("forgotten.windows", gone)
