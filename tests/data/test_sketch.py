"""A sketch says the same whatever the order of the data, and is never further from the truth than it says."""

from __future__ import annotations

import itertools
import math
from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_runtime.core.errors import SchemaError
from mlops_runtime.data import Column, Schema
from mlops_runtime.data.batch import Batch
from mlops_runtime.data.sketch import ColumnSketch, TableSketch

SCHEMA = Schema(
    (
        Column("x", "number"),
        Column("city", "string"),
        Column("seen", "timestamp"),
        Column("id", "integer"),
        Column("tags", "string_list"),
    )
)
TYPES = (pa.float64(), pa.utf8(), pa.timestamp("us", "UTC"), pa.int64(), pa.list_(pa.utf8()))


def _table(rows: list[tuple]) -> pa.Table:
    columns = zip(*rows, strict=True) if rows else ([] for _ in TYPES)
    arrays = [pa.array(list(values), kind) for values, kind in zip(columns, TYPES, strict=True)]
    return pa.table(dict(zip(SCHEMA.names, arrays, strict=True)))


def _sketch(table: pa.Table, cuts: list[int], schema: Schema = SCHEMA) -> TableSketch:
    sketch = TableSketch(schema)
    bounds = sorted({0, table.num_rows, *cuts})
    for start, stop in itertools.pairwise(bounds):
        sketch.update(Batch(table.slice(start, stop - start), start, "a.csv"))
    return sketch


def _one(values: pa.Array, kind: str) -> ColumnSketch:
    schema = Schema((Column("c", kind),))
    (column,) = _sketch(pa.table({"c": values}), [], schema).freeze()
    return column


ROWS = st.lists(
    st.tuples(
        st.none() | st.floats(width=64),
        st.none() | st.sampled_from(["", "a", "b", "ü"]),
        st.none() | st.integers(-(2**52), 2**52),
        st.none() | st.integers(-(2**63), 2**63 - 1),
        st.none() | st.lists(st.none() | st.sampled_from(["p", "q", ""]), max_size=3),
    ),
    max_size=40,
)


@given(ROWS, st.lists(st.integers(0, 40), max_size=4), st.randoms(use_true_random=False))
def test_parts_merge_to_the_whole_in_any_order(rows, cuts, random):
    table = _table(rows)
    bounds = sorted({0, len(rows), *(min(cut, len(rows)) for cut in cuts)})
    parts = []
    for start, stop in itertools.pairwise(bounds):
        parts.append(TableSketch(SCHEMA))
        parts[-1].update(Batch(table.slice(start, stop - start), start, "a.csv"))
    random.shuffle(parts)
    merged = TableSketch(SCHEMA)
    for part in parts:
        merged.merge(part)
    assert _bytes(merged) == _bytes(_sketch(table, []))


def _bytes(sketch: TableSketch) -> list[str]:
    """What a manifest hashes: here 0.0 and -0.0 would differ."""
    return [column.model_dump_json() for column in sketch.freeze()]


@pytest.fixture(scope="module")
def large() -> pa.Table:
    """More rows and more distinct values than any state keeps."""
    random, n = np.random.default_rng(5), 150_000
    return pa.table(
        {
            "x": pa.array(np.where(random.random(n) < 0.1, np.nan, random.standard_normal(n).round(5))),
            "city": np.char.add("c", random.zipf(1.3, n).clip(0, 10**9).astype(str)),
            "seen": pa.array(random.integers(0, 10**15, n), pa.timestamp("us", "UTC")),
            "id": pa.array(random.integers(0, 2**62, n)),
            "tags": pa.ListArray.from_arrays(
                np.arange(n + 1, dtype=np.int32), pa.array(random.integers(0, 30_000, n).astype(str))
            ),
        }
    )


@given(st.lists(st.integers(1, 149_999), max_size=6), st.randoms(use_true_random=False))
@settings(max_examples=6)
def test_parts_of_large_data_merge_to_the_same_bytes_in_any_order(large, cuts, random):
    bounds = sorted({0, large.num_rows, *cuts})
    parts = []
    for start, stop in itertools.pairwise(bounds):
        parts.append(TableSketch(SCHEMA))
        inner = sorted({start, stop, random.randint(start, stop), random.randint(start, stop)})
        for a, b in itertools.pairwise(inner):
            parts[-1].update(Batch(large.slice(a, b - a), a, "a.csv"))
    random.shuffle(parts)
    merged = TableSketch(SCHEMA)
    for part in parts:
        merged.merge(part)
    assert _bytes(merged) == _bytes(_sketch(large, []))


@given(ROWS)
def test_small_data_is_counted_exactly(rows):
    x, city, seen, identifier, tags = _sketch(_table(rows), []).freeze()
    numbers = [value for value, *_ in rows if value is not None and not math.isnan(value)]
    cities = [value for _, value, *_ in rows if value]
    identifiers = [row[3] for row in rows if row[3] is not None]
    elements = [element for row in rows for element in row[4] or () if element]
    assert (x.missing, x.distinct) == (len(rows) - len(numbers), len({value + 0.0 for value in numbers}))
    assert (city.missing, dict(city.keys.top)) == (len(rows) - len(cities), Counter(cities))
    assert seen.distinct == len({row[2] for row in rows} - {None})
    assert (identifier.distinct, dict(identifier.keys.top)) == (
        len(set(identifiers)),
        {str(key): count for key, count in Counter(identifiers).items()},
    )
    assert (tags.missing, dict(tags.keys.top)) == (sum(row[4] is None for row in rows), Counter(elements))


def test_quantiles_are_those_of_the_sorted_values():
    values = np.random.default_rng(1).standard_normal(10_001)
    column = _one(pa.array(values), "number")
    expected = np.quantile(values, np.arange(257) / 256, method="inverted_cdf")
    np.testing.assert_array_equal(column.numbers.quantiles, expected)
    assert column.numbers.error == 0
    shares = column.numbers.shares_up_to(np.sort(values))
    true = np.arange(1, len(values) + 1) / len(values)
    assert ((shares <= true) & (shares > true - 1 / 256)).all()


@pytest.mark.parametrize("distinct", [16_384, 16_385, 60_000, 300_000])
@pytest.mark.parametrize(
    "make", [lambda n: pa.array(n.astype(str)), lambda n: pa.array(n * 0.5)], ids=["text", "number"]
)
def test_distinct_values_are_exact_and_then_within_the_stated_error(make, distinct):
    values = make(np.random.default_rng(distinct).permutation(distinct))
    column = _one(values, "string" if pa.types.is_string(values.type) else "number")
    assert (column.distinct_error == 0) == (distinct <= 16_384)
    assert abs(column.distinct - distinct) <= column.distinct_error * distinct


def test_frequent_keys_among_very_many_are_found_with_the_stated_error():
    random = np.random.default_rng(7)
    n = 300_000
    heavy = random.random(n) < 0.3
    keys = np.where(heavy, random.integers(0, 4, n), random.integers(1_000_000, 9_000_000, n)).astype(str)
    column = _one(pa.array(keys), "string")
    truth = Counter(keys.tolist())
    assert {key for key, _ in column.keys.top[:4]} == {"0", "1", "2", "3"}
    assert not column.keys.complete
    for key, count in column.keys.top:
        assert abs(count - truth[key]) <= column.keys.error * n


def test_quantiles_of_a_sample_are_within_the_stated_error():
    values = np.random.default_rng(3).random(400_000)
    numbers = _one(pa.array(values), "number").numbers
    assert numbers.sampled == 65_536
    grid = np.linspace(0, 1, 101)
    true = np.searchsorted(np.sort(values), grid, "right") / len(values)
    shares = numbers.shares_up_to(grid)
    assert (shares <= true + numbers.error).all()
    assert (shares >= true - numbers.error - 1 / 256).all()


def test_rows_left_out_do_not_change_the_sample_of_the_others():
    values = np.random.default_rng(4).random(1_000)
    schema = Schema((Column("c", "number"),))
    batch = Batch(pa.table({"c": values}), 0, "a").filter(np.arange(1_000) % 3 > 0)
    filtered, gappy = TableSketch(schema), TableSketch(schema)
    filtered.update(batch)
    for run in batch.runs():
        gappy.update(run)
    assert filtered.freeze() == gappy.freeze()


def test_long_keys_are_cut_and_stay_apart():
    keys = ["x" * 5_000 + end for end in "ab"]
    column = _one(pa.array(keys), "string")
    assert len({key for key, _ in column.keys.top}) == 2
    assert all(len(key) <= 128 for key, _ in column.keys.top)


def test_whole_numbers_beyond_64_bits_signed_are_keys():
    column = _one(pa.array([2**64 - 1, 2**63, 2**63], pa.uint64()), "integer")
    assert column.keys.top == ((str(2**63), 2), (str(2**64 - 1), 1))


def test_sketches_of_other_schemas_do_not_merge():
    with pytest.raises(SchemaError, match="read alike"):
        TableSketch(SCHEMA).merge(TableSketch(SCHEMA.select(["x"])))


def test_nothing_seen_is_a_sketch_too():
    columns = TableSketch(SCHEMA).freeze()
    assert [column.rows for column in columns] == [0] * len(SCHEMA.columns)
    assert columns[0].numbers.quantiles == ()
