"""Read 100 features of 1 and of 1,000 of a million keys, one call a time, keys chosen at random beforehand.

Ours: the embedded store, keys in, float64[n, 100] out with what was found and when; in one segment, and in several, as
it may be between merges. Peers give the same matrix: SQLite (a blob a key, all of it mapped) and Redis over a Unix
socket (a packed value a key, one MGET, redis-py; 100,000 keys). The floor is a Python dict of numpy rows, copied into a
new matrix: each row an object of its own, in each process that reads.
"""

from __future__ import annotations

import itertools
import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from redis_server import redis_server

from mlops_runtime.data import Column, Schema
from mlops_runtime.features.online import OnlineStore, OnlineView
from mlops_runtime.features.online.embedded import EmbeddedStore
from mlops_runtime.features.online.redis import RedisStore
from mlops_runtime.sizing import Contender, Measurement, benchmark_main, measure

_FEATURES = 100
_BATCH = 50_000
_MOST_REDIS_KEYS = 100_000
_LISTS = 4096  # of keys to ask for
_MAPPED_BYTES = 4 << 30
_VIEW = OnlineView(
    "bench", Schema((Column("id", "integer"),)), Schema(tuple(Column(f"x{j}", "number") for j in range(_FEATURES)))
)
_Read = Callable[[list[int]], object]


def run(quick: bool) -> list[Measurement]:
    """Measure 1 key and 1,000 keys."""
    stored, rounds = (20_000, 7) if quick else (1_000_000, 51)
    values = np.random.default_rng(0).normal(size=(stored, _FEATURES))
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mlrt-bench-")))
        whole, parted = EmbeddedStore(folder / "whole", _VIEW), EmbeddedStore(folder / "parted", _VIEW)
        _fill(whole, values)
        for share in (1, 5, 25):  # each small enough beside the one before to stay a segment of its own
            _fill(parted, values[: stored // share])
        redis_store = RedisStore(stack.enter_context(redis_server()), _VIEW)
        _fill(redis_store, values[:_MOST_REDIS_KEYS])
        database = stack.enter_context(sqlite3.connect(folder / "rows.db"))
        _fill_sqlite(database, values)
        rows = {key: row.copy() for key, row in enumerate(values)}
        return [
            measure(
                f"online read in process, {keys:,} keys of {stored:,} x {_FEATURES} features",
                [
                    _contender("mlops_runtime", whole.read, stored, keys, role="subject"),
                    _contender(f"mlops_runtime, {len(parted.manifest.segments)} segments", parted.read, stored, keys),
                    _contender("sqlite3", lambda wanted: _of_sqlite(database, wanted), stored, keys),
                    _contender("redis", redis_store.read, min(stored, _MOST_REDIS_KEYS), keys),
                    _contender("dict of numpy rows", lambda wanted: _of_dict(rows, wanted), stored, keys, role="floor"),
                ],
                rounds=rounds,
                warmup=3,
            )
            for keys in (1, 1_000)
        ]


def _fill(store: OnlineStore, values: NDArray[np.float64]) -> None:
    with store.writing() as writing:
        for start in range(0, len(values), _BATCH):
            part = values[start : start + _BATCH]
            times = np.full(len(part), 1, np.int64)
            columns = {f"x{j}": part[:, j] for j in range(_FEATURES)}
            writing.add(pa.table({"id": np.arange(start, start + len(part)), **columns}), times, times)


def _fill_sqlite(database: sqlite3.Connection, values: NDArray[np.float64]) -> None:
    database.execute(f"PRAGMA mmap_size = {_MAPPED_BYTES}")
    database.execute("CREATE TABLE rows (id INTEGER PRIMARY KEY, x BLOB NOT NULL)")
    with database:
        database.executemany("INSERT INTO rows VALUES (?, ?)", ((key, row.tobytes()) for key, row in enumerate(values)))


def _contender(name: str, read: _Read, stored: int, keys: int, *, role: str = "peer") -> Contender:
    """Read the next of the lists at each call."""
    lists = np.random.default_rng(1).integers(0, stored, (_LISTS if keys == 1 else _LISTS // 32, keys)).tolist()
    turns = itertools.cycle(lists)
    calls = 200 if keys == 1 else 10
    return Contender(name, lambda: read(next(turns)), role=role, calls=calls)  # type: ignore[arg-type]


def _of_sqlite(database: sqlite3.Connection, wanted: list[int]) -> NDArray[np.float64]:
    marks = ",".join("?" * len(wanted))
    found = dict(database.execute(f"SELECT id, x FROM rows WHERE id IN ({marks})", wanted))
    return np.frombuffer(b"".join(map(found.__getitem__, wanted))).reshape(len(wanted), _FEATURES)


def _of_dict(rows: dict[int, NDArray[np.float64]], wanted: list[int]) -> NDArray[np.float64]:
    matrix = np.empty((len(wanted), _FEATURES))
    for place, key in enumerate(wanted):
        matrix[place] = rows[key]
    return matrix


if __name__ == "__main__":
    benchmark_main("online", run, packages=("redis",))
