"""What every online store does, the embedded one and Redis alike: the same rows in, the same rows out."""

from __future__ import annotations

import contextlib
import datetime as dt
import random
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_runtime.core.errors import ConfigError, MlrtError, SchemaError
from mlops_runtime.data import Column, Schema, open_source
from mlops_runtime.features.online import FileState, OnlineStore, OnlineView
from mlops_runtime.features.online.embedded import EmbeddedStore
from mlops_runtime.features.online.materialise import materialise
from mlops_runtime.features.online.opening import open_online_store
from mlops_runtime.features.online.redis import RedisStore
from mlops_runtime.features.tables import FeatureTable

MISSING = -(2**63)
ID = Schema((Column("id", "integer"),))
FEATURES = Schema((Column("age", "number"), Column("city", "string")))
Open = Callable[[OnlineView], OnlineStore]


@pytest.fixture(params=["embedded", "redis"])
def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    """Open the store of a view; a second time it is the same one, and what was written is there."""
    if request.param == "embedded":
        return lambda view: EmbeddedStore(tmp_path / view.name, view)
    url = _redis(request)
    return lambda view: RedisStore(url, view, timeout_s=10.0)


@pytest.fixture(params=["embedded", "redis"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where there may be a store of people."""
    return str(tmp_path / "store") if request.param == "embedded" else f"{_redis(request)}#acme/people"


def _redis(request: pytest.FixtureRequest) -> str:
    url: str = request.getfixturevalue("make_redis")().url
    return url


def write(store: OnlineStore, rows: dict[str, Any], event: list[int], known: list[int] | None = None) -> Any:
    with store.writing() as writing:
        writing.add(pa.table(rows), np.array(event, np.int64), np.array(known or event, np.int64))
    return writing.report


def people(ids: list[Any], ages: list[float], cities: list[str | None] | None = None) -> dict[str, Any]:
    return {"id": ids, "age": ages, "city": pa.array(cities or [None] * len(ids), pa.string())}


def ages(store: OnlineStore, keys: Any, **options: Any) -> list[float | None]:
    ages: list[float | None] = store.read(keys, **options).table()["age"].to_pylist()
    return ages


def test_a_read_gives_a_row_for_each_key_in_order_found_or_not(open_store: Open) -> None:
    store = open_store(OnlineView("people", ID, FEATURES))
    report = write(store, people([3, -1, 2**62], [30.0, float("nan"), 1.5], ["Fes", None, "Ömür 東京"]), [30, 10, 20])
    assert (report.rows, report.keys, report.incomplete) == (3, 3, 0)
    rows = store.read([2**62, 7, 3, None, -1, 3])
    assert rows.found.tolist() == [True, False, True, False, True, True]
    assert rows.event.tolist() == [20, MISSING, 30, MISSING, 10, 30]
    assert rows.numbers.dtype == np.float64
    assert rows.numbers.flags.c_contiguous
    assert rows.table().to_pydict() == {
        "age": [1.5, None, 30.0, None, None, 30.0],
        "city": ["Ömür 東京", None, "Fes", None, None, "Fes"],
    }
    assert not rows.expired.any()


def test_reading_no_key_and_an_empty_store_gives_no_row(open_store: Open) -> None:
    store = open_store(OnlineView("people", ID, FEATURES))
    assert store.read([]).table().num_rows == 0
    assert store.read([1, None]).found.tolist() == [False, False]
    write(store, people([], []), [])
    assert len(store.read([])) == 0


def test_keys_come_as_values_columns_or_a_table(open_store: Open) -> None:
    store = open_store(OnlineView("people", ID, FEATURES))
    write(store, people([1, 2], [1.0, 2.0]), [5, 5])
    assert ages(store, [1, 2]) == ages(store, np.array([1, 2])) == [1.0, 2.0]
    assert ages(store, {"id": [2, None]}) == [2.0, None]
    assert ages(store, pa.table({"other": ["x"], "id": [" 2 "]})) == [2.0]


def test_the_newest_row_wins_whatever_the_order_and_of_equal_ones_the_later_written(open_store: Open) -> None:
    store = open_store(OnlineView("people", ID, FEATURES))
    write(store, people([1, 1, 1], [1.0, 2.0, 3.0]), [10, 30, 20])
    assert ages(store, [1]) == [2.0]
    assert write(store, people([1], [4.0]), [29], [99]).keys == 0
    assert ages(store, [1]) == [2.0]
    write(store, people([1, 1], [5.0, 6.0]), [30, 30], [40, 35])
    assert ages(store, [1]) == [5.0]
    write(store, people([1, 1], [7.0, 8.0]), [30, 30], [40, 40])
    assert ages(store, [1]) == [8.0]


def test_rows_without_a_key_or_a_time_belong_to_nobody(open_store: Open) -> None:
    store = open_store(OnlineView("people", ID, FEATURES))
    report = write(store, people([None, 1, 2, 3], [1.0, 2.0, 3.0, 4.0]), [5, MISSING, 5, 5], [5, 5, MISSING, 5])
    assert (report.rows, report.keys, report.incomplete) == (4, 1, 3)
    assert ages(store, [None, 1, 2, 3]) == [None, None, None, 4.0]


def test_values_hold_up_to_the_last_microsecond_of_their_time_to_live(open_store: Open) -> None:
    store = open_store(OnlineView("people", ID, FEATURES, ttl_s=1.5))
    write(store, people([1], [1.0], ["Fes"]), [1_000_000])
    last = 2_500_000
    assert [ages(store, [1], at=at) for at in (999_999, 1_000_000, last, last + 1)] == [[None], [1.0], [1.0], [None]]
    rows = store.read([1, 1, 2], at=np.array([last, last + 1, last]))
    assert rows.found.tolist() == [True, False, False]
    assert rows.expired.tolist() == [False, True, False]
    assert rows.event.tolist() == [1_000_000, 1_000_000, MISSING]
    assert rows.table().to_pydict() == {"age": [1.0, None, None], "city": ["Fes", None, None]}
    moment = dt.datetime(1970, 1, 1, 0, 0, 2, 500_000, tzinfo=dt.UTC)
    assert ages(store, [1], at=moment) == [1.0]
    assert ages(store, [1], at=moment.astimezone(dt.timezone(dt.timedelta(hours=4)))) == [1.0]


def test_a_row_is_not_found_before_it_was_known(open_store: Open) -> None:
    store = open_store(OnlineView("people", ID, FEATURES))
    write(store, people([1], [1.0]), [10], [50])
    assert [ages(store, [1], at=at) for at in (9, 10, 49, 50)] == [[None], [None], [None], [1.0]]
    assert ages(store, [1]) == [1.0]


def test_now_is_the_moment_unless_another_is_given(open_store: Open) -> None:
    store = open_store(OnlineView("people", ID, FEATURES, ttl_s=3600.0))
    now_us, hour_us = time.time_ns() // 1000, 3_600_000_000
    write(store, people([1, 2], [1.0, 2.0]), [now_us - hour_us // 2, now_us - 2 * hour_us])
    rows = store.read([1, 2, 3])
    assert (rows.found.tolist(), rows.expired.tolist()) == ([True, False, False], [False, True, False])


def test_extreme_times_to_live_and_moments_do_not_wrap_around(open_store: Open) -> None:
    forever = open_store(OnlineView("forever", ID, FEATURES, ttl_s=1e18))
    at_once = open_store(OnlineView("at_once", ID, FEATURES, ttl_s=0.0))
    for store in (forever, at_once):
        write(store, people([1, 2], [1.0, 2.0]), [MISSING + 1, 2**63 - 1])
    assert ages(forever, [1, 2], at=2**63 - 1) == [None, 2.0]
    assert ages(forever, [1, 2], at=-1) == [1.0, None]
    assert ages(at_once, [1, 2], at=2**63 - 1) == [None, 2.0]
    assert ages(at_once, [1, 2], at=MISSING + 1) == [1.0, None]


TEXT_KEYS = Schema((Column("a", "string"), Column("b", "string")))


def test_no_two_keys_of_several_parts_are_taken_for_each_other(open_store: Open) -> None:
    store = open_store(OnlineView("pairs", TEXT_KEYS, Schema((Column("age", "number"),))))
    pairs = [("a", "bc"), ("ab", "c"), ("abc", "é"), ("1", "11"), ("11", "1"), ("x\0", "y"), ("x", "\0y")]
    columns = {"a": [a for a, _ in pairs], "b": [b for _, b in pairs]}
    write(store, {**columns, "age": [float(i) for i in range(len(pairs))]}, [5] * len(pairs))
    assert ages(store, pairs) == ages(store, columns) == [float(i) for i in range(len(pairs))]
    assert ages(store, [("a", None), (None, "bc"), None, ("bc", "a"), ("", "abc")]) == [None] * 5


def test_keys_of_texts_are_trimmed_and_empty_ones_are_missing(open_store: Open) -> None:
    view = OnlineView("cities", Schema((Column("city", "string"),)), Schema((Column("age", "number"),)))
    store = open_store(view)
    assert write(store, {"city": [" Fes ", "", "NA"], "age": [1.0, 2.0, 3.0]}, [5, 5, 5]).incomplete == 2
    assert ages(store, {"city": ["Fes", " Fes", "", "?"]}) == [1.0, 1.0, None, None]
    assert ages(store, ["Fes", ""]) == [1.0, None]
    long = "é" * 5000
    write(store, {"city": [long, long + "x"], "age": [4.0, 5.0]}, [5, 5])
    assert ages(store, [long + "x", long]) == [5.0, 4.0]


def test_keys_of_another_kind_are_refused(open_store: Open) -> None:
    store = open_store(OnlineView("people", ID, FEATURES))
    for keys in (["a"], [1.5], [(1, 2)], {"name": [1]}, {"id": ["a"]}, [2**63], {"id": np.array([2**63], np.uint64)}):
        with pytest.raises(SchemaError):
            store.read(keys)
    with pytest.raises(SchemaError):
        write(store, {"id": [1], "age": ["old"], "city": ["Fes"]}, [5])
    with pytest.raises(SchemaError):
        write(store, {"id": [1], "age": [1.0]}, [5])


def test_every_kind_of_feature_comes_back_as_it_was_conformed(open_store: Open) -> None:
    kinds = ("number", "integer", "string", "timestamp", "string_list", "integer_list")
    view = OnlineView("kinds", ID, Schema(tuple(Column(f"a {kind}", kind) for kind in kinds)))
    store = open_store(view)
    moment = dt.datetime(2024, 2, 29, 23, 59, 59, 999_999, tzinfo=dt.UTC)
    values = {
        "a number": [0.1, None, -0.0],
        "a integer": [2**62 + 1, None, -1],
        "a string": ["Fes", None, "a, b"],
        "a timestamp": [moment, None, dt.datetime(1969, 12, 31, tzinfo=dt.UTC)],
        "a string_list": [["a", None, 'q"'], None, []],
        "a integer_list": [[2**62, -1], None, []],
    }
    write(store, {"id": [1, 2, 3], **values}, [5, 5, 5])
    assert store.read([1, 2, 3]).table().to_pydict() == values
    assert store.read([2, 9]).table().to_pydict() == {name: [None, None] for name in values}


def test_files_are_recorded_only_when_the_write_ends_well(open_store: Open) -> None:
    view = OnlineView("people", ID, FEATURES)
    store = open_store(view)
    with store.writing() as writing:
        writing.add(pa.table(people([1], [1.0])), np.array([5]), np.array([5]))
        writing.record("a" * 64, FileState(100, None))
        writing.record("b" * 64, FileState(100, 200))
    with contextlib.suppress(SchemaError), store.writing() as writing:
        writing.record("c" * 64, FileState(100, None))
        writing.add(pa.table({"id": [1]}), np.array([5]), np.array([5]))
    with store.writing() as writing:
        writing.record("b" * 64, FileState(300, None))
    for seen in (store, open_store(view)):
        assert dict(seen.files) == {"a" * 64: FileState(100, None), "b" * 64: FileState(300, None)}


def test_a_store_that_is_opened_again_has_what_was_written(open_store: Open) -> None:
    view = OnlineView("people", ID, FEATURES)
    write(open_store(view), people([1], [1.0], ["Fes"]), [5])
    again = open_store(view)
    assert again.view == view
    assert again.read([1]).table().to_pydict() == {"age": [1.0], "city": ["Fes"]}
    write(again, people([1], [2.0], ["Rabat"]), [6])
    assert open_store(view).read([1]).table().to_pydict() == {"age": [2.0], "city": ["Rabat"]}


def test_a_store_is_opened_by_its_place_and_made_there_when_a_view_is_given(place: str) -> None:
    view = OnlineView("people", ID, FEATURES)
    with pytest.raises(ConfigError, match="got none"):
        open_online_store(place)
    write(open_online_store(place, view), people([1], [1.0]), [5])
    assert open_online_store(place).view == view
    assert ages(open_online_store(place), [1]) == [1.0]
    with pytest.raises(SchemaError, match="other features"):
        open_online_store(place, OnlineView("people", ID, Schema((Column("age", "string"),))))
    with pytest.raises(MlrtError, match="`others`"):
        open_online_store(place, OnlineView("others", ID, FEATURES))


def test_an_open_reader_sees_what_another_writes(open_store: Open) -> None:
    view = OnlineView("people", ID, FEATURES)
    reader = open_store(view)
    for age in (1.0, 2.0):
        write(open_store(view), people([1], [age]), [int(age)])
        assert ages(reader, [1]) == [age]


def test_what_is_forgotten_is_gone_and_a_later_row_of_its_key_is_kept(open_store: Open) -> None:
    view = OnlineView("people", ID, FEATURES)
    store = open_store(view)
    write(store, people([1, 2, 3], [1.0, 2.0, 3.0], ["Fes", "Rabat", "Fes"]), [5, 5, 5])
    assert store.forget([1, 3, 9, None]) == 2
    assert store.forget([1]) == 0
    assert ages(store, [1, 2, 3]) == ages(open_store(view), [1, 2, 3]) == [None, 2.0, None]
    write(store, people([1], [4.0]), [1])
    assert ages(store, [1]) == [4.0]


def feature_table(folder: Path, *ages: list[tuple[int, float, int, int]]) -> FeatureTable:
    """Files of (id, age, event in seconds, known in seconds)."""
    folder.mkdir(exist_ok=True)
    for number, rows in enumerate(ages):
        ids, values, event, known = zip(*rows, strict=True)
        times = {name: pa.array(at, pa.timestamp("s")) for name, at in (("since", event), ("told", known))}
        pq.write_table(pa.table({"id": ids, "age": values, **times}), folder / f"{number}.parquet")
    return FeatureTable("people", open_source(folder), ("id",), "since", "told")


def test_files_are_materialised_once_and_rows_that_come_to_be_known_later_then(
    open_store: Open, tmp_path: Path
) -> None:
    files = tmp_path / "files"
    table = feature_table(files, [(1, 1.0, 10, 10), (2, 2.0, 10, 90)], [(3, 3.0, 20, 20)])
    store = open_store(OnlineView.of(table))
    first = materialise(table, store, until=50_000_000)
    assert (first.files, first.skipped, first.rows, first.keys, first.withheld) == (2, 0, 2, 2, 1)
    assert ages(store, [1, 2, 3]) == [1.0, None, 3.0]
    again = materialise(table, store, until=60_000_000)
    assert (again.files, again.skipped, again.rows) == (0, 2, 0)
    more = feature_table(
        files, [(1, 1.0, 10, 10), (2, 2.0, 10, 90)], [(3, 3.0, 20, 20)], [(1, 4.0, 5, 5), (4, 5.0, 5, 5)]
    )
    third = materialise(more, store, until=90_000_000)
    assert (third.files, third.skipped, third.keys, third.withheld) == (2, 1, 2, 0)
    assert ages(store, [1, 2, 3, 4]) == [1.0, 2.0, 3.0, 5.0]
    assert materialise(more, open_store(OnlineView.of(table)), until=99_000_000).skipped == 3


moments = st.integers(-3, 3)
rows = st.tuples(st.integers(0, 5), moments, moments | st.just(MISSING), st.sampled_from([None, "Fes", "Rabat, MA"]))


def test_any_batches_in_any_order_end_with_the_newest_row_of_each_key(open_store: Open) -> None:
    names = (f"view_{number}" for number in count())

    @given(st.lists(st.lists(rows, max_size=12), max_size=5), st.none() | st.integers(0, 3), st.randoms())
    def check(batches: list[list[Any]], ttl_us: int | None, shuffle: random.Random) -> None:
        view = OnlineView(next(names), ID, FEATURES, None if ttl_us is None else ttl_us / 1e6)
        store = open_store(view)
        best: dict[int, tuple[int, int, float, str | None]] = {}
        ordinal = 0.0
        for batch in batches:
            shuffle.shuffle(batch)
            table = people([row[0] for row in batch], [ordinal + i for i in range(len(batch))], [r[3] for r in batch])
            for i, (key, event, known, city) in enumerate(batch):
                row = (event, known, ordinal + i, city)
                if known != MISSING and (key not in best or row[:2] >= best[key][:2]):
                    best[key] = row
            write(store, table, [row[1] for row in batch], [row[2] for row in batch])
            ordinal += len(batch)
        for at in range(-4, 7):
            expected = [best.get(key) for key in range(6)]
            holds = [
                row is not None and max(row[:2]) <= at and (ttl_us is None or at - row[0] <= ttl_us) for row in expected
            ]
            found = store.read(list(range(6)), at=at)
            assert found.found.tolist() == holds
            assert found.table().to_pydict() == {
                "age": [row[2] if row and here else None for row, here in zip(expected, holds, strict=True)],
                "city": [row[3] if row and here else None for row, here in zip(expected, holds, strict=True)],
            }

    check()
