"""Windows: the same bits for any batching of the same rows, each row once, late ones counted, sums of panes exact."""

from __future__ import annotations

import datetime as dt
import itertools

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as hs
from window_cases import BASELINE, MINUTE, START, plain, reference, rows_at, sizes

from mlops_runtime.core.clock import now
from mlops_runtime.core.errors import ConfigError, SchemaError
from mlops_runtime.monitoring import Baseline, Monitor
from mlops_runtime.monitoring.state.summary import summary_from_dict
from mlops_runtime.monitoring.windows import Decayed, Sliding, Tumbling, Window, WindowedMonitor, roll
from mlops_runtime.monitoring.windows.spec import WindowKind

KINDS: list[WindowKind] = [
    Tumbling(5 * MINUTE),
    Sliding(15 * MINUTE, 5 * MINUTE),
    Decayed(10 * MINUTE, 5 * MINUTE),
    Tumbling(7),
    Sliding(9, 3),
    Decayed(6, 3),
]
MOMENTS = hs.lists(hs.one_of(hs.floats(0, 60), hs.floats(20, 25)), min_size=1, max_size=30)


def counted(monitor: WindowedMonitor, table: pa.Table, cuts: list[int]) -> list[Window]:
    """Count a table in batches cut at these rows."""
    ends = [0, *sorted(cut % (table.num_rows + 1) for cut in cuts), table.num_rows]
    windows: list[Window] = []
    for first, last in itertools.pairwise(ends):
        windows += monitor.update(table.slice(first, last - first), time="at")
    return windows + monitor.close()


@given(
    hs.sampled_from(KINDS),
    MOMENTS,
    hs.lists(hs.integers(0, 99), max_size=5),
    hs.integers(1, 3),
    hs.sampled_from([0, 7]),
)
def test_any_batching_of_the_same_rows_gives_the_same_windows_bit_for_bit(
    kind: WindowKind, minutes: list[float], cuts: list[int], most_keys: int, late: int
) -> None:
    table = rows_at(minutes, tenant=[f"t{round(minute) % 5}" for minute in minutes])
    lateness = dt.timedelta(minutes=late) if kind.plan.by == "time" else dt.timedelta(0)

    def monitor() -> WindowedMonitor:
        return WindowedMonitor(BASELINE, kind, keys=["tenant"], most_keys=most_keys, lateness=lateness)

    one, many = monitor(), monitor()
    assert plain(counted(one, table, [])) == plain(counted(many, table, cuts))
    assert (one.rows, one.late, one.undated) == (many.rows, many.late, many.undated)
    assert one.rows + one.late == table.num_rows


@given(
    MOMENTS, hs.integers(0, 30), hs.sampled_from([kind for kind in KINDS if kind.plan.by == "time"]), hs.integers(1, 3)
)
def test_two_monitors_merged_equal_one_that_saw_both_streams(
    minutes: list[float], cut: int, kind: WindowKind, most_keys: int
) -> None:
    table = rows_at(minutes, tenant=[f"t{round(minute) % 5}" for minute in minutes])
    hour = 60 * MINUTE
    one, first, second = (
        WindowedMonitor(BASELINE, kind, keys=["tenant"], most_keys=most_keys, lateness=hour) for _ in range(3)
    )
    assert (
        one.update(table, time="at")
        == first.update(table[:cut], time="at")
        == second.update(table[cut:], time="at")
        == []
    )
    merged = second.merge(first)
    assert plain(merged.close()) == plain(one.close())
    assert merged.rows == table.num_rows


@given(MOMENTS, hs.sampled_from([Tumbling(10 * MINUTE), *KINDS[1:3]]))
def test_rolling_stored_panes_gives_what_counting_so_would_have(minutes: list[float], kind: WindowKind) -> None:
    table = rows_at(sorted(minutes))
    panes = counted(WindowedMonitor(BASELINE, Tumbling(5 * MINUTE), keys=["tenant"]), table, [])
    assert plain(roll(panes, kind)) == plain(counted(WindowedMonitor(BASELINE, kind, keys=["tenant"]), table, []))


def test_a_tumbling_window_holds_what_a_monitor_of_its_rows_counts() -> None:
    table = rows_at([0, 1, 4.99, 5, 9])
    first, second = counted(WindowedMonitor(BASELINE, Tumbling(5 * MINUTE)), table, [])
    assert sizes([first, second]) == [(0, 3), (5, 2)]
    alone = Monitor(BASELINE).update(table[:3]).summaries()
    assert {name: one.to_dict() for name, one in first.summaries.items()} == {n: s.to_dict() for n, s in alone.items()}
    assert first.report(BASELINE).dataset.n_current == 3


def test_a_sliding_window_is_the_sum_of_its_panes_and_goes_on_over_gaps() -> None:
    windows = counted(WindowedMonitor(BASELINE, Sliding(15 * MINUTE, 5 * MINUTE)), rows_at([1, 6, 7, 31]), [])
    assert sizes(windows) == [(-10, 1), (-5, 3), (0, 3), (5, 2), (20, 1)]


def test_windows_by_rows_hold_as_many_and_span_the_times_of_their_rows() -> None:
    windows = counted(WindowedMonitor(BASELINE, Tumbling(2)), rows_at([3, 1, 2, 8, 9]), [])
    assert [(window.rows, window.number) for window in windows] == [(2, 0), (2, 1), (1, 2)]
    assert (windows[0].span.start, windows[0].span.end) == (
        START + MINUTE,
        START + 3 * MINUTE + dt.timedelta.resolution,
    )


def test_a_decayed_window_rests_on_the_effective_number_of_rows() -> None:
    monitor = WindowedMonitor(BASELINE, Decayed(5 * MINUTE, 5 * MINUTE))
    table = pa.table({"x": [1.0] * 100 + [3.0] * 100, "city": ["Dubai"] * 100 + ["Oslo"] * 100})
    first, second = monitor.update(table, time=rows_at([1] * 100 + [6] * 100)["at"]) + monitor.close()
    assert (first.rows, second.rows) == (100, 180)  # (100 + 50)^2 / (100 + 25)
    number, text = second.summaries["x"], second.summaries["city"]
    assert number.mean == pytest.approx((1.0 + 2 * 3.0) / 3, rel=1e-15)  # type: ignore[union-attr]
    assert dict(zip(text.categories, text.counts.tolist(), strict=True)) == {"Oslo": 120, "Dubai": 60}  # type: ignore[union-attr]
    assert second.weighted


def test_new_categories_decay_with_their_rows_and_survive_the_files_of_a_store() -> None:
    monitor = WindowedMonitor(BASELINE, Decayed(5 * MINUTE, 5 * MINUTE))
    table = pa.table({"x": [1.0] * 9, "city": ["Rome", "Rome", "Bern", "Oslo", "Oslo", "Oslo", "Rome", "Bern", "Oslo"]})
    _, second = monitor.update(table, time=rows_at([1] * 6 + [6] * 3)["at"]) + monitor.close()
    found = second.summaries["city"]
    assert (found.rows, found.new) == (8, 5)  # type: ignore[union-attr]  # (6 / 2 + 3)^2 / (6 / 4 + 3)
    assert found.new_examples == ("Bern", "Rome")  # type: ignore[union-attr]
    assert summary_from_dict(found.to_dict(), where="here").to_dict() == found.to_dict()


def test_a_decayed_window_of_a_constant_has_no_variance() -> None:
    monitor = WindowedMonitor(BASELINE, Decayed(15 * MINUTE, 5 * MINUTE))
    times = rows_at(np.linspace(0, 50, 77))["at"]
    windows = monitor.update(pa.table({"x": [-0.1] * 77}), time=times) + monitor.close()
    assert {window.summaries["x"].standard_deviation for window in windows} == {0.0}  # type: ignore[union-attr]
    assert {window.summaries["x"].mean for window in windows} == {-0.1}  # type: ignore[union-attr]


def test_rows_later_than_allowed_are_counted_and_in_no_window() -> None:
    monitor = WindowedMonitor(BASELINE, Tumbling(5 * MINUTE), lateness=2 * MINUTE)
    assert monitor.update(rows_at([1, 6, 2]), time="at") == []
    assert sizes(monitor.update(rows_at([7, 3, 1]), time="at")) == [(0, 2)]
    assert (monitor.late, monitor.rows) == (2, 4)
    assert sizes(monitor.close()) == [(5, 2)]


def test_rows_without_a_time_are_counted_and_in_no_window() -> None:
    monitor = WindowedMonitor(BASELINE, Tumbling(5 * MINUTE))
    beyond = dt.datetime(9999, 1, 1, tzinfo=dt.UTC)
    at = pa.array([None, START, beyond, None], pa.timestamp("us", "UTC"))
    monitor.update(pa.table({"x": [1.0, 2.0, 3.0, 4.0]}), time=at)
    assert (monitor.undated, monitor.late, monitor.rows) == (3, 0, 1)


def test_a_row_far_ahead_of_the_clock_closes_nothing_where_that_is_bounded() -> None:
    at = pa.array([now(), now() + dt.timedelta(days=400), now()], pa.timestamp("us", "UTC"))
    table = pa.table({"x": [1.0, 2.0, 3.0]})
    bounded = WindowedMonitor(BASELINE, Tumbling(60 * MINUTE), lateness=60 * MINUTE, ahead=60 * MINUTE)
    assert bounded.update(table, time=at) == []
    assert (bounded.rows, bounded.undated, bounded.late) == (2, 1, 0)
    free = WindowedMonitor(BASELINE, Tumbling(60 * MINUTE), lateness=60 * MINUTE)
    assert len(free.update(table, time=at)) == 1
    assert (free.rows, free.undated, free.late) == (2, 0, 1)


def test_time_goes_on_without_rows() -> None:
    monitor = WindowedMonitor(BASELINE, Tumbling(5 * MINUTE), lateness=MINUTE)
    monitor.update(rows_at([1]), time=START)
    assert monitor.advance(START + 5 * MINUTE) == []
    assert sizes(monitor.advance(START + 6 * MINUTE)) == [(0, 1)]


def test_parts_that_were_taken_add_up_to_the_window() -> None:
    monitor, whole = (WindowedMonitor(BASELINE, Tumbling(5 * MINUTE)) for _ in range(2))
    table = rows_at([1, 2, 3, 4])
    monitor.update(table[:1], time="at")
    assert sizes(monitor.parts()) == [(0, 1)]
    (first,) = monitor.take()
    (second,) = monitor.update(table[1:], time="at") + monitor.close()
    assert plain([first.merge(second)]) == plain(counted(whole, table, []))


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_times_mean_the_same_in_every_form(unit: str) -> None:
    minutes = [0.0, 4.0, 5.0]
    table = rows_at(minutes)
    naive = table["at"].cast(pa.timestamp(unit))
    for time in ("at", table["at"], naive, naive.to_numpy(), naive.combine_chunks()):
        monitor = WindowedMonitor(BASELINE, Tumbling(5 * MINUTE))
        assert sizes(monitor.update(table, time=time) + monitor.close()) == [(0, 2), (5, 1)]


def test_every_arrow_able_object_counts_alike() -> None:
    table = rows_at(range(20))
    frame = table.to_pandas()
    expected = plain(counted(WindowedMonitor(BASELINE, Tumbling(5 * MINUTE)), table, []))
    assert isinstance(frame, pd.DataFrame)
    with duckdb.connect() as session:
        session.register("rows", table)
        for data in (frame, pl.from_arrow(table), session.sql("select * from rows")):
            monitor = WindowedMonitor(BASELINE, Tumbling(5 * MINUTE))
            assert plain(monitor.update(data, time=table["at"]) + monitor.close()) == expected


@pytest.mark.parametrize("time", ["nowhere", "city", pa.array([1, 2]), np.array([1, 2]), 5, START.replace(tzinfo=None)])
def test_what_is_no_time_is_refused_before_anything_is_counted(time: object) -> None:
    monitor = WindowedMonitor(BASELINE, Tumbling(5 * MINUTE))
    with pytest.raises(SchemaError, match="times of rows"):
        monitor.update(rows_at([1, 2]), time=time)
    assert (monitor.rows, monitor.close()) == (0, [])


def test_a_batch_that_monitors_refuse_closes_and_counts_nothing() -> None:
    monitor = WindowedMonitor(BASELINE, Tumbling(5 * MINUTE))
    monitor.update(rows_at([1]), time="at")
    with pytest.raises(SchemaError, match="column `x`"):
        monitor.update(pa.table({"x": ["text"]}), time=START + 60 * MINUTE)
    assert sizes(monitor.close()) == [(0, 1)]


def test_monitors_that_differ_or_are_not_as_far_do_not_merge() -> None:
    def sliding() -> WindowedMonitor:
        return WindowedMonitor(BASELINE, Sliding(10 * MINUTE, 5 * MINUTE))

    ahead = sliding()
    ahead.update(rows_at([20]), time="at")
    others = [
        WindowedMonitor(BASELINE, Tumbling(5 * MINUTE)),
        WindowedMonitor(BASELINE, Sliding(10 * MINUTE, 5 * MINUTE), labels={"model": "m"}),
        WindowedMonitor(Baseline.fit(reference()[:300]), Sliding(10 * MINUTE, 5 * MINUTE)),
    ]
    for other in others:
        with pytest.raises(SchemaError, match="the same windows, keys"):
            sliding().merge(other)
    behind = sliding()
    behind.update(rows_at([1]), time="at")
    ahead.advance(START + 30 * MINUTE)
    with pytest.raises(SchemaError, match="monitors that are as far"):
        behind.merge(ahead)
    behind.advance(START + 30 * MINUTE)
    assert behind.merge(ahead).rows == 2
    by_rows = WindowedMonitor(BASELINE, Tumbling(5))
    with pytest.raises(SchemaError, match="by rows, of which the n-th"):
        by_rows.merge(WindowedMonitor(BASELINE, Tumbling(5)))


def test_a_window_is_compared_with_its_own_baseline_only_and_weighted_ones_do_not_add() -> None:
    (window,) = counted(WindowedMonitor(BASELINE, Decayed(5 * MINUTE, 5 * MINUTE)), rows_at([1]), [])
    with pytest.raises(SchemaError, match="the baseline it was counted over"):
        window.report(Baseline.fit(reference()[:300]))
    with pytest.raises(SchemaError, match="roll merged panes"):
        window.merge(window)
    with pytest.raises(SchemaError, match="unweighted"):
        list(roll([window], Tumbling(5 * MINUTE)))
    with pytest.raises(ConfigError, match="windows by time"):
        list(roll([], Tumbling(5)))


@pytest.mark.parametrize(
    "make",
    [
        lambda: Tumbling(0),
        lambda: Tumbling(True),
        lambda: Tumbling(5.0),  # type: ignore[arg-type]
        lambda: Tumbling(dt.timedelta(days=5000)),
        lambda: Sliding(10, 3),
        lambda: Sliding(10 * MINUTE, 5),
        lambda: Sliding(10**9, 1),
        lambda: Decayed(3, 5),
        lambda: Decayed(10**6, 1),
        lambda: WindowedMonitor(BASELINE, Tumbling(5), lateness=MINUTE),
        lambda: WindowedMonitor(BASELINE, Tumbling(5), most_keys=0),
        lambda: WindowedMonitor(BASELINE, Tumbling(5), keys=["a"], labels={"a": "b"}),
        lambda: WindowedMonitor(BASELINE, Sliding(10, 5)).parts(),
    ],
)
def test_windows_that_make_no_sense_are_refused(make: object) -> None:
    with pytest.raises(ConfigError, match="expected"):
        make()  # type: ignore[operator]
