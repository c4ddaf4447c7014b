"""Counting: merging equals concatenation bit for bit, files read back as they were written, damage is refused."""

from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as hs

from mlops_runtime.core.errors import ConfigError, SchemaError
from mlops_runtime.monitoring import Baseline, Monitor
from mlops_runtime.monitoring.state.categories import MAX_CATEGORIES
from mlops_runtime.monitoring.state.summary import CategoricalSummary, ColumnSummary, NumericSummary

RNG = np.random.default_rng(11)


def reference() -> pa.Table:
    amounts = pa.array([*RNG.lognormal(0, 1, 500), None, math.nan, math.inf, -math.inf])
    cities = pa.array([*RNG.choice(["Dubai", "Berlin", "Oslo"], 500), None, "", "Rome", "Rome"])
    return pa.table({"amount": amounts, "city": cities, "count": pa.array(RNG.integers(0, 9, 504))})


def plain(summaries: dict[str, ColumnSummary]) -> dict[str, object]:
    return {name: summary.to_dict() for name, summary in summaries.items()}


ROW = hs.tuples(
    hs.none() | hs.floats(), hs.none() | hs.sampled_from(["Dubai", "Oslo", "new", "née", ""]), hs.integers(-5, 9)
)


@given(hs.lists(ROW, max_size=40), hs.integers(0, 40), hs.booleans())
def test_merging_parts_equals_counting_the_whole(rows: list[tuple[float, str, int]], cut: int, swap: bool) -> None:
    baseline = Baseline.fit(reference())
    types = (pa.float64(), pa.utf8(), pa.int64())
    columns = [pa.array([row[place] for row in rows], kind) for place, kind in enumerate(types)]
    table = pa.table(columns, names=["amount", "city", "count"])
    whole = Monitor(baseline).update(table)
    parts = [Monitor(baseline).update(table.slice(0, cut)), Monitor(baseline).update(table.slice(cut))]
    first, second = reversed(parts) if swap else parts
    summed = {name: one.merge(second.summaries()[name]) for name, one in first.summaries().items()}  # type: ignore[arg-type]
    merged = first.merge(second)
    assert plain(merged.summaries()) == plain(whole.summaries()) == plain(summed)
    assert merged.rows == whole.rows == len(rows)


def test_the_baseline_of_a_table_counts_what_a_monitor_of_it_counts() -> None:
    table = reference()
    baseline = Baseline.fit(table)
    assert plain(Monitor(baseline).update(table).summaries()) == plain(dict(baseline.columns))


def test_files_read_back_give_the_same_bytes() -> None:
    files = Baseline.fit(reference()).to_files()
    assert Baseline.from_files(files).to_files() == files


def test_missing_and_infinite_values_are_counted_apart() -> None:
    summary = Baseline.fit(reference()).columns["amount"]
    assert isinstance(summary, NumericSummary)
    counts = (summary.missing, summary.positive_infinite, summary.negative_infinite, summary.finite, summary.rows)
    assert counts == (2, 1, 1, 500, 504)


def test_null_and_empty_strings_are_missing_alike() -> None:
    summary = Baseline.fit(reference()).columns["city"]
    assert isinstance(summary, CategoricalSummary)
    assert (summary.missing, summary.doubletons, summary.singletons) == (2, 1, 0)


def test_mean_and_deviation_are_exact_at_a_large_offset() -> None:
    values = 1e9 + RNG.integers(0, 5, 1000).astype(float)
    summary = Baseline.fit(pa.table({"x": values})).columns["x"]
    assert isinstance(summary, NumericSummary)
    assert summary.mean == pytest.approx(1e9 + (values - 1e9).mean(), rel=1e-15)
    assert summary.standard_deviation == pytest.approx((values - 1e9).std(), rel=1e-12)


def test_the_deviation_of_the_largest_floats_does_not_overflow() -> None:
    biggest = np.finfo(np.float64).max
    summary = Baseline.fit(pa.table({"x": [biggest, -biggest]})).columns["x"]
    assert isinstance(summary, NumericSummary)
    assert summary.standard_deviation == biggest


def test_new_categories_are_counted_with_the_first_few_named() -> None:
    monitor = Monitor(Baseline.fit(reference()))
    monitor.update(pa.table({"city": ["zebra", "Dubai", "ant", "ant"]}))
    summary = monitor.summaries()["city"]
    assert isinstance(summary, CategoricalSummary)
    assert (summary.new, summary.new_examples, summary.counts.sum()) == (3, ("ant", "zebra"), 1)


def test_more_categories_than_are_kept_go_to_other_and_new_ones_cannot_be_told() -> None:
    ids = [f"id{number}" for number in range(MAX_CATEGORIES + 10)]
    baseline = Baseline.fit(pa.table({"id": ids}))
    kept = baseline.columns["id"]
    assert isinstance(kept, CategoricalSummary)
    assert (kept.truncated, kept.other, len(kept.categories)) == (True, 10, MAX_CATEGORIES)
    seen = Monitor(baseline).update(pa.table({"id": ["never seen"]})).summaries()["id"]
    assert isinstance(seen, CategoricalSummary)
    assert (seen.other, seen.new, seen.new_examples) == (1, 0, ())


@pytest.mark.parametrize("layout", [pa.utf8(), pa.large_utf8(), pa.dictionary(pa.int8(), pa.utf8())])
def test_every_string_layout_counts_alike(layout: pa.DataType) -> None:
    values = pa.array(["a", "b", None, "a"])
    summary = Baseline.fit(pa.table({"c": values.cast(layout)})).columns["c"]
    assert summary.to_dict() == Baseline.fit(pa.table({"c": values})).columns["c"].to_dict()


@pytest.mark.parametrize("kind", [pa.int8(), pa.uint64(), pa.float16(), pa.float32(), pa.decimal128(9, 2), pa.bool_()])
def test_every_number_type_counts_alike(kind: pa.DataType) -> None:
    values = pa.array([0, 1, None, 1], pa.int16())
    summary = Baseline.fit(pa.table({"c": values.cast(kind)})).columns["c"]
    assert summary.to_dict() == Baseline.fit(pa.table({"c": values})).columns["c"].to_dict()


def test_a_name_that_occurs_twice_is_refused() -> None:
    with pytest.raises(SchemaError, match="`x` twice"):
        Baseline.fit(pa.table([pa.array([1.0]), pa.array([2.0])], names=["x", "x"]))


def test_times_are_numbers_and_lists_are_skipped() -> None:
    table = pa.table({"t": pa.array([1, 2], pa.timestamp("us", "UTC")), "l": pa.array([[1], [2]])})
    baseline = Baseline.fit(table)
    assert (baseline.names, baseline.skipped) == (("t",), ("l",))


def test_a_monitor_ignores_columns_the_baseline_lacks_and_forgets_on_reset() -> None:
    monitor = Monitor(Baseline.fit(reference())).update(pa.table({"surprise": [1.0], "count": [3]}))
    assert monitor.rows == 1
    monitor.reset()
    assert monitor.rows == monitor.summaries()["count"].rows == 0


def test_a_column_of_the_wrong_kind_is_refused_before_anything_is_counted() -> None:
    monitor = Monitor(Baseline.fit(reference()))
    with pytest.raises(SchemaError, match="column `city`: expected a categorical column, got double"):
        monitor.update(pa.table({"amount": [1.0], "city": [1.0]}))
    assert monitor.rows == monitor.summaries()["amount"].rows == 0


def test_a_column_of_nulls_fits_any_kind() -> None:
    monitor = Monitor(Baseline.fit(reference())).update(pa.table({"amount": pa.nulls(2), "city": pa.nulls(2)}))
    assert [summary.missing for summary in monitor.summaries().values()] == [2, 2, 0]


def test_monitors_of_different_baselines_do_not_merge() -> None:
    other = Baseline.fit(pa.table({"amount": [1.0, 2.0]}))
    with pytest.raises(SchemaError, match="same baseline"):
        Monitor(Baseline.fit(reference())).merge(Monitor(other))


def damaged(change: str) -> bytes:
    document = json.loads(Baseline.fit(reference()).to_files()["baseline.json"])
    amount = document["columns"][0]
    if change == "version":
        document["format_version"] = 2
    elif change == "counts":
        amount["counts"][3] += 1
    elif change == "edges":
        amount["edges"][1] = amount["edges"][0]
    elif change == "kind":
        amount["kind"] = "image"
    elif change == "columns":
        document["columns"] = "none"
    elif change == "field":
        del amount["minimum"]
    return json.dumps(document).encode() if change != "text" else b"{"


@pytest.mark.parametrize("change", ["version", "counts", "edges", "kind", "columns", "field", "text"])
def test_a_damaged_baseline_is_refused(change: str) -> None:
    with pytest.raises(SchemaError, match=r"baseline\.json"):
        Baseline.from_files({"baseline.json": damaged(change)})


def test_an_absent_file_and_an_unusable_bin_count_are_refused() -> None:
    with pytest.raises(SchemaError, match="KeyError"):
        Baseline.from_files({})
    with pytest.raises(ConfigError, match="2 <= bins"):
        Baseline.fit(reference(), bins=1)


def test_a_baseline_is_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Baseline.fit(reference()).columns = {}  # type: ignore[misc]
