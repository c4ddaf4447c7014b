"""Categorical columns: strings and declared integers, live in bounded memory, merged bit for bit."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_runtime.core.errors import ConfigError, SchemaError
from mlops_runtime.monitoring.monitor import Monitor, compare
from mlops_runtime.monitoring.state.baseline import Baseline
from mlops_runtime.monitoring.state.categorical import CategoricalSummary
from mlops_runtime.monitoring.state.categories import MAX_CATEGORIES
from mlops_runtime.monitoring.state.unseen import MAX_UNSEEN


def summary_of(monitor: Monitor, name: str) -> CategoricalSummary:
    summary = monitor.summaries()[name]
    assert isinstance(summary, CategoricalSummary)
    return summary


def zips(values: list[int | None], kind: pa.DataType | None = None) -> pa.Table:
    return pa.table({"zip": pa.array(values, kind or pa.int64())})


BASELINE = Baseline.fit(zips([10115, 10115, 2**53 + 1, None]), categorical=("zip",))


def test_declared_integers_are_categories_and_large_ones_keep_their_identity() -> None:
    monitor = Monitor(BASELINE).update(zips([10115, 2**53, 2**53 + 1, -7, None]))
    summary = summary_of(monitor, "zip")
    assert summary.categories == ("10115", str(2**53 + 1))
    assert (summary.counts.tolist(), summary.missing, summary.new) == ([1, 1], 1, 2)
    assert set(summary.new_examples) == {str(2**53), "-7"}


@pytest.mark.parametrize("kind", [pa.int16(), pa.uint16(), pa.uint64(), pa.dictionary(pa.int8(), pa.int32())])
def test_live_integers_may_have_another_width(kind: pa.DataType) -> None:
    monitor = Monitor(BASELINE).update(zips([10115, 3, None], kind))
    summary = summary_of(monitor, "zip")
    assert (summary.counts.tolist(), summary.missing, summary.new_examples) == ([1, 0], 1, ("3",))


def test_a_live_column_of_nulls_is_missing() -> None:
    text = Baseline.fit(pa.table({"zip": ["a", "b"]}))
    for baseline in (BASELINE, text):
        assert summary_of(Monitor(baseline).update(pa.table({"zip": pa.nulls(3)})), "zip").missing == 3


def test_booleans_can_be_declared() -> None:
    flags = pa.table({"flag": [True, None, True, False]})
    baseline = Baseline.fit(flags, categorical=("flag",))
    summary = summary_of(Monitor(baseline).update(flags), "flag")
    assert (summary.categories, summary.counts.tolist(), summary.missing) == (("1", "0"), [2, 1], 1)


@pytest.mark.parametrize(("name", "got"), [("x", "`x` double"), ("y", "no column `y`")])
def test_only_integers_booleans_and_strings_can_be_declared(name: str, got: str) -> None:
    with pytest.raises(ConfigError, match=f"got {got}"):
        Baseline.fit(pa.table({"x": [0.5]}), categorical=(name,))


@pytest.mark.parametrize("values", [["10115"], [10115.0]])
def test_live_values_of_another_kind_are_refused_before_anything_is_counted(values: list[str] | list[float]) -> None:
    monitor = Monitor(BASELINE)
    with pytest.raises(SchemaError, match="expected a categorical column of integers"):
        monitor.update(pa.table({"zip": values}))
    assert monitor.rows == summary_of(monitor, "zip").rows == 0


def test_a_shift_of_declared_integers_drifts_whatever_their_order_of_magnitude() -> None:
    rng = np.random.default_rng(1)
    codes = np.array([7, 2**60, 2**60 + 1, 2**60 + 2])
    before, now = (codes[rng.choice(4, 5000, p=shares)] for shares in ([0.4, 0.4, 0.1, 0.1], [0.4, 0.1, 0.4, 0.1]))
    baseline = Baseline.fit(pa.table({"code": before}), categorical=("code",))
    report = Monitor(baseline).update(pa.table({"code": now})).report()
    assert report.dataset.drifted
    assert not Monitor(baseline).update(pa.table({"code": before})).report().dataset.drifted


def test_two_tables_are_compared_with_integers_as_categories() -> None:
    before, now = (pa.table({"zip": [first] * 500 + [20] * 500}) for first in (10, 30))
    assert compare(before, before, categorical=("zip",)).drifted == ()
    report = compare(before, now, categorical=("zip",))
    assert (report.drifted, report.column("zip").kind) == (("zip",), "categorical")


def test_a_baseline_of_integers_comes_back_from_its_files() -> None:
    files = BASELINE.to_files()
    back = Baseline.from_files(files)
    assert back.to_files() == files
    assert summary_of(Monitor(back).update(zips([10115])), "zip").counts.tolist() == [1, 0]


def test_a_baseline_of_an_earlier_release_holds_strings() -> None:
    document = json.loads(Baseline.fit(pa.table({"c": ["a", "b", "a"]})).to_files()["baseline.json"])
    for entry in ("holds", "unseen"):
        del document["columns"][0][entry]
    document["columns"][0]["new_examples"] = []
    baseline = Baseline.from_files({"baseline.json": json.dumps(document).encode()})
    assert summary_of(Monitor(baseline).update(pa.table({"c": ["b"]})), "c").counts.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("unseen", "message"),
    [
        ([["00000000000000ff", 1, "z"], ["0000000000000001", 1, "y"]], "ascending by hash"),
        ([["0000000000000001", 3, "z"]], "at most 2 rows"),
        ([["0000000000000001", 0, "z"]], "at most 2 rows"),
        ([["x", 1, "z"]], "a column summary"),
        ([["01", 1]], "a column summary"),
    ],
)
def test_unseen_categories_that_cannot_be_are_refused(unseen: list[object], message: str) -> None:
    live = summary_of(Monitor(BASELINE).update(zips([1, 2])), "zip")
    document = {"format_version": 1, "columns": [{"name": "zip", **live.to_dict(), "unseen": unseen}], "skipped": []}
    with pytest.raises(SchemaError, match=message):
        Baseline.from_files({"baseline.json": json.dumps(document).encode()})


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 900) | st.none(), max_size=1500), st.integers(0, 1500))
def test_summaries_and_monitors_merge_to_the_whole(values: list[int | None], cut: int) -> None:
    whole = summary_of(Monitor(BASELINE).update(zips(values)), "zip").to_dict()
    left, right = (Monitor(BASELINE).update(zips(part)) for part in (values[:cut], values[cut:]))
    assert summary_of(right, "zip").merge(summary_of(left, "zip")).to_dict() == whole
    assert summary_of(right.merge(left), "zip").to_dict() == whole


def test_merging_does_not_depend_on_the_order() -> None:
    words = [f"w{i}" for i in np.random.default_rng(4).zipf(1.2, 9000) % 5000]
    baseline = Baseline.fit(pa.table({"c": words[:50]}))
    parts = [summary_of(Monitor(baseline).update(pa.table({"c": words[i::3]})), "c") for i in range(3)]
    merged = [a.merge(b).merge(c).to_dict() for a, b, c in itertools.permutations(parts)]
    assert merged == [summary_of(Monitor(baseline).update(pa.table({"c": words})), "c").to_dict()] * 6


def test_distinct_values_are_counted_exactly_while_few_are_new_and_estimated_beyond() -> None:
    baseline = Baseline.fit(pa.table({"c": ["a", "b"]}))
    few = summary_of(Monitor(baseline).update(pa.table({"c": ["a", *(f"n{i}" for i in range(200))]})), "c")
    assert (few.distinct.value, few.distinct.standard_error) == (201.0, 0.0)
    many = summary_of(Monitor(baseline).update(pa.table({"c": [f"n{i}" for i in range(40_000)]})), "c")
    assert len(many.unseen) == MAX_UNSEEN
    assert abs(many.distinct.value - 40_000) < 4 * many.distinct.standard_error < 12_000


def test_the_most_frequent_new_categories_are_named_first() -> None:
    baseline = Baseline.fit(pa.table({"c": ["a"]}))
    new = ["zebra"] * 3 + ["ant"] + ["bee"] * 2 + ["cat"]
    assert summary_of(Monitor(baseline).update(pa.table({"c": new})), "c").new_examples == (
        "zebra",
        "bee",
        "ant",
        "cat",
    )


def test_integers_beyond_those_kept_are_other() -> None:
    baseline = Baseline.fit(zips([*range(MAX_CATEGORIES + 5), 3]), categorical=("zip",))
    summary = baseline.columns["zip"]
    assert isinstance(summary, CategoricalSummary)
    assert (summary.categories[0], summary.truncated, summary.other) == ("3", True, 5)
    live = summary_of(Monitor(baseline).update(zips([3, MAX_CATEGORIES + 4, -1])), "zip")
    assert (live.counts.sum(), live.other, live.new, live.new_examples) == (1, 2, 0, ())


def test_declared_unsigned_integers_keep_their_identity_beyond_2_to_the_63() -> None:
    ids = [2**64 - 1, 2**64 - 1, 7, None, 2**63]
    baseline = Baseline.fit(zips(ids[1:], pa.uint64()), categorical=("zip",))
    summary = summary_of(Monitor(baseline).update(zips([*ids, 2**64 - 2], pa.uint64())), "zip")
    assert dict(zip(summary.categories, summary.counts.tolist(), strict=True)) == {
        str(2**64 - 1): 2,
        "7": 1,
        str(2**63): 1,
    }
    assert (summary.missing, summary.new_examples) == (1, (str(2**64 - 2),))
    signed = summary_of(Monitor(baseline).update(zips([-1, 7])), "zip")
    assert (int(signed.counts.sum()), signed.new_examples) == (1, ("-1",))
