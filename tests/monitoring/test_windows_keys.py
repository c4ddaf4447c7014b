"""Keys of windows: columns, cut numbers, expressions; rare ones pooled by a rule that no order of rows can change."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as hs
from window_cases import BASELINE, MINUTE, START, plain, rows_at

from mlops_runtime.core.errors import ConfigError, SchemaError
from mlops_runtime.monitoring.windows import MISSING, OTHER, Segment, Sliding, Tumbling, WindowedMonitor
from mlops_runtime.monitoring.windows.keys import key_rows, rank


def texts(segment: Segment, table: pa.Table) -> list[str]:
    found = key_rows(table, [segment])
    return [found.keys[code][0] for code in found.codes]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (pa.array(["a", "", None, "a"]), ["a", MISSING, MISSING, "a"]),
        (pa.array([1, None, -2]), ["1", MISSING, "-2"]),
        (pa.array([2**63, 2**63 + 1], pa.uint64()), ["9223372036854775808", "9223372036854775809"]),
        (pa.array([0.5, float("nan"), None]), ["0.5", MISSING, MISSING]),
        (pa.array([True, False, None]), ["true", "false", MISSING]),
        (pa.array(["b", "a", None]).dictionary_encode(), ["b", "a", MISSING]),
        (pa.array(["née"], pa.large_utf8()), ["née"]),
        (pa.array(["v"], pa.string_view()), ["v"]),
        (pa.nulls(2), [MISSING, MISSING]),
        (pa.array([0], pa.date32()), ["1970-01-01"]),
    ],
)
def test_the_values_of_a_column_are_keys(values: pa.Array, expected: list[str]) -> None:
    assert texts(Segment("s", "c"), pa.table({"c": values})) == expected


def test_numbers_are_cut_at_points_that_belong_below() -> None:
    table = pa.table({"age": [17.9, 18.0, 18.1, 65.0, 66.0, None, float("nan"), -np.inf, np.inf]})
    expected = ["<= 18", "<= 18", "18 .. 65", "18 .. 65", "> 65", MISSING, MISSING, "<= 18", "> 65"]
    assert texts(Segment("age", "age", cuts=(18, 65)), table) == expected


def test_an_expression_may_be_any_function_of_the_batch() -> None:
    table = pa.table({"x": [1.0, -1.0, 3.0], "tenant": ["a", "b", "a"]})
    signs = [
        Segment("sign", lambda t: pc.if_else(pc.greater(t["x"], 0.0), "up", "down")),
        Segment("sign", lambda t: np.where(t["x"].to_numpy() > 0, "up", "down")),
        Segment("sign", lambda t: ["up" if value > 0 else "down" for value in t["x"].to_pylist()]),
    ]
    for sign in signs:
        assert texts(sign, table) == ["up", "down", "up"]
    both = key_rows(table, [signs[0], Segment("tenant", "tenant")])
    assert [both.keys[code] for code in both.codes] == [("up", "a"), ("down", "b"), ("up", "a")]


def test_a_segment_that_cannot_be_read_is_refused_before_anything_is_counted() -> None:
    monitor = WindowedMonitor(BASELINE, Tumbling(5), keys=[Segment("s", "nowhere")])
    with pytest.raises(SchemaError, match="segment `s`"):
        monitor.update(rows_at([1]), time="at")
    for of in (lambda _: [1], "lists", "bytes"):
        table = pa.table({"x": [1.0, 2.0], "lists": [[1], [2]], "bytes": pa.array([b"\xff", b"\xfe"])})
        monitor = WindowedMonitor(BASELINE, Tumbling(5), keys=[Segment("s", of)])
        with pytest.raises(SchemaError, match="segment `s`"):
            monitor.update(table, time=START)
        assert monitor.rows == 0
    with pytest.raises(SchemaError, match="a column of numbers"):
        texts(Segment("s", "city", cuts=(1, 2)), rows_at([1]))


def test_segments_that_make_no_sense_are_refused() -> None:
    for cuts in ((2.0, 1.0), (1.0, 1.0), (float("nan"),)):
        with pytest.raises(ConfigError, match="increasing cuts"):
            Segment("s", "c", cuts=cuts)
    with pytest.raises(ConfigError, match="different names"):
        WindowedMonitor(BASELINE, Tumbling(5), keys=["a", Segment("a", "b")])


def test_each_key_has_windows_of_its_own_with_the_labels_of_all() -> None:
    monitor = WindowedMonitor(BASELINE, Tumbling(5 * MINUTE), keys=["tenant"], labels={"model": "m"})
    table = rows_at([1, 2, 3, 6], tenant=["a", "b", "a", None])
    windows = monitor.update(table, time="at") + monitor.close()
    assert [(dict(window.key), window.rows) for window in windows] == [
        ({"model": "m", "tenant": "a"}, 2),
        ({"model": "m", "tenant": "b"}, 1),
        ({"model": "m", "tenant": MISSING}, 1),
    ]


@given(hs.permutations([f"t{number}" for number in range(12)]), hs.integers(1, 12))
def test_which_keys_are_kept_does_not_depend_on_the_order_of_rows(order: list[str], most_keys: int) -> None:
    monitor = WindowedMonitor(BASELINE, Tumbling(5 * MINUTE), keys=["tenant"], most_keys=most_keys)
    for tenant in order:
        monitor.update(rows_at([1, 2], tenant=[tenant, "t0"]), time="at")
    rows = {window.key["tenant"]: window.rows for window in monitor.close()}
    kept = sorted({(tenant,) for tenant in order}, key=rank)[:most_keys]
    assert set(rows) - {OTHER} == {key[0] for key in kept}
    assert sum(rows.values()) == 24
    assert all(rows[tenant] == (13 if tenant == "t0" else 1) for tenant in rows if tenant != OTHER)


@given(hs.lists(hs.tuples(hs.integers(0, 29), hs.integers(0, 9)), min_size=1, max_size=40), hs.integers(1, 4))
def test_a_key_that_a_window_keeps_has_all_its_rows(rows: list[tuple[int, int]], most_keys: int) -> None:
    minutes, tenants = [float(minute) for minute, _ in sorted(rows)], [f"t{tenant}" for _, tenant in sorted(rows)]
    table = rows_at(minutes, tenant=tenants)
    kind = Sliding(15 * MINUTE, 5 * MINUTE)
    bounded = WindowedMonitor(BASELINE, kind, keys=["tenant"], most_keys=most_keys)
    free = WindowedMonitor(BASELINE, kind, keys=["tenant"])
    found = bounded.update(table, time="at") + bounded.close()
    whole = {window.identity: window for window in free.update(table, time="at") + free.close()}
    named = [window for window in found if window.key["tenant"] != OTHER]
    assert plain(named) == plain(whole[window.identity] for window in named)
    assert sum(window.rows for window in found) == sum(window.rows for window in whole.values())
