"""What a point-in-time join gives each row: keys and times of every type, ties, borders, names, blocks, files."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlops_runtime import _native
from mlops_runtime.core.errors import ConfigError, SchemaError
from mlops_runtime.data import Column, Schema, open_source
from mlops_runtime.features.join import JoinReport, join, join_to_file
from mlops_runtime.features.tables import FeatureTable

TIMES = Schema((Column("at", "timestamp"),))


def _past(rows: dict[str, Any], **options: Any) -> FeatureTable:
    return FeatureTable("past", pa.table(rows), options.pop("keys", ("k",)), "at", **options)


def _values(entities: dict[str, Any], table: FeatureTable) -> list[Any]:
    joined = join(pa.table(entities), [table], entity_time="t")
    _assert_complete(joined.report, len(joined.table))
    return joined.table["past__v"].to_pylist()


def _assert_complete(report: JoinReport, rows: int) -> None:
    assert report.rows == rows
    assert {table.entity_rows for table in report.tables} <= {rows}


def test_the_last_row_that_was_known_wins_and_the_borders_belong_to_it() -> None:
    table = _past({"k": [1, 1], "at": ["2024-01-02", "2024-01-01"], "v": ["later", "earlier"]}, ttl_s=86_400)
    asked = ["2023-12-31T23:59:59.999999", "2024-01-01", "2024-01-01T23:59:59.999999", "2024-01-02", "2024-01-03"]
    assert _values({"k": [1] * 5, "t": asked}, table) == [None, "earlier", "earlier", "later", "later"]
    assert _values({"k": [1], "t": ["2024-01-03T00:00:00.000001"]}, table) == [None]


def test_a_row_is_not_seen_before_it_was_known() -> None:
    rows = {"k": [1, 1], "at": ["2024-01-01", "2024-01-05"], "loaded": ["2024-01-10", "2024-01-06"], "v": [1, 2]}
    table = _past(rows, known_time="loaded")
    asked = ["2024-01-05", "2024-01-06", "2024-01-11"]
    assert _values({"k": [1, 1, 1], "t": asked}, table) == [None, 2, 2]  # the older event stays older when it arrives
    assert table.feature_names == ("v",)


def test_ties_go_to_what_was_known_last_then_to_the_last_row() -> None:
    day = "2024-01-01"
    rows = {"k": [1, 1, 1], "at": [day] * 3, "loaded": [day, "2024-01-02", "2024-01-02"], "v": ["a", "b", "c"]}
    asked = {"k": [1, 1], "t": [day, "2024-01-02"]}
    assert _values(asked, _past(rows, known_time="loaded")) == ["a", "c"]
    backwards = {name: values[::-1] for name, values in rows.items()}
    assert _values(asked, _past(backwards, known_time="loaded")) == ["a", "b"]


def test_what_lacks_a_key_or_a_time_matches_nobody_and_is_counted() -> None:
    rows = {"k": ["a", None, "", "b", "a"], "at": ["2024-01-01", "2024-01-01", None, None, "2024-01-03"], "v": range(5)}
    entities = {"k": ["a", None, "", "a", "b", "c", "a"], "t": [*["2024-01-02"] * 3, None, *["2024-01-02"] * 3]}
    joined = join(pa.table(entities), [_past(rows)], entity_time="t")
    assert joined.table["past__v"].to_pylist() == [0, None, None, None, None, None, 0]
    counted = joined.report.table("past").to_dict()
    assert counted == {
        "name": "past",
        "matched": 2,
        "expired": 0,
        "too_early": 0,
        "no_key": 2,
        "missing_time": 1,
        "missing_key": 2,
        "rows": 5,
        "rows_missing_key": 2,
        "rows_missing_time": 1,
    }


KEYS = [
    ([7, 8], pa.int64(), pa.int8()),
    ([7, 8], pa.uint64(), pa.int32()),
    ([7, 8], pa.float64(), pa.int64()),
    ([True, False], pa.bool_(), pa.bool_()),
    (["x", "y"], pa.string(), pa.dictionary(pa.int8(), pa.large_string())),
    (["x", "a key of more than sixteen bytes"], pa.large_string(), pa.string_view()),
    ([dt.date(2020, 1, 1), dt.date(2020, 1, 2)], pa.date32(), pa.timestamp("ns")),
]


@pytest.mark.parametrize(("keys", "ours", "theirs"), KEYS, ids=[f"{ours}-{theirs}" for _, ours, theirs in KEYS])
def test_keys_of_any_type_that_can_be_equal_are(keys: list[Any], ours: pa.DataType, theirs: pa.DataType) -> None:
    table = _past({"k": pa.array([*keys, None]).cast(theirs), "at": ["2024-01-01"] * 3, "v": [1, 2, 3]})
    entities = {"k": pa.array([keys[1], None, keys[0]]).cast(ours), "t": ["2024-01-01"] * 3}
    assert _values(entities, table) == [2, None, 1]


@pytest.mark.parametrize(
    ("ours", "theirs", "message"),
    [
        (pa.array([1]), pa.array(["1"]), "expected whole numbers, as the entity rows have in key `k`, got texts"),
        (pa.array([1.5]), pa.array([1]), "entity rows: expected whole numbers up to 2\\*\\*53 in key `k`, got 1.5"),
        (pa.array([2**63], pa.uint64()), pa.array([1]), "expected whole numbers below 2\\*\\*63 in key `k`"),
        (pa.array([[1]]), pa.array([1]), "expected texts, whole numbers, booleans or times in key `k`"),
    ],
)
def test_keys_that_cannot_be_equal_are_refused(ours: pa.Array, theirs: pa.Array, message: str) -> None:
    with pytest.raises(SchemaError, match=message):
        _values({"k": ours, "t": ["2024-01-01"]}, _past({"k": theirs, "at": ["2024-01-01"], "v": [1]}))


def test_a_key_of_several_columns_matches_only_when_all_of_them_do() -> None:
    rows = {"k": ["a", "a", "b", "a"], "n": [1, 2, 1, None], "at": ["2024-01-01"] * 4, "v": [11, 12, 21, 0]}
    entities = {"k": ["b", "a", "b", "a", None], "n": [1, 2, 2, None, 1], "t": ["2024-01-01"] * 5}
    assert _values(entities, _past(rows, keys=("k", "n"))) == [21, 12, None, None, None]


def test_entity_rows_may_call_a_key_otherwise_and_a_table_may_come_twice() -> None:
    rows = pa.table({"k": [1, 2], "at": ["2024-01-01"] * 2, "v": [10, 20]})
    tables = [
        FeatureTable(name, rows, ("k",), "at", entity_keys=(column,))
        for name, column in (("sender", "from"), ("receiver", "to"))
    ]
    entities = pa.table({"from": [1, 2], "to": [2, 3], "t": ["2024-01-01"] * 2})
    joined = join(entities, tables, entity_time="t")
    assert joined.table.drop_columns(["t"]).to_pydict() == {
        "from": [1, 2],
        "to": [2, 3],
        "sender__v": [10, 20],
        "receiver__v": [20, None],
    }


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "Asia/Dubai", "UTC"])
def test_times_are_moments_whatever_their_unit_and_zone(unit: str, zone: str | None) -> None:
    at = pa.array([dt.datetime(2024, 1, 1, tzinfo=dt.UTC)]).cast(pa.timestamp(unit, "UTC" if zone is None else zone))
    at = at.cast(pa.timestamp(unit)) if zone is None else at
    moments = ["2023-12-31T23:59:59Z", "2024-01-01T04:00:00+04:00", "2024-01-01"]
    assert _values({"k": [1] * 3, "t": moments}, _past({"k": [1], "at": at, "v": [5]})) == [None, 5, 5]


def test_rows_of_one_moment_are_doubled_neither_in_nor_out() -> None:
    entities = {"k": [1] * 4, "t": ["2024-01-01"] * 4}
    assert _values(entities, _past({"k": [1, 1], "at": ["2024-01-01"] * 2, "v": [1, 2]})) == [2] * 4


@pytest.mark.parametrize("frame", [pa.table, pd.DataFrame, pl.DataFrame])
def test_frames_of_any_library_and_no_rows_on_either_side(frame: Any) -> None:
    rows = {"k": ["a"], "at": ["2024-01-01"], "v": [1.5]}
    entities = {"k": ["a", "b"], "t": ["2024-01-01", "2024-01-02"]}
    for past, asked in ((1, 2), (0, 2), (1, 0), (0, 0)):
        table = FeatureTable("past", frame({n: v[:past] for n, v in rows.items()}), ("k",), "at")
        joined = join(frame({n: v[:asked] for n, v in entities.items()}), [table], entity_time="t")
        assert joined.table["past__v"].to_pylist() == ([1.5, None] if past else [None, None])[:asked]
        _assert_complete(joined.report, asked)


def test_names_are_full_or_plain_and_never_there_twice() -> None:
    rows = {"k": [1], "at": ["2024-01-01"], "v": [1]}
    entities = pa.table({"k": [1], "t": ["2024-01-01"]})
    assert join(entities, [_past(rows)], entity_time="t", names="plain").table.column_names == ["k", "t", "v"]
    other = FeatureTable("other", pa.table(rows), ("k",), "at")
    assert join(entities, [_past(rows), other], entity_time="t").table.num_columns == 4
    with pytest.raises(ConfigError, match='got `v` twice — use names="full"'):
        join(entities, [_past(rows), other], entity_time="t", names="plain")
    with pytest.raises(ConfigError, match="got `past` twice"):
        join(entities, [_past(rows), _past(rows)], entity_time="t")
    with pytest.raises(ConfigError, match="rename a column of the entity rows"):
        join(entities.append_column("past__v", [[1]]), [_past(rows)], entity_time="t")


def test_columns_that_are_missing_or_no_times_are_refused() -> None:
    rows = {"k": [1], "at": ["2024-01-01"], "v": [1]}
    with pytest.raises(SchemaError, match="expected column `k`, got columns `x`, `t`"):
        _values({"x": [1], "t": ["2024-01-01"]}, _past(rows))
    with pytest.raises(SchemaError, match="expected times"):
        _values({"k": [1], "t": [5]}, _past(rows))
    with pytest.raises(SchemaError, match="expected column `w`"):
        _values({"k": [1], "t": ["2024-01-01"]}, _past(rows, features=("w",)))
    with pytest.raises(ConfigError, match="expected ttl_s of 0 seconds or more"):
        _past(rows, ttl_s=-1)


def _random(rng: np.random.Generator, rows: int) -> pa.Table:
    at = pa.array(rng.integers(0, 10**9, rows)).cast(pa.timestamp("us"))
    texts = pa.array([f"text {i}" for i in rng.integers(0, 50, rows)])
    return pa.table({"k": rng.integers(0, 40, rows), "at": at, "v": rng.standard_normal(rows), "s": texts})


@pytest.fixture(params=[1, 3])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    before = _native.thread_count()
    _native.set_thread_count(request.param)
    yield request.param
    _native.set_thread_count(before)


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_files_blocks_and_frames_give_the_same_rows(tmp_path: Path, suffix: str, threads: int) -> None:
    rng = np.random.default_rng(0)
    past, entities = _random(rng, 5000), _random(rng, 700).select(["k", "at"]).rename_columns(["k", "t"])
    expected = join(entities, [FeatureTable("past", past, ("k",), "at", ttl_s=5.0)], entity_time="t")
    for start in (0, 2000):
        piece = past.slice(start, 2000 if start == 0 else 3000)
        if suffix == "parquet":
            pq.write_table(piece, tmp_path / f"{start}.parquet", row_group_size=300)
        else:
            piece.to_pandas().to_csv(tmp_path / f"{start}.csv", index=False)
    pq.write_table(entities, tmp_path / "entities.parq", row_group_size=64)
    source = open_source(str(tmp_path / f"*.{suffix}"))
    table = FeatureTable("past", source, ("k",), "at", ttl_s=5.0)
    whole = join(open_source(tmp_path / "entities.parq"), [table], entity_time="t")
    assert whole.report.tables == expected.report.tables
    _assert_same(whole.table, expected.table)
    for block_rows in (1, 64, 100, 10_000) if suffix == "parquet" else (300,):
        if block_rows == 1:
            asked, rows = entities.slice(0, 20), expected.table.slice(0, 20)
        else:
            asked, rows = open_source(tmp_path / "entities.parq"), expected.table
        out = tmp_path / "out" / "joined.parquet"
        report = join_to_file(out, asked, [table], entity_time="t", block_rows=block_rows)
        _assert_same(pq.read_table(out), rows)
        _assert_complete(report, len(rows))
        if len(rows) == 700:
            assert report.tables == expected.report.tables


def _assert_same(found: pa.Table, expected: pa.Table) -> None:
    assert found.column_names == expected.column_names
    for name in found.column_names:
        assert found[name].to_pylist() == expected[name].to_pylist(), name


def test_filters_and_gaps_between_ordinals_change_no_winner(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    past, entities = _random(rng, 4000), _random(rng, 300).select(["k", "at"]).rename_columns(["k", "t"])
    pq.write_table(past, tmp_path / "past.parquet", row_group_size=500)
    kept = open_source(tmp_path / "past.parquet", filters=[("v", ">", 0.0)])
    found = join(entities, [FeatureTable("past", kept, ("k",), "at")], entity_time="t")
    chosen = past.filter(pa.array(past["v"].to_numpy() > 0))
    expected = join(entities, [FeatureTable("past", chosen, ("k",), "at")], entity_time="t")
    assert found.table.equals(expected.table) or found.table.to_pylist() == expected.table.to_pylist()
    assert found.report.tables == expected.report.tables


def test_no_entity_rows_make_a_file_with_all_columns(tmp_path: Path) -> None:
    pq.write_table(
        pa.table({"k": pa.array([], pa.int64()), "t": pa.array([], pa.timestamp("us"))}), tmp_path / "e.parquet"
    )
    pq.write_table(pa.table({"k": [1], "at": ["2024-01-01"], "v": [1.5]}), tmp_path / "p.parquet")
    past = open_source(tmp_path / "p.parquet", schema=TIMES, columns=["k", "at", "v"])
    report = join_to_file(
        tmp_path / "o.parquet",
        open_source(tmp_path / "e.parquet"),
        [FeatureTable("past", past, ("k",), "at")],
        entity_time="t",
    )
    assert pq.read_schema(tmp_path / "o.parquet").names == ["k", "t", "past__v"]
    _assert_complete(report, 0)


def test_a_join_that_fails_half_way_leaves_no_file(tmp_path: Path) -> None:
    rows = {"k": [1.0, 2.0, 2.5], "at": ["2024-01-01"] * 3, "v": [1, 2, 3]}
    entities = pa.table({"k": [1.0, 2.5], "t": ["2024-01-01"] * 2})
    with pytest.raises(SchemaError, match=r"got 2\.5"):
        join_to_file(tmp_path / "o.parquet", entities, [_past(rows)], entity_time="t", block_rows=1)
    assert list(tmp_path.iterdir()) == []


def test_progress_rises_to_the_end(tmp_path: Path) -> None:
    pq.write_table(_random(np.random.default_rng(2), 3000), tmp_path / "p.parquet", row_group_size=500)
    table = FeatureTable("past", open_source(tmp_path / "p.parquet"), ("k",), "at")
    entities = _random(np.random.default_rng(3), 1000).select(["k", "at"]).rename_columns(["k", "t"])
    shares: list[float] = []
    join_to_file(
        tmp_path / "o.parquet",
        entities,
        [table],
        entity_time="t",
        block_rows=250,
        progress=lambda _, share: shares.append(share),
    )
    assert shares == sorted(shares)
    assert 0.9 < shares[-1] <= 1.0
