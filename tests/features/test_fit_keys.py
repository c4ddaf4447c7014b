"""Keys, buckets, times, texts and lists: what the fit keeps of them."""

import math
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_runtime.data import Column, Schema
from mlops_runtime.features import FeatureSpec, fit_program
from mlops_runtime.features.fitting.zone import zone_transitions

TEXTS = ["b"] * 3 + ["a"] * 3 + ["é"] * 4 + ["rare"] + ["d"] * 2 + ["e"] * 2 + [None, ""]


def fit_one(values, entry, kind="string"):
    spec = FeatureSpec.from_yaml(f"features: [{{kind: {entry}}}]")
    return fit_program(spec, pa.table({"x": values}), Schema((Column("x", kind),)))


def test_ids_follow_descending_frequency_then_bytes():
    program = fit_one(TEXTS, "category, column: x, min_count: 2, max_size: 4")
    keys = ["é", "a", "b", "d", "e", "rare", "never", None, ""]
    assert program.transform(pa.table({"x": keys})).sparse[:, 0].tolist() == [3, 4, 5, 6, 1, 1, 2, 0, 0]
    assert program.cardinalities == (7,)
    assert program.sparse[0].missing == 2


def test_numbers_can_be_codes_and_a_fraction_is_an_unseen_code():
    program = fit_one([10, 20, 20, None], "category, column: x", "number")
    live = pa.table({"x": [20.0, 10.0, 10.5, 30.0, math.nan, math.inf]})
    assert program.transform(live).sparse[:, 0].tolist() == [3, 4, 2, 2, 0, 2]


def test_one_hot_has_a_column_for_each_key_and_for_rare_and_missing_ones_if_there_were_any():
    program = fit_one(TEXTS, "one_hot, column: x, max_size: 2")
    assert program.dense_names == ("x=é", "x=a", "x:rare", "x:missing")
    got = program.transform(pa.table({"x": ["a", "é", "d", "never", None]})).dense
    assert got.tolist() == [[0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0], [0, 0, 0, 1]]
    assert fit_one([7, 7, 8], "one_hot, column: x", "number").dense_names == ("x=7", "x=8")


def test_a_frequency_is_the_share_of_the_fitted_rows():
    program = fit_one(["a"] * 6 + ["b"] * 3 + [None], "frequency, column: x")
    got = program.transform(pa.table({"x": ["a", "b", None, "never"]})).dense[:, 0]
    np.testing.assert_array_equal(got, np.array([0.6, 0.3, 0.1, 0.0], np.float32))


def test_a_frequency_can_be_standardised():
    texts = ["a"] * 6 + ["b"] * 3 + [None]
    got = fit_one(texts, "frequency, column: x, scale: standard").transform(pa.table({"x": texts})).dense[:, 0]
    assert got.mean() == pytest.approx(0.0, abs=1e-6)
    assert got.std() == pytest.approx(1.0, abs=1e-6)


def test_buckets_hold_equal_shares_equal_widths_or_what_is_between_given_edges():
    values = np.random.default_rng(1).lognormal(size=1000)
    table = pa.table({"x": [*values, None]})
    shares = fit_one(table["x"], "bucket, column: x, bins: 4", "number")
    assert np.bincount(shares.transform(table).sparse[:, 0]).tolist() == [1, 250, 250, 250, 250]
    assert shares.cardinalities == (5,)
    (uniform,) = fit_one(table["x"], "bucket, column: x, method: uniform, bins: 4", "number").sparse
    np.testing.assert_allclose(
        uniform.encoder.expression.steps[-1].parameters, np.linspace(values.min(), values.max(), 5)[1:-1], rtol=1e-14
    )
    given_edges = fit_one(table["x"], "bucket, column: x, method: edges, edges: [0.5, 2.0]", "number")
    live = pa.table({"x": [0.1, 0.5, 1.0, 2.0, math.inf, -math.inf, math.nan]})
    assert given_edges.transform(live).sparse[:, 0].tolist() == [1, 2, 2, 3, 3, 1, 0]


def test_buckets_of_a_constant_or_of_nothing_are_still_buckets():
    for values in ([5.0] * 10, [None, None]):
        program = fit_one(pa.array(values, pa.float64()), "bucket, column: x", "number")
        assert program.transform(pa.table({"x": [4.0, 5.0, None]})).sparse[2, 0] == 0


def test_a_hash_counts_its_missing_rows():
    table = pa.table({"x": ["a", None, ""], "z": [None, 1, None]})
    schema = Schema((Column("x", "string"), Column("z", "number")))
    spec = FeatureSpec.from_yaml("features: [{kind: hash, columns: [x]}, {kind: hash, columns: [x, z]}]")
    program = fit_program(spec, table, schema)
    assert [output.missing for output in program.sparse] == [2, 1]


INSTANTS = st.datetimes(datetime(1900, 1, 1), datetime(2099, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001


@given(st.sampled_from(["Europe/Berlin", "Asia/Dubai", "America/St_Johns", "Africa/Casablanca"]), INSTANTS)
def test_the_frozen_rules_of_a_zone_are_those_of_the_system(zone, instant):
    instants, offsets = zone_transitions(zone).reshape(2, -1)
    microseconds = instant.timestamp() * 1e6
    frozen = offsets[max(0, np.searchsorted(instants, microseconds, "right") - 1)]
    assert frozen == instant.astimezone(ZoneInfo(zone)).utcoffset().total_seconds() * 1e6


def times(*instants):
    return pa.array(instants, pa.timestamp("us", "UTC"))


def test_the_parts_of_a_time_are_those_of_its_zone():
    summer, winter = datetime(2024, 6, 30, 22, 30, tzinfo=UTC), datetime(2023, 12, 31, 22, 30, tzinfo=UTC)
    entry = "date, column: x, parts: [year, month, day, hour, minute], zone: Europe/Berlin, scale: none"
    program = fit_one(times(summer, winter), entry, "timestamp")
    assert program.dense_names == ("x:year", "x:month", "x:day", "x:hour", "x:minute")
    got = program.transform(pa.table({"x": times(summer, winter)})).dense
    assert got.tolist() == [[2024, 7, 1, 0, 30], [2023, 12, 31, 23, 30]]


def test_a_part_that_comes_round_again_becomes_a_circle_and_a_missing_one_its_middle():
    moments = [datetime(2024, month, 1, 6, tzinfo=UTC) for month in (1, 4, 7, 10)]
    entry = "date, column: x, parts: [month, hour, year], cyclic: true, indicator: false"
    program = fit_one(times(*moments, None), entry, "timestamp")
    assert program.dense_names == ("x:month:sin", "x:month:cos", "x:hour:sin", "x:hour:cos", "x:year")
    got = program.transform(pa.table({"x": times(*moments, None)})).dense
    circle = [[0, 1], [1, 0], [0, -1], [-1, 0], [0, 0]]
    np.testing.assert_allclose(got[:, :2], circle, atol=1e-7)
    np.testing.assert_allclose(got[:, 2:4], [[1, 0]] * 4 + [[0, 0]], atol=1e-7)
    assert got[:, 4].tolist() == [0, 0, 0, 0, 0]


def test_a_part_that_stays_a_number_is_standardised_its_mean_where_missing():
    moments = [datetime(year, 1, 1, tzinfo=UTC) for year in (2000, 2010)]
    program = fit_one(times(*moments, None, None), "date, column: x, parts: [year]", "timestamp")
    got = program.transform(pa.table({"x": times(*moments, None)})).dense
    np.testing.assert_allclose(got, [[-math.sqrt(2), 0], [math.sqrt(2), 0], [0, 1]], rtol=1e-6)
    assert program.dense_names == ("x:year", "x:missing")


def test_a_list_has_a_column_for_each_kept_element_or_a_bag():
    lists = pa.array([["a", "b", "a"], None, ["a", None, "c"], []], pa.list_(pa.utf8()))
    counts = fit_one(lists, "list, column: x, max_size: 2, output: counts", "string_list")
    assert counts.dense_names == ("x=a", "x=b")
    assert counts.transform(pa.table({"x": lists})).dense.tolist() == [[2, 1], [0, 0], [1, 0], [0, 0]]
    hot = fit_one(lists, "list, column: x, max_size: 2", "string_list")
    assert hot.transform(pa.table({"x": lists})).dense.tolist() == [[1, 1], [0, 0], [1, 0], [0, 0]]
    bag = fit_one(lists, "list, column: x, max_size: 2, output: bag", "string_list")
    (ragged,) = bag.transform(pa.table({"x": lists})).bags.values()
    assert ragged.offsets.tolist() == [0, 3, 3, 5, 5]
    assert ragged.ids.tolist() == [3, 4, 3, 3, 1]


def test_a_list_of_whole_numbers_has_them_as_keys():
    lists = pa.array([[2**60, 5], [5]], pa.list_(pa.int64()))
    program = fit_one(lists, "list, column: x", "integer_list")
    assert program.dense_names == ("x=5", f"x={2**60}")


def test_a_text_has_a_column_for_each_bucket_or_a_bag():
    texts = pa.array(["to be or not to be", None])
    counts = fit_one(texts, "ngram, column: x, buckets: 4")
    assert counts.dense_names == tuple(f"x:ngram:{bucket}" for bucket in range(4))
    assert counts.transform(pa.table({"x": texts})).dense.sum(axis=1).tolist() == [6, 0]
    assert fit_one(texts, "ngram, column: x, buckets: 4, output: bag").bag_names == ("x:ngram",)
