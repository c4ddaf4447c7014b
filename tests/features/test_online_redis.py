"""The store in Redis and its server: crashes, other writers, other programs, no room, no login."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import redis

from mlops_runtime.core.errors import (
    CapacityError,
    ConfigError,
    IntegrityError,
    PolicyError,
    SchemaError,
    UnavailableError,
)
from mlops_runtime.data import Column, Schema, open_source
from mlops_runtime.features.online import FileState, OnlineView
from mlops_runtime.features.online.embedded import EmbeddedStore
from mlops_runtime.features.online.materialise import materialise
from mlops_runtime.features.online.redis import RedisStore
from mlops_runtime.features.tables import FeatureTable

VIEW = OnlineView(
    "people", Schema((Column("id", "integer"),)), Schema((Column("age", "number"), Column("city", "string")))
)
PREFIX = b"mlrt:online:default:people:row:"
HOUR_US = 3_600_000_000
PASSWORD = "open-sesame"

WRITER = """
import sys
import numpy as np, pyarrow as pa
from mlops_runtime.features.online import FileState
from mlops_runtime.features.online.redis import RedisStore

store = RedisStore(sys.argv[1], "people", timeout_s=5.0)
seed, batches, rows = map(int, sys.argv[2:5])
rng = np.random.default_rng(seed)
with store.writing() as writing:
    for number in range(batches):
        event = rng.integers(0, 1000, rows)
        known = rng.integers(0, 1000, rows)
        stamp = pa.array([f"{e}/{k}" for e, k in zip(event, known)])
        ids = pa.array(rng.integers(0, 500, rows))
        writing.add(pa.table({"id": ids, "age": event * 1000.0 + known, "city": stamp}), event, known)
        print(number, flush=True)
    writing.record(f"file {seed}", FileState(1000, None))
"""


def newest(seed: int, batches: int, rows: int) -> dict[int, tuple[int, int]]:
    """The greatest (event, known) of each id that a `WRITER` writes."""
    rng = np.random.default_rng(seed)
    best: dict[int, tuple[int, int]] = {}
    for _ in range(batches):
        event, known = rng.integers(0, 1000, rows), rng.integers(0, 1000, rows)
        for key, row in zip(
            rng.integers(0, 500, rows).tolist(), zip(event.tolist(), known.tolist(), strict=True), strict=True
        ):
            best[key] = max(best.get(key, row), row)
    return best


def held(store: RedisStore) -> dict[int, tuple[int, int]]:
    """What the store has, each row checked to be whole: its number and its text say the same."""
    rows = store.read(list(range(500)))
    table = rows.table().to_pydict()
    best = {}
    for key in np.flatnonzero(rows.found).tolist():
        event, known = map(int, table["city"][key].split("/"))
        assert table["age"][key] == event * 1000.0 + known
        assert rows.event[key] == event
        best[key] = (event, known)
    return best


@contextmanager
def started_writer(url: str, *numbers: int) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", textwrap.dedent(WRITER), url, *map(str, numbers)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def run_writer(url: str, *numbers: int) -> None:
    with started_writer(url, *numbers) as writer:
        assert writer.communicate(timeout=60)[1] == ""
        assert writer.returncode == 0


def write(store: RedisStore, ids: list[int], event: int, *, age: float = 1.0, city: str = "Fes") -> None:
    times = np.full(len(ids), event, np.int64)
    with store.writing() as writing:
        writing.add(pa.table({"id": ids, "age": [age] * len(ids), "city": [city] * len(ids)}), times, times)


@pytest.fixture
def server(make_redis: Callable[..., Any]) -> Any:
    return make_redis()


@pytest.fixture
def client(server: Any) -> Iterator[redis.Redis]:
    """The same server, to look at and to spoil what the store wrote."""
    with redis.Redis.from_url(server.url) as connected:
        yield connected


@pytest.fixture
def store(server: Any) -> RedisStore:
    return RedisStore(server.url, VIEW, timeout_s=5.0)


def test_a_server_killed_while_it_is_written_to_has_whole_rows_and_a_second_run_mends_the_rest(
    server: Any, store: RedisStore, soak_factor: int
) -> None:
    for seed in range(3 * soak_factor):
        store.forget(list(range(500)))
        with started_writer(server.url, seed, 60, 400) as writer:
            assert writer.stdout is not None
            for _ in range(5 + 7 * seed % 20):
                writer.stdout.readline()
            server.kill()
            assert "UnavailableError" in writer.communicate(timeout=60)[1]
        server.start()
        expected = newest(seed, 60, 400)
        found = held(store)
        assert found
        assert all(row <= expected[key] for key, row in found.items())
        assert f"file {seed}" not in store.files
        run_writer(server.url, seed, 60, 400)
        assert held(store) == expected
        assert store.files[f"file {seed}"] == FileState(1000, None)


def test_a_materialisation_through_which_the_server_was_killed_is_mended_by_another(
    server: Any, tmp_path: Path, soak_factor: int
) -> None:
    rng = np.random.default_rng(4)
    (tmp_path / "files").mkdir()
    for number in range(4):
        columns = {"id": rng.integers(0, 5000, 10_000), "age": rng.random(10_000).round(6)}
        since = pa.array(rng.integers(0, 10**6, 10_000), pa.timestamp("s"))
        pq.write_table(pa.table({**columns, "since": since}), tmp_path / "files" / f"{number}.parquet")
    table = FeatureTable("people", open_source(tmp_path / "files"), ("id",), "since")
    expected = EmbeddedStore(tmp_path / "store", OnlineView.of(table))
    materialise(table, expected)
    ids, whole = list(range(5000)), 0
    for number in range(3 * soak_factor):
        store = RedisStore(server.url, OnlineView.of(table), tenant=f"round {number}", timeout_s=5.0)
        killer = threading.Timer(rng.uniform(0.005, 0.15), server.kill)
        killer.start()
        with suppress(UnavailableError):
            materialise(table, store)
            whole += 1
        killer.join()
        server.start()
        assert materialise(table, store).skipped in (0, 4)
        assert materialise(table, store).skipped == 4
        assert store.read(ids).table() == expected.read(ids).table()
        assert store.read(ids).event.tolist() == expected.read(ids).event.tolist()
    assert whole < 3 * soak_factor


def test_a_writer_that_is_killed_leaves_whole_rows_and_no_record_of_its_file(server: Any, store: RedisStore) -> None:
    with started_writer(server.url, 9, 40, 400) as writer:
        assert writer.stdout is not None
        for _ in range(7):
            writer.stdout.readline()
        os.kill(writer.pid, signal.SIGKILL)
    assert held(store)
    assert dict(store.files) == {}
    run_writer(server.url, 9, 40, 400)
    assert held(store) == newest(9, 40, 400)


def test_a_restart_between_two_reads_is_not_noticed_and_one_that_lasts_is_said(server: Any, store: RedisStore) -> None:
    write(store, [1, 2], 5)
    before = store.read([1, 2, 3]).table()
    server.kill()
    with pytest.raises(UnavailableError, match=r"redis\.sock: no answer from the Redis server .* — start it"):
        store.read([1])
    server.start()
    assert store.read([1, 2, 3]).table() == before


def test_reads_while_the_server_is_killed_and_started_again_are_whole_or_refused(
    server: Any, store: RedisStore
) -> None:
    write(store, list(range(200)), 5)
    expected = store.read(list(range(200))).table()
    outcomes: list[str] = []
    stopping = threading.Event()

    def read() -> None:
        while not stopping.is_set():
            try:
                same = store.read(list(range(200))).table() == expected
                outcomes.append("whole" if same else "torn")
            except UnavailableError:
                outcomes.append("refused")

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(3):
        server.kill()
        time.sleep(0.1)
        server.start()
        time.sleep(0.1)
    stopping.set()
    for thread in threads:
        thread.join()
    assert set(outcomes) == {"whole", "refused"}
    assert store.read(list(range(200))).table() == expected


def test_writers_at_the_same_time_end_with_the_newest_row_of_each_key(server: Any, store: RedisStore) -> None:
    with ExitStack() as stack:
        writers = [stack.enter_context(started_writer(server.url, seed, 20, 300)) for seed in (1, 2, 3)]
        while any(writer.poll() is None for writer in writers):
            held(store)
        assert [writer.returncode for writer in writers] == [0, 0, 0]
    parts = [newest(seed, 20, 300) for seed in (1, 2, 3)]
    best = {key: max(part[key] for part in parts if key in part) for key in set().union(*parts)}
    assert held(store) == best
    assert sorted(store.files) == ["file 1", "file 2", "file 3"]


def test_a_store_is_read_by_many_threads_at_once(store: RedisStore) -> None:
    write(store, list(range(100)), 5)
    seen: list[int] = []

    def read() -> None:
        seen.extend(int(store.read(list(range(100))).found.sum()) for _ in range(20))

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [100] * 160


def test_times_are_compared_exactly_however_large_they_are(store: RedisStore) -> None:
    far = 2**62
    write(store, [1], far + 1, city="later")
    write(store, [1], far, city="earlier")
    write(store, [2], -1, city="later")
    write(store, [2], -2, city="earlier")
    assert store.read([1, 2]).texts["city"].to_pylist() == ["later", "later"]


def test_rows_that_are_there_already_are_not_written_again(server: Any, store: RedisStore) -> None:
    write(store, list(range(1000)), 5)
    file = next(server.socket.parent.glob("appendonlydir/*.incr.aof"))
    before = file.stat().st_size
    with store.writing() as writing:
        times = np.full(1000, 5, np.int64)
        rows = {"id": range(1000), "age": [1.0] * 1000, "city": ["Fes"] * 1000}
        writing.add(pa.table({name: list(values) for name, values in rows.items()}), times, times)
    assert writing.report.keys == 0
    assert file.stat().st_size == before


def test_another_view_of_the_same_name_is_refused_and_the_same_one_is_opened(server: Any, store: RedisStore) -> None:
    write(store, [1], 5)
    other = OnlineView("people", VIEW.keys, Schema((Column("age", "number"),)), ttl_s=1.0)
    with pytest.raises(
        SchemaError, match="expected the online view `people` as it was made, got other features and ttl_s"
    ):
        RedisStore(server.url, other)
    assert RedisStore(server.url, "people").view == VIEW
    assert RedisStore(server.url, VIEW).read([1]).found.tolist() == [True]
    with pytest.raises(ConfigError, match="expected the online view `persons`, got none of this name"):
        RedisStore(server.url, "persons")


def test_a_definition_from_the_future_is_refused(server: Any, store: RedisStore, client: redis.Redis) -> None:
    client.set("mlrt:online:default:people:view", '{"format_version": 2}')
    with pytest.raises(SchemaError, match="expected the online view `people` in format 1, got version 2"):
        RedisStore(server.url, "people")


def test_tenants_do_not_see_each_other(server: Any, store: RedisStore) -> None:
    other = RedisStore(server.url, VIEW, tenant="a:b")
    write(store, [1], 5)
    assert other.read([1]).found.tolist() == [False]
    write(other, [1], 5)
    assert (other.forget([1]), store.read([1]).found.tolist()) == (1, [True])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda value: value[:-1], "texts as long as their lengths say"),
        (lambda value: value + b"x", "texts as long as their lengths say"),
        (lambda value: value[:20], "a value of at least"),
        (lambda value: b"\2" + value[1:], "format 1"),
        (lambda value: value[:4] + b"\0\0\0\0" + value[8:], "a row of this view's columns"),
        (lambda value: value[:-1] + b"\xff", "UTF-8 in every stored text"),
    ],
)
def test_a_value_that_is_no_row_of_this_view_is_refused(
    store: RedisStore, client: redis.Redis, change: Callable[[bytes], bytes], words: str
) -> None:
    write(store, [1, 2], 5)
    name = PREFIX + (2).to_bytes(8, "little")
    client.set(name, change(client.get(name)))
    with pytest.raises(IntegrityError, match=words):
        store.read([1, 2, 3])
    assert store.read([1]).found.tolist() == [True]


def test_a_key_of_another_type_is_refused_by_a_writer_without_its_name_or_value(server: Any, store: RedisStore) -> None:
    redis.Redis.from_url(server.url).rpush(PREFIX + (7).to_bytes(8, "little"), "x")
    with pytest.raises(IntegrityError, match="expected a string, got a key of another type") as caught:
        write(store, [7], 5, city="Nowhere")
    assert "Nowhere" not in str(caught.value)


def test_a_full_server_is_said_and_what_is_there_stays(make_redis: Callable[..., Any]) -> None:
    server = make_redis("--maxmemory", "3mb", "--maxmemory-policy", "noeviction")
    store = RedisStore(server.url, VIEW)
    write(store, [1], 5)
    with pytest.raises(CapacityError, match="the server has no memory left — raise its `maxmemory`"):
        write(store, list(range(100_000)), 6, city="x" * 100)
    assert store.read([1]).found.tolist() == [True]


def test_a_server_that_may_evict_rows_is_warned_of(
    make_redis: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    for policy, warnings in (("allkeys-lru", 1), ("noeviction", 0)):
        server = make_redis("--maxmemory", "100mb", "--maxmemory-policy", policy)
        caplog.clear()
        with caplog.at_level(logging.WARNING, "mlops_runtime"):
            write(RedisStore(server.url, VIEW), [1], 5)
        assert [record.getMessage().partition(":")[0] for record in caplog.records] == [
            "the server may evict rows, which then are missing features"
        ] * warnings


def test_rows_expire_on_the_server_only_where_it_was_asked_to(server: Any, client: redis.Redis) -> None:
    view = OnlineView("fresh", VIEW.keys, VIEW.features, ttl_s=3600.0)
    now_us = time.time_ns() // 1000
    for tenant, expires in (("keeps", False), ("expires", True)):
        store = RedisStore(server.url, view, tenant=tenant, expires=expires)
        write(store, [1], now_us - HOUR_US + 60_000_000)
        write(store, [2], now_us - HOUR_US - 60_000_000)
        assert store.read([1, 2]).found.tolist() == [True, False]
        left = [client.pttl(f"mlrt:online:{tenant}:fresh:row:".encode() + key.to_bytes(8, "little")) for key in (1, 2)]
        assert (0 < left[0] <= 60_001, left[1]) == (True, -2) if expires else left == [-1, -1]


def test_a_user_needs_few_rights_and_the_wrong_ones_are_a_policy_error(server: Any, client: redis.Redis) -> None:
    may_read = ["+mget", "+get"]
    may_write = [*may_read, "+getrange", "+set", "+eval", "+unlink", "+hset", "+hgetall"]
    for name, commands in (("writer", may_write), ("reader", may_read)):
        client.acl_setuser(name, True, passwords=[f"+{PASSWORD}"], keys=["mlrt:online:*"], commands=commands)
    write(RedisStore(f"{server.url}?username=writer&password={PASSWORD}", VIEW), [1], 5)
    reader = RedisStore(f"{server.url}?username=reader&password={PASSWORD}", "people")
    assert reader.read([1]).found.tolist() == [True]
    with pytest.raises(PolicyError, match="the server refused"):
        write(reader, [1], 6)
    with pytest.raises(PolicyError, match="the server refused") as caught:
        RedisStore(f"{server.url}?username=reader&password=not-{PASSWORD}", "people")
    assert PASSWORD not in str(caught.value)
