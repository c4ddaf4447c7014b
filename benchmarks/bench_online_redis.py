"""Read 100 features of 1 and of 1,000 keys from Redis over a Unix socket, one call a time.

Ours: one value a key, one MGET, decoded into float64[n, 100] with what was found and when. Beside it the plain ways of
redis-py: a hash a key (as Feast lays them out), all of its fields by HVALS in one pipeline, and a JSON text a key by
MGET, both decoded into the same matrix. The floor is the MGET of our values with nothing decoded.
"""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import redis
from numpy.typing import NDArray
from redis_server import redis_server

from mlops_runtime.data import Column, Schema
from mlops_runtime.features.online import OnlineView
from mlops_runtime.features.online.redis import RedisStore
from mlops_runtime.sizing import Contender, Measurement, benchmark_main, measure

_FEATURES = 100
_BATCH = 10_000


def run(quick: bool) -> list[Measurement]:
    """Measure batches of 1 and of 1,000 keys."""
    stored, rounds = (2_000, 20) if quick else (100_000, 1_000)
    with redis_server() as url, redis.Redis.from_url(url) as client:
        store = RedisStore(url, _view())
        _fill(store, client, stored)
        return [_measure(store, client, stored, keys, rounds // (1 if keys == 1 else 5)) for keys in (1, 1_000)]


def _view() -> OnlineView:
    features = Schema(tuple(Column(f"x{j}", "number") for j in range(_FEATURES)))
    return OnlineView("bench", Schema((Column("id", "integer"),)), features)


def _fill(store: RedisStore, client: redis.Redis, rows: int) -> None:
    rng = np.random.default_rng(0)
    for start in range(0, rows, _BATCH):
        ids = np.arange(start, min(start + _BATCH, rows))
        values = rng.normal(size=(len(ids), _FEATURES))
        times = np.full(len(ids), 1, np.int64)
        with store.writing() as writing:
            columns = {f"x{j}": values[:, j] for j in range(_FEATURES)}
            writing.add(pa.table({"id": ids, **columns}), times, times)
        pipeline = client.pipeline(transaction=False)
        for key, row in zip(ids.tolist(), values, strict=True):
            pipeline.hset(f"hash:{key}", mapping={f"x{j}": value for j, value in enumerate(row.tolist())})
            pipeline.set(f"json:{key}", json.dumps(row.tolist()))
        pipeline.execute()


def _measure(store: RedisStore, client: redis.Redis, stored: int, keys: int, rounds: int) -> Measurement:
    rng = np.random.default_rng(1)

    def asked() -> list[int]:
        chosen: list[int] = rng.integers(0, stored, keys).tolist()
        return chosen

    def of_hashes() -> NDArray[np.float64]:
        pipeline = client.pipeline(transaction=False)
        for key in asked():
            pipeline.hvals(f"hash:{key}")
        return np.array([list(map(float, values)) for values in pipeline.execute()])

    def of_json() -> NDArray[np.float64]:
        return np.array([json.loads(text) for text in client.mget([f"json:{key}" for key in asked()])])

    prefix = b"mlrt:online:default:bench:row:"
    measurement = measure(
        f"online read from Redis, {keys:,} keys x {_FEATURES} features, Unix socket",
        [
            Contender("mlops_runtime", lambda: store.read(asked()), role="subject"),
            Contender("redis-py, a hash a key", of_hashes),
            Contender("redis-py, JSON", of_json),
            Contender(
                "MGET alone",
                lambda: client.mget([prefix + key.to_bytes(8, "little") for key in asked()]),
                role="floor",
            ),
        ],
        rounds=rounds,
        warmup=3,
    )
    for timing in measurement.timings:
        p50, p99 = (1e6 * np.quantile(timing.wall_s, share) for share in (0.5, 0.99))
        print(f"{measurement.name}: {timing.name}: p50 {p50:,.0f} us, p99 {p99:,.0f} us")
    return measurement


if __name__ == "__main__":
    benchmark_main("online_redis", run, packages=("redis",))
