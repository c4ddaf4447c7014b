"""A batch into the store: who wins when an id comes twice, and which windows must be measured anew.

The result of a join does not depend on the order or number of times that rows arrive:
 - of several predictions of one id the earliest stays, of equally early ones that of the lowest scores;
 - of several labels of one id the one of the latest time stays (a correction), of equally late ones the highest.
"""

from __future__ import annotations

import sqlite3
from dataclasses import asdict, dataclass

from mlops_runtime.monitoring.performance.join.reading import Rows
from mlops_runtime.monitoring.performance.join.spec import JoinSpec
from mlops_runtime.monitoring.performance.join.store import Store

__all__ = ["Received", "receive_labels", "receive_predictions"]


@dataclass(frozen=True, slots=True)
class Received:
    """What became of a batch's rows: rows = new + changed + repeated + late + unreadable.

    changed: took the place of another one of their id. repeated: that or a better one was there. late: of windows that
    were forgotten.
    """

    rows: int
    new: int
    changed: int
    repeated: int
    late: int
    unreadable: int

    def to_dict(self) -> dict[str, int]:
        """Return plain values for JSON."""
        return asdict(self)


def receive_predictions(store: Store, rows: Rows, spec: JoinSpec) -> Received:
    """Add predictions, all or none."""
    scores = [f"s{at}" for at in range(len(spec.scores))]
    names = [*scores, *(f"g{at}" for at in range(len(spec.groups)))]
    columns, rank = ", ".join(["id", "time", "start", *names]), ", ".join(["time", *scores])
    with store.transaction() as connection:
        width = spec.window_us
        placed = ((row[0], row[1], row[1] - row[1] % width, *row[2:]) for row in rows.tuples())
        late = _stage(connection, columns, placed, f"start < {store.state('forgotten_us')}")
        best = f"SELECT *, row_number() OVER (PARTITION BY id ORDER BY {rank}) AS place FROM incoming"
        connection.execute(
            "CREATE TEMP TABLE better AS SELECT i.*, p.start AS was FROM "
            f"({best}) i LEFT JOIN prediction p USING (id) "
            f"WHERE place = 1 AND (p.id IS NULL OR {_row('i', rank)} < {_row('p', rank)})"
        )
        connection.execute(f"INSERT OR REPLACE INTO prediction ({columns}) SELECT {columns} FROM better")
        _soil(connection, "SELECT start FROM better UNION SELECT was FROM better WHERE was IS NOT NULL")
        return _finish(store, rows, late, "prediction")


def receive_labels(store: Store, rows: Rows) -> Received:
    """Add labels, all or none."""
    with store.transaction() as connection:
        late = _stage(connection, "id, time, value", rows.tuples(), f"time < {store.state('forgotten_us')}")
        best = "SELECT *, row_number() OVER (PARTITION BY id ORDER BY time DESC, value DESC) AS place FROM incoming"
        connection.execute(
            "CREATE TEMP TABLE better AS SELECT i.*, l.value AS was FROM "
            f"({best}) i LEFT JOIN label l USING (id) "
            "WHERE place = 1 AND (l.id IS NULL OR (i.time, i.value) > (l.time, l.value))"
        )
        connection.execute("INSERT OR REPLACE INTO label SELECT id, time, value FROM better")
        _soil(connection, "SELECT p.start FROM better b JOIN prediction p USING (id) WHERE b.was IS NOT b.value")
        return _finish(store, rows, late, "label")


def _stage(connection: sqlite3.Connection, columns: str, rows: object, late: str) -> int:
    """Put rows into the temporary table `incoming`, without the late ones; return how many these were."""
    for table in ("incoming", "better"):
        connection.execute(f"DROP TABLE IF EXISTS temp.{table}")
    connection.execute(f"CREATE TEMP TABLE incoming ({columns})")
    marks = ", ".join("?" * len(columns.split(", ")))
    connection.executemany(f"INSERT INTO incoming VALUES ({marks})", rows)  # type: ignore[arg-type]
    return connection.execute(f"DELETE FROM incoming WHERE {late}").rowcount


def _soil(connection: sqlite3.Connection, starts: str) -> None:
    """Mark windows as to be measured anew."""
    connection.execute(
        f"INSERT INTO window (start, dirty) SELECT DISTINCT start, 1 FROM ({starts}) WHERE true "
        "ON CONFLICT (start) DO UPDATE SET dirty = 1"
    )


def _finish(store: Store, rows: Rows, late: int, kind: str) -> Received:
    """Advance the latest time seen, and count what came."""
    one = store.connection.execute
    latest = one("SELECT max(time) FROM incoming").fetchone()[0]
    if latest is not None:
        store.put("seen_us", max(store.state("seen_us"), latest))
    new, changed = one("SELECT count(*) FILTER (WHERE was IS NULL), count(was) FROM better").fetchone()
    repeated = rows.received - rows.unreadable - late - new - changed
    received = Received(rows.received, new, changed, repeated, late, rows.unreadable)
    for name, more in received.to_dict().items():
        store.count(f"{kind}.{name}", more)
    return received


def _row(alias: str, columns: str) -> str:
    return "(" + ", ".join(f"{alias}.{column}" for column in columns.split(", ")) + ")"
