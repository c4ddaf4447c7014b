"""What is called a leak of which kind, to the microsecond and to the last bit, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from mlops_runtime.core.errors import ConfigError, EmptyInputError, SchemaError
from mlops_runtime.data import open_source
from mlops_runtime.features.join import join
from mlops_runtime.features.leaks import KINDS, LeakReport, find_leaks, wanted
from mlops_runtime.features.leaks.wanted import Wanted
from mlops_runtime.features.tables import FeatureTable

TIME = pa.timestamp("us", "UTC")
STEP_US, TTL_US = 1_000_000, 5_000_000


def check(values: dict[str, list[object]], recorded: dict[str, list[object]], **options: object) -> LeakReport:
    """Check rows of key 1 at second 100 that recorded these values, one after another."""
    rows = len(next(iter(recorded.values())))
    training = pa.table({"k": [1] * rows, "t": pa.array([100 * STEP_US] * rows).cast(TIME), **recorded})
    times = {name: pa.array(values[name]).cast(TIME) for name in ("event", "known") if name in values}
    past = pa.table({"k": [1] * len(values["event"]), **values, **times})
    table = FeatureTable("past", past, ("k",), "event", "known" if "known" in values else None, **options)
    return find_leaks(training, [table], entity_time="t")


def kinds_of(report: LeakReport) -> list[str | None]:
    """Return the kind of each row, None of right ones."""
    found = {leak.row: leak.kind for leak in report.listed}
    assert len(found) == len(report.listed) == len(report.rows())
    return [found.get(row) for row in range(report.checked)]


NOW = 100 * STEP_US


def test_a_microsecond_decides() -> None:
    report = check({"event": [NOW, NOW + 1], "v": [7, 8]}, {"v": [7, 8]})
    assert kinds_of(report) == [None, "future"]
    assert (report.listed[0].time, report.listed[0].event, report.listed[0].available) == (NOW, NOW + 1, NOW + 1)


def test_a_value_that_became_known_a_microsecond_late_is_one_of_the_future() -> None:
    report = check({"event": [50, 60, 70], "known": [NOW, 60, NOW + 1], "v": [7, 8, 9]}, {"v": [7, 8, 9]})
    assert kinds_of(report) == ["superseded", None, "late"]
    assert report.leaks == 1


@pytest.mark.parametrize(("age_us", "kind"), [(TTL_US, None), (TTL_US + 1, "stale")])
def test_a_value_is_stale_a_microsecond_after_its_ttl(age_us: int, kind: str | None) -> None:
    assert kinds_of(check({"event": [NOW - age_us], "v": [7]}, {"v": [7]}, ttl_s=5.0)) == [kind]


def test_the_wrong_one_of_two_tied_rows_is_superseded() -> None:
    report = check({"event": [50, 50, 50], "known": [80, 90, 90], "v": [7, 8, 9]}, {"v": [7, 8, 9]})
    assert kinds_of(report) == ["superseded", "superseded", None]
    assert report.leaks == 0
    assert not report.passed()
    assert report.passed(("superseded",))


@pytest.mark.parametrize(("ttl_s", "kind"), [(None, "superseded"), (5.0, "stale")])
def test_a_value_of_the_past_that_comes_again_is_not_called_one_of_the_future(ttl_s: float | None, kind: str) -> None:
    report = check({"event": [50, NOW, NOW + 5], "v": [7, 8, 7]}, {"v": [7]}, ttl_s=ttl_s)
    assert kinds_of(report) == [kind]
    assert report.listed[0].event == 50


def test_of_rows_of_the_future_the_first_that_was_available_is_named() -> None:
    values = {"event": [NOW + 9, 90, NOW + 2], "known": [0, NOW + 7, 0], "v": [7, 7, 7]}
    report = check(values, {"v": [7]})
    assert kinds_of(report) == ["future"]
    assert report.listed[0].available == NOW + 2


def test_one_leaked_feature_beside_right_ones_is_named_alone() -> None:
    values = {"event": [50, NOW + 1], "a": [1, 2], "b": [3, 4], "c": ["x", "y"]}
    report = check(values, {"a": [1, 1], "b": [4, 4], "c": ["x", "q"]})
    found = [(leak.row, leak.kind, leak.features, leak.recorded, leak.expected) for leak in report.listed]
    assert found == [
        (0, "future", ("b",), {"b": 4}, {"b": 3}),
        (1, "future", ("b",), {"b": 4}, {"b": 3}),
        (1, "unexplained", ("c",), {"c": "q"}, {"c": "x"}),
    ]
    assert report.counts["future"] == 2
    assert len(report.rows()) == 2


def test_values_of_another_key_explain_nothing() -> None:
    past = FeatureTable("past", pa.table({"k": [1, 2], "e": ["2024-01-01"] * 2, "v": [7, 8]}), ("k",), "e")
    report = find_leaks(pa.table({"k": [1], "t": ["2024-02-01"], "v": [8]}), [past], entity_time="t")
    assert kinds_of(report) == ["unexplained"]


FLOATS = [0.1, 1 / 3, -0.0, float("nan"), float("inf"), 1e-310, 16_777_217.0, None]


@pytest.mark.parametrize("recorded", [pa.float16(), pa.float32(), pa.float64()])
@pytest.mark.parametrize("feature", [pa.float32(), pa.float64()])
def test_floats_are_equal_when_the_narrower_type_cannot_tell(recorded: pa.DataType, feature: pa.DataType) -> None:
    values = pa.array(FLOATS, feature)
    rows = range(len(FLOATS))
    past = FeatureTable("past", pa.table({"k": rows, "e": ["2024-01-01"] * len(FLOATS), "v": values}), ("k",), "e")
    with np.errstate(over="ignore"):
        narrow = pa.array(values.to_numpy(zero_copy_only=False).astype(recorded.to_pandas_dtype()))
    assert narrow.type == recorded
    report = find_leaks(pa.table({"k": rows, "t": ["2024-02-01"] * len(FLOATS), "v": narrow}), [past], entity_time="t")
    assert report.passed(), report.listed


def test_a_float32_column_may_be_rounded_but_not_wrong() -> None:
    values = {"event": [50], "v": [1 / 3]}
    right = np.float32(1 / 3)
    report = check(values, {"v": pa.array([right, np.nextafter(right, np.float32(1))], pa.float32())})
    assert kinds_of(report) == [None, "unexplained"]
    assert kinds_of(check(values, {"v": [float(right)]})) == ["unexplained"]  # a float64 could have told


@pytest.mark.parametrize("convert", [pa.Table.to_pandas, pl.from_arrow, pa.table])
def test_the_library_that_wrote_the_training_set_does_not_show(convert: object) -> None:
    kinds = {
        "whole": pa.array([1, None, 2**40]),
        "flag": pa.array([True, None, False]),
        "text": pa.array(["a", None, "b"]).dictionary_encode(),
        "huge": pa.array([2**63 - 1, 0, -(2**63)]),
        "unsigned": pa.array([2**64 - 1, 0, 1], pa.uint64()),
        "when": pa.array([1, None, 3], pa.timestamp("ns")),
    }
    past = FeatureTable("past", pa.table({"k": [1, 2, 3], "e": ["2024-01-01"] * 3, **kinds}), ("k",), "e")
    training = join(pa.table({"k": [3, 1, 2, 9], "t": ["2024-02-01"] * 4}), [past], entity_time="t").table
    report = find_leaks(convert(training), [past], entity_time="t")
    assert report.passed(), report.listed
    assert len(report.tables[0].columns) == len(kinds)


def test_lists_are_compared_element_by_element() -> None:
    lists = [["a,b"], ["a", "b"], [], None, ["\\"], [None]]
    values = {"event": [50, NOW + 1, NOW + 2, NOW + 3, NOW + 4, NOW + 5], "v": lists}
    assert kinds_of(check(values, {"v": lists})) == [None, "future", "future", "missing", "future", "future"]


def test_a_key_that_is_nan_is_missing() -> None:
    past = FeatureTable("past", pa.table({"k": [1.0, None], "e": ["2024-01-01"] * 2, "v": [7, 8]}), ("k",), "e")
    rows = {"k": [1.0, float("nan"), None], "t": ["2024-02-01"] * 3, "v": [7, 8, 8]}
    assert kinds_of(find_leaks(pa.table(rows), [past], entity_time="t")) == [None, "unexplained", "unexplained"]


def test_rows_without_key_or_time_can_only_be_empty() -> None:
    past = FeatureTable("past", pa.table({"k": [1], "e": ["2024-01-01"], "v": [7]}), ("k",), "e")
    rows = {"k": [1, None, 1, None], "t": ["2024-02-01", "2024-02-01", None, None], "v": [7, None, 7, 7]}
    assert kinds_of(find_leaks(pa.table(rows), [past], entity_time="t")) == [None, None, "unexplained", "unexplained"]


def two_tables() -> list[FeatureTable]:
    accounts = {"account": ["a", "a"], "e": ["2024-01-01", "2024-03-01"], "balance": [1.0, 2.0], "score": [5, 6]}
    shops = {"account": ["a", "a"], "shop": [1, 1], "e": ["2024-01-01", "2024-03-01"], "sales": [7, 8], "score": [3, 4]}
    return [
        FeatureTable("accounts", pa.table(accounts), ("account",), "e", entity_keys=("customer",)),
        FeatureTable("shops", pa.table(shops), ("account", "shop"), "e", entity_keys=("customer", "shop")),
    ]


def visits(**recorded: list[object]) -> pa.Table:
    return pa.table({"customer": ["a", "a"], "shop": [1, 2], "t": ["2024-02-01"] * 2, **recorded})


def test_leaks_of_several_tables_are_told_apart() -> None:
    training = visits(accounts__score=[5, 6], shops__score=[4, None], balance=[1.0, 2.0], sales=[8, None])
    report = find_leaks(training, two_tables(), entity_time="t")
    found = [(leak.row, leak.table, leak.kind, leak.features, leak.key) for leak in report.listed]
    assert found == [
        (0, "shops", "future", ("sales", "score"), {"customer": "a", "shop": 1}),
        (1, "accounts", "future", ("balance", "score"), {"customer": "a"}),
    ]
    assert [table.counts["future"] for table in report.tables] == [1, 1]
    assert report.rows("future").tolist() == [0, 1]


def test_a_feature_is_found_by_its_full_name_its_own_or_the_one_that_is_given() -> None:
    training = visits(b=[1.0, 1.0], shops__sales=[7, None], score=[5, 5], label=[0, 1])
    report = find_leaks(training, two_tables(), entity_time="t", columns={"accounts__balance": "b"})
    assert [dict(table.columns) for table in report.tables] == [{"balance": "b"}, {"sales": "shops__sales"}]
    assert report.notes == (  # two tables have a `score`, so a column of that name is neither's
        "not in the training set, so not checked: `score` of feature table `accounts`",
        "not in the training set, so not checked: `score` of feature table `shops`",
        "of no feature table, so not checked: `score`, `label`",
    )
    assert report.passed()


def test_a_training_set_that_lost_a_table_is_checked_for_the_others() -> None:
    report = find_leaks(visits(sales=[8, None]), two_tables(), entity_time="t")
    assert [table.name for table in report.tables] == ["shops"]
    assert report.leaks == 1


@pytest.mark.parametrize(
    ("training", "options", "error", "message"),
    [
        (visits(sales=[7, 7]).drop(["t"]), {}, SchemaError, "expected column `t`"),
        (visits(sales=[7, 7]).drop(["shop"]), {}, SchemaError, "training set: .* got no `shop` — .* entity_keys"),
        (visits(), {}, SchemaError, "expected one of the features `accounts__balance`.* got columns `customer`"),
        (visits(sales=["x", "y"]), {}, SchemaError, "in column `sales`, got values of type string — cast the column"),
        (visits(sales=[7, 7]), {"columns": {"sales": "sales"}}, ConfigError, "got `sales` — check the spelling"),
        (visits(sales=[7, 7]), {"columns": {"shops__sales": "x"}}, ConfigError, "got `x` — say what the training set"),
        (visits(t=[1, 2], sales=[7, 7]), {}, SchemaError, "expected times .* in column `t`.* got values of type int64"),
    ],
)
def test_what_cannot_be_checked_is_refused(training: pa.Table, options: dict, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        find_leaks(training, two_tables(), entity_time="t", **options)


def test_times_written_as_texts_in_a_file_are_refused(tmp_path: Path) -> None:
    pq.write_table(visits(sales=[7, 8]), tmp_path / "training.parquet")
    with pytest.raises(SchemaError, match="expected times in column `t`, got values of kind string"):
        find_leaks(open_source(tmp_path / "training.parquet"), two_tables(), entity_time="t")


def test_two_feature_tables_of_one_name_are_refused() -> None:
    with pytest.raises(ConfigError, match="`accounts` twice"):
        find_leaks(visits(balance=[1.0, 1.0]), two_tables()[:1] * 2, entity_time="t")


def test_rows_are_named_by_their_ordinals_in_the_data_set(tmp_path: Path) -> None:
    rows = visits(sales=[7, 8]).append_column("year", [[1, 2]])
    rows = rows.set_column(2, "t", rows["t"].cast(pa.timestamp("us")))
    pq.write_table(rows, tmp_path / "training.parquet")
    training = open_source(tmp_path / "training.parquet", filters=[("year", "==", 2)])
    (leak,) = find_leaks(training, two_tables(), entity_time="t").listed
    assert leak.row == 1
    with pytest.raises(EmptyInputError, match="training set: expected rows, got none"):
        find_leaks(
            open_source(tmp_path / "training.parquet", filters=[("year", "==", 3)]), two_tables(), entity_time="t"
        )


@pytest.mark.parametrize("limit", [0, 1, 3, 100])
def test_few_are_listed_and_all_are_counted(limit: int) -> None:
    values = {"event": [50, 90, NOW + 1], "v": [7, 8, 9]}
    recorded = pa.table({"k": [1] * 4, "t": pa.array([NOW] * 4).cast(TIME), "v": [7, 8, 9, 9]})
    times = pa.array(values["event"]).cast(TIME)
    past = FeatureTable("past", pa.table({"k": [1] * 3, "event": times, "v": values["v"]}), ("k",), "event")
    report = find_leaks(recorded, [past], entity_time="t", limit=limit)
    assert report.counts == {**dict.fromkeys(KINDS, 0), "future": 2, "superseded": 1}
    assert [(leak.kind, leak.row) for leak in report.listed] == [("future", 2), ("future", 3), ("superseded", 0)][
        :limit
    ]


def test_a_report_is_plain_json() -> None:
    values = {"event": [50, NOW + 1], "v": [float("inf"), 1.0], "w": pa.array([1, 2], pa.timestamp("us"))}
    written = json.loads(json.dumps(check(values, {"v": [1.0], "w": values["w"][1:]}).to_dict(), allow_nan=False))
    assert written["leaks"] == written["counts"]["future"] == written["rows_found"] == 1
    assert written["listed"] == [
        {
            "row": 0,
            "table": "past",
            "kind": "future",
            "features": ["v", "w"],
            "key": {"k": 1},
            "time": "1970-01-01T00:01:40+00:00",
            "event": "1970-01-01T00:01:40.000001+00:00",
            "available": "1970-01-01T00:01:40.000001+00:00",
            "recorded": {"v": 1.0, "w": "1970-01-01T00:00:00.000002+00:00"},
            "expected": {"v": "inf", "w": "1970-01-01T00:00:00.000001+00:00"},
        }
    ]


def test_rows_whose_hashes_collide_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """With six bits of the hash, collisions are everywhere; they cost another seed, never a wrong row."""
    strong = wanted._hashes
    monkeypatch.setattr(wanted, "_hashes", lambda rows, seed: strong(rows, seed) & np.uint64(63))
    rows = pa.table({"key": [1, 2, 3, 1], "value": ["x", None, "x", "x"]})
    asked = Wanted(rows)
    assert asked.number_of.tolist() == [0, 1, 2, 0]
    others = pa.table({"key": pa.array(range(4_000)), "value": ["x", None, "y", "z"] * 1_000})
    found, numbers = asked.find(pa.concat_tables([others, rows]))
    assert found.tolist() == [4_000, 4_001, 4_002, 4_003]
    assert numbers.tolist() == [0, 1, 2, 0]
