"""Check a training set of 1M rows against 5M feature rows in memory: is any value of the future, and which?

One row in a hundred was given what was known a month later, as a query for the latest values does. duckdb answers in
SQL: without late data by its ASOF join, with late data (every fifth row is known up to two weeks after its event) by
the greatest (event, known, ordinal) of all rows available in time. Both then look for the feature rows that hold what
the wrong rows recorded, and count the kinds of leaks, which are compared before anything is timed. The SQL holds only
for tables without expiry or missing values; ours does what it always does. The floor reads every byte once.
"""

from __future__ import annotations

import duckdb
import numpy as np
import pyarrow as pa
from wide_table import plain_read

from mlops_runtime import _native
from mlops_runtime.features.join import join
from mlops_runtime.features.leaks import find_leaks
from mlops_runtime.features.tables import FeatureTable
from mlops_runtime.sizing import Contender, Measurement, benchmark_main, measure

_ROWS, _FEATURE_ROWS, _KEYS = 1_000_000, 5_000_000, 200_000
_VALUES = tuple(f"v{i}" for i in range(4))
_DAY_US = 86_400_000_000
_WRONG = 0.01

Counts = dict[str, int]

_WINNERS = {
    "no late data": """
        SELECT t.*, {features} FROM training t
        ASOF LEFT JOIN features f ON t.key = f.key AND t.time >= f.event""",
    "late data": """
        SELECT t.*, {unpacked} FROM training t LEFT JOIN (
            SELECT t.row, max(ROW(f.event, f.known, f.ordinal, {features})) w
            FROM training t JOIN features f ON t.key = f.key AND t.time >= greatest(f.event, f.known) GROUP BY t.row
        ) found ON found.row = t.row""",
}
_EXPLAINED = """
    WITH correct AS ({winners}), wrong AS (SELECT * FROM correct WHERE ({recorded}) IS DISTINCT FROM ({expected}))
    SELECT kind, count(*) FROM (
        SELECT CASE WHEN count(f.event) = 0 THEN 'unexplained'
            WHEN bool_or(greatest(f.event, f.known) <= w.time) THEN 'superseded'
            WHEN first(f.event ORDER BY greatest(f.event, f.known), f.event) <= w.time THEN 'late'
            ELSE 'future' END kind
        FROM wrong w LEFT JOIN features f ON f.key = w.key AND ({held}) = ({recorded_w}) GROUP BY w.row, w.time
    ) GROUP BY kind"""


def run(quick: bool) -> list[Measurement]:
    """Measure without and with late data, at one and at two threads."""
    scale, rounds = (50, 3) if quick else (1, 5)
    found = []
    for name in _WINNERS:
        past, training = tables(_ROWS // scale, _FEATURE_ROWS // scale, _KEYS // scale, is_late=name == "late data")
        found += [_measure(past, training, name, threads, rounds=rounds) for threads in (1, 2)]
    return found


def tables(rows: int, feature_rows: int, keys: int, *, is_late: bool) -> tuple[pa.Table, pa.Table]:
    """Return a feature table of different events for each key, in any order, and a training set made of it."""
    rng = np.random.default_rng(6)
    event = rng.permutation(feature_rows) * (300 * _DAY_US // feature_rows)
    late = np.where(rng.random(feature_rows) < 0.2, rng.integers(0, 14 * _DAY_US, feature_rows), 0) * is_late
    columns = {"key": rng.integers(0, keys, feature_rows), "event": _times(event), "known": _times(event + late)}
    past = pa.table({**columns, **{name: rng.standard_normal(feature_rows) for name in _VALUES}})
    key, time = rng.integers(0, keys, rows), rng.integers(30 * _DAY_US, 270 * _DAY_US, rows)
    seen = np.where(rng.random(rows) < _WRONG, time + 30 * _DAY_US, time)
    values = join(pa.table({"key": key, "time": _times(seen)}), [feature_table(past)], entity_time="time").table
    return past, values.set_column(1, "time", _times(time))


def feature_table(past: pa.Table) -> FeatureTable:
    """Return the feature table, over a frame."""
    return FeatureTable("past", past, ("key",), "event", "known", features=_VALUES)


def _times(microseconds: np.ndarray) -> pa.Array:
    return pa.array(microseconds).cast(pa.timestamp("us", "UTC"))


def _measure(past: pa.Table, training: pa.Table, name: str, threads: int, *, rounds: int) -> Measurement:
    _native.set_thread_count(threads)
    pa.set_cpu_count(threads)

    def ours() -> Counts:
        report = find_leaks(training, [feature_table(past)], entity_time="time")
        return {kind: count for kind, count in report.counts.items() if count}

    with duckdb.connect(config={"threads": threads}) as connection:
        query = _prepare(connection, past, training, name)

        def theirs() -> Counts:
            return dict(connection.sql(query).fetchall())

        found = ours()
        assert found == theirs(), f"{found} is not duckdb's {theirs()}"
        contenders = [
            Contender("mlops_runtime", ours, threads, "subject"),
            Contender("duckdb", theirs, threads),
            Contender("a plain read", plain_read(past), role="floor"),
        ]
        counts = ", ".join(f"{count:,} {kind}" for kind, count in sorted(found.items()))
        title = f"leak check, {training.num_rows:,} rows, {past.num_rows:,} feature rows, {name}, {threads} thread(s)"
        return measure(f"{title}: {counts}", contenders, rounds=rounds, warmup=1)


def _prepare(connection: duckdb.DuckDBPyConnection, past: pa.Table, training: pa.Table, name: str) -> str:
    """Load the tables into duckdb, times as integers; return the query."""
    recorded = training.rename_columns(["key", "time", *(f"r_{value}" for value in _VALUES)])
    for table, source, columns in (("features", past, "event known"), ("training", recorded, "time")):
        times = ", ".join(f"epoch_us({column}) AS {column}" for column in columns.split())
        number = "ordinal" if table == "features" else "row"
        connection.register("source", source)
        connection.execute(
            f"CREATE TABLE {table} AS SELECT * REPLACE ({times}), row_number() OVER () {number} FROM source"
        )
        connection.unregister("source")
    features = ", ".join(f"f.{value}" for value in _VALUES)
    unpacked = ", ".join(f"w[{place}] {value}" for place, value in enumerate(_VALUES, 4))
    return _EXPLAINED.format(
        winners=_WINNERS[name].format(features=features, unpacked=unpacked),
        recorded=", ".join(f"r_{value}" for value in _VALUES),
        recorded_w=", ".join(f"w.r_{value}" for value in _VALUES),
        expected=", ".join(_VALUES),
        held=features,
    )


if __name__ == "__main__":
    benchmark_main("leaks", run, packages=("duckdb", "pyarrow"))
