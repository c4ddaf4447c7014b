"""From feature tables to a store: each file once, late data as in the join, and what a read at a moment gives."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_runtime.core.errors import SchemaError
from mlops_runtime.data import open_source
from mlops_runtime.features.join import join
from mlops_runtime.features.online import OnlineView
from mlops_runtime.features.online.embedded import EmbeddedStore
from mlops_runtime.features.online.materialise import Materialised, materialise
from mlops_runtime.features.tables import FeatureTable

US = pa.timestamp("us", "UTC")


def times(values: list[int | None]) -> pa.Array:
    return pa.array(values, US)


def rows(keys: list[Any], event: list[int | None], known: list[int | None], age: list[float]) -> pa.Table:
    return pa.table({"id": keys, "event": times(event), "known": times(known), "age": age})


def table_of(folder: Path, **options: Any) -> FeatureTable:
    return FeatureTable("people", open_source([str(folder)]), ("id",), "event", "known", **options)


def summary(done: Materialised) -> tuple[int, ...]:
    return (done.files, done.skipped, done.rows, done.keys, done.incomplete, done.withheld)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "rows").mkdir()
    return tmp_path / "rows"


def ages(store: EmbeddedStore, keys: list[Any], **options: Any) -> list[float | None]:
    found: list[float | None] = store.read(keys, **options).table()["age"].to_pylist()
    return found


def test_each_file_is_given_once_whatever_it_is_called(folder: Path, tmp_path: Path) -> None:
    pq.write_table(rows([1, 2], [10, 10], [10, 10], [1.0, 2.0]), folder / "a.parquet")
    table = table_of(folder)
    store = EmbeddedStore(tmp_path / "store", OnlineView.of(table))
    assert summary(materialise(table, store, until=100)) == (1, 0, 2, 2, 0, 0)
    generation = store.manifest.generation
    (folder / "a.parquet").rename(folder / "z.parquet")
    assert summary(materialise(table_of(folder), store, until=200)) == (0, 1, 0, 0, 0, 0)
    assert store.manifest.generation == generation
    pq.write_table(rows([2, None], [20, 20], [20, 20], [3.0, 4.0]), folder / "b.parquet")
    assert summary(materialise(table_of(folder), store, until=200)) == (1, 1, 2, 1, 1, 0)
    assert ages(store, [1, 2]) == [1.0, 3.0]


def test_rows_are_withheld_until_they_are_available_and_given_then_alone(folder: Path, tmp_path: Path) -> None:
    late = rows([1, 1, 2, 3], [10, 20, 10, 30], [10, 60, 40, 30], [1.0, 2.0, 3.0, 4.0])
    pq.write_table(late, folder / "a.parquet")
    table = table_of(folder)
    store = EmbeddedStore(tmp_path / "store", OnlineView.of(table))
    assert summary(materialise(table, store, until=30)) == (1, 0, 2, 2, 0, 2)
    assert ages(store, [1, 2, 3]) == [1.0, None, 4.0]
    assert summary(materialise(table, store, until=39)) == (0, 1, 0, 0, 0, 0)
    assert summary(materialise(table, store, until=40)) == (1, 0, 1, 1, 0, 1)
    assert summary(materialise(table, store, until=20)) == (0, 1, 0, 0, 0, 0)
    assert summary(materialise(table, store, until=60)) == (1, 0, 1, 1, 0, 0)
    assert summary(materialise(table, store, until=2**62)) == (0, 1, 0, 0, 0, 0)
    assert ages(store, [1, 2, 3]) == [2.0, 3.0, 4.0]


def test_a_file_that_is_read_again_does_not_undo_a_tie_that_a_later_file_won(folder: Path, tmp_path: Path) -> None:
    pq.write_table(rows([1, 2], [10, 50], [10, 50], [1.0, 2.0]), folder / "a.parquet")
    pq.write_table(rows([1], [10], [10], [3.0]), folder / "b.parquet")
    table = table_of(folder)
    store = EmbeddedStore(tmp_path / "store", OnlineView.of(table))
    for until in (10, 50):
        materialise(table, store, until=until)
        assert ages(store, [1]) == [3.0]


def test_the_same_content_read_another_way_is_another_file(folder: Path, tmp_path: Path) -> None:
    pq.write_table(rows([1, 2], [10, 20], [30, 20], [1.0, 2.0]), folder / "a.parquet")
    table = table_of(folder, features=("age",))
    store = EmbeddedStore(tmp_path / "store", OnlineView.of(table))
    materialise(table, store, until=100)
    source = open_source([str(folder)])
    by_known = FeatureTable("people", source, ("id",), "known", "event", features=("age",))
    assert materialise(by_known, store, until=100).files == 1
    filtered = open_source([str(folder)], filters=[("age", ">", 1.5)])
    assert materialise(FeatureTable("people", filtered, ("id",), "event", "known"), store, until=100).rows == 1


def test_now_is_the_limit_unless_another_is_given(tmp_path: Path) -> None:
    moment = dt.datetime.now(dt.UTC)
    hour = dt.timedelta(hours=1)
    frame = pa.table({"id": [1, 2], "since": pa.array([moment - hour, moment + hour], US), "age": [1.0, 2.0]})
    table = FeatureTable("people", frame, ("id",), "since")
    store = EmbeddedStore(tmp_path / "store", OnlineView.of(table))
    assert summary(materialise(table, store)) == (0, 0, 1, 1, 0, 1)
    assert summary(materialise(table, store, until=moment + 2 * hour)) == (0, 0, 2, 2, 0, 0)
    assert ages(store, [1, 2]) == [1.0, 2.0]


def test_a_store_of_another_view_is_refused(folder: Path, tmp_path: Path) -> None:
    pq.write_table(rows([1], [10], [10], [1.0]), folder / "a.parquet")
    store = EmbeddedStore(tmp_path / "store", OnlineView.of(table_of(folder)))
    with pytest.raises(SchemaError, match="other ttl_s"):
        materialise(table_of(folder, ttl_s=5.0), store)


def test_a_column_that_first_has_no_missing_value_keeps_its_view(folder: Path, tmp_path: Path) -> None:
    big = 2**60 + 1
    for name, number in (("a", [big, big]), ("b", [None, big])):
        table = pa.table({"id": [1, 2], "event": times([ord(name)] * 2), "number": pa.array(number, pa.int64())})
        pq.write_table(table, folder / f"{name}.parquet")
    views = []
    for pattern in ("a.parquet", "*.parquet"):
        table = FeatureTable("people", open_source([str(folder / pattern)]), ("id",), "event")
        views.append(OnlineView.of(table))
        store = EmbeddedStore(tmp_path / "store", views[-1])
        materialise(table, store, until=1000)
    assert views[0] == views[1]
    assert store.read([1, 2]).table()["number"].to_pylist() == [None, big]


moments = st.integers(0, 8)
keys = st.tuples(st.integers(0, 3), st.sampled_from(["Fes", "Rabat", "Ömür 東京"]))
stream_row = st.tuples(
    keys,
    st.none() | moments,
    st.none() | moments,
    st.none() | st.floats(-9, 9),
    st.none() | st.sampled_from(["x", "é"]),
)


def _numbered(names: str) -> Iterator[str]:
    return (f"{names}-{number}" for number in count())


def test_a_read_at_a_moment_is_the_join_at_that_moment(tmp_path: Path) -> None:
    folders = _numbered("stream")

    @given(st.lists(stream_row, max_size=30), st.none() | st.integers(0, 5), st.integers(0, 2**32))
    def check(stream: list[Any], ttl_us: int | None, seed: int) -> None:
        cuts = random.Random(seed)
        cuts.shuffle(stream)
        folder = tmp_path / next(folders)
        folder.mkdir()
        ids, cities = ([key[part] for key, *_ in stream] for part in (0, 1))
        whole = pa.table(
            {
                "id": pa.array(ids, pa.int64()),
                "city": pa.array(cities, pa.string()),
                "event": times([row[1] for row in stream]),
                "known": times([row[2] for row in stream]),
                "age": pa.array([row[3] for row in stream], pa.float64()),
                "word": pa.array([row[4] for row in stream], pa.string()),
            }
        )
        options: Any = {"ttl_s": None if ttl_us is None else ttl_us / 1e6}
        past = FeatureTable("past", whole, ("id", "city"), "event", "known", **options)
        store = EmbeddedStore(folder / "store", OnlineView.of(past), memory_bytes=1)
        first = 0
        moment = -1
        while moment < 9 or first < len(stream):
            stop = min(len(stream), first + cuts.randint(0, 12))
            pq.write_table(whole.slice(first, stop - first), folder / f"{stop:03}-{moment + 1}.parquet")
            first, moment = stop, moment + cuts.randint(2, 5)
            files = open_source(sorted(map(str, folder.glob("*.parquet"))))
            so_far = FeatureTable("past", files, ("id", "city"), "event", "known", **options)
            materialise(so_far, store, until=moment)
            _compare(
                store, FeatureTable("past", whole.slice(0, stop), ("id", "city"), "event", "known", **options), moment
            )

    check()


def _compare(store: EmbeddedStore, past: FeatureTable, moment: int) -> None:
    entities = [(number, city) for number in range(4) for city in ("Fes", "Rabat", "Ömür 東京")]
    ids, cities = zip(*entities, strict=True)
    at = times([moment] * len(entities))
    asked = pa.table({"id": pa.array(ids), "city": pa.array(cities), "at": at})
    expected = join(asked, [past], entity_time="at").table
    found = store.read(asked, at=moment).table()
    for name in ("age", "word"):
        assert found[name].to_pylist() == expected[f"past__{name}"].to_pylist()
    later = store.read(asked, at=np.full(len(entities), moment + 3))
    assert (later.event[later.found] <= moment).all()
