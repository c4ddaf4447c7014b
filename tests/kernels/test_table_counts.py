"""TableCounts: one call counts every column, from any layout in memory, with the bits of the single kernels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_inputs import awkward_floats

from mlops_runtime._native import ArrowTable, Categories, CategoryCounts, TableCounts
from mlops_runtime.kernels.moments import summarise
from mlops_runtime.kernels.table_counts.reference import table_counts as reference

COLUMNS = 5
EDGES = [np.unique(np.quantile(np.random.default_rng(k).normal(size=999), np.linspace(0, 1, 257))) for k in range(3)]
EDGES += [np.array([0.0]), np.logspace(-10, 10, 40)]
ALL = np.arange(COLUMNS)


def matrix(rows: int, dtype: Any = np.float64, seed: int = 0) -> np.ndarray:
    with np.errstate(over="ignore"):
        return awkward_floats(rows * COLUMNS, seed).reshape(rows, COLUMNS).astype(dtype)


def counted(values: np.ndarray) -> TableCounts:
    state = TableCounts(EDGES)
    state.update_matrix(values, ALL)
    return state


def contents(state: TableCounts) -> list[tuple[object, ...]]:
    both = [(state.histogram(column), state.moments(column)) for column in range(COLUMNS)]
    return [(h.counts.tolist(), h.missing, h.positive_infinite, repr(summarise(m)), m.sums()) for h, m in both]


@pytest.mark.usefixtures("isa")
def test_every_column_agrees_with_the_oracle_at_any_size(size: int) -> None:
    values = matrix(min(size, 2049))
    state = counted(values)
    for column, expected in enumerate(reference(values, EDGES)):
        assert state.histogram(column).counts.tolist() == expected.counts.tolist()
        assert repr(summarise(state.moments(column))) == repr(expected.moments)


def test_parts_of_a_table_count_its_rows_from_one_up_to_another(size: int) -> None:
    rows = min(size, 2049)
    values = matrix(rows)
    chunks = np.array_split(values, 3)
    batches = [pa.record_batch([pa.array(one[:, c]) for c in range(COLUMNS)], names=list("abcde")) for one in chunks]
    table = ArrowTable(pa.Table.from_batches(batches))
    for begin, end in [(0, rows), (0, 0), (rows, rows), (rows // 3, rows), (1, rows - 1), (rows // 2, rows // 2 + 1)]:
        if 0 <= begin <= end <= rows:
            part = TableCounts(EDGES)
            part.update(table, ALL, begin, end)
            assert contents(part) == contents(counted(values[begin:end]))


@pytest.mark.parametrize(("begin", "end"), [(-1, 2), (2, 1), (0, 4), (4, 4)])
def test_rows_that_a_table_does_not_have_are_refused(begin: int, end: int) -> None:
    state = TableCounts([EDGES[0]])
    with pytest.raises(ValueError, match="a range of the 3 rows"):
        state.update(ArrowTable(pa.table({"x": [1.0, 2.0, 3.0]})), np.array([0]), begin, end)
    assert state.moments(0).count == 0


def layouts(values: np.ndarray) -> dict[str, np.ndarray]:
    padded = np.zeros((2 * len(values), 3 * COLUMNS), values.dtype)
    padded[::2, ::3] = values
    frozen = values.copy()
    frozen.flags.writeable = False
    shifted = np.frombuffer(b"." + values.tobytes(), np.uint8)[1:].view(values.dtype).reshape(values.shape)
    return {
        "C": np.ascontiguousarray(values),
        "F": np.asfortranarray(values),
        "strided": padded[::2, ::3],
        "reversed": np.ascontiguousarray(values[::-1, ::-1])[::-1, ::-1],
        "read-only": frozen,
        "misaligned": shifted,
    }


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("layout", ["C", "F", "strided", "reversed", "read-only", "misaligned"])
def test_strides_and_widths_do_not_matter(dtype: Any, layout: str) -> None:
    values = matrix(3000, dtype)
    arrow = pa.table({str(c): values[:, c].astype(np.float64) for c in range(COLUMNS)})
    expected = TableCounts(EDGES)
    expected.update(ArrowTable(arrow), ALL)
    assert contents(counted(layouts(values)[layout])) == contents(expected)


def test_a_broadcast_row_counts_as_often_as_it_is_read() -> None:
    row = matrix(1)
    assert contents(counted(np.broadcast_to(row, (70, COLUMNS)))) == contents(counted(np.repeat(row, 70, axis=0)))


@pytest.mark.usefixtures("isa", "threads")
def test_large_batches_split_over_threads_give_the_same_bits() -> None:
    values = matrix(70_000, seed=3)
    table = pa.table({str(c): values[:, c] for c in range(COLUMNS)})
    whole, parts = TableCounts(EDGES), TableCounts(EDGES)
    whole.update(ArrowTable(table), ALL)
    for begin in range(0, 70_000, 20_000):
        part = counted(values[begin : begin + 20_000])
        part.merge(parts)
        parts = part
    assert contents(whole) == contents(counted(values)) == contents(parts)


@given(st.lists(st.integers(0, 30), max_size=6), st.randoms())
def test_batches_in_any_order_merge_to_the_same_bits(sizes: list[int], random: Any) -> None:
    values = matrix(sum(sizes), seed=5)
    batches = np.split(values, np.cumsum(sizes)[:-1]) if sizes else []
    random.shuffle(batches)
    merged = TableCounts(EDGES)
    for batch in batches:
        merged.merge(TableCounts.from_bytes(counted(batch).to_bytes()))
    assert contents(merged) == contents(counted(values))


def test_columns_are_taken_from_their_places_and_absent_ones_count_nothing() -> None:
    state = TableCounts(EDGES[:2])
    state.update_matrix(np.array([[9.0, 0.5], [9.0, np.nan]]), np.array([1, -1]))
    assert (state.moments(0).count, state.moments(0).missing, state.moments(0).maximum) == (1, 1, 0.5)
    assert (state.moments(1).count, state.moments(1).missing) == (0, 0)


def test_the_state_of_a_column_over_256_quantiles_fits_in_4_kib() -> None:
    state = TableCounts([np.linspace(0.0, 1.0, 260)])
    assert state.state_bytes(0) <= 4096


def test_what_does_not_fit_is_refused_before_anything_is_counted() -> None:
    state = TableCounts(EDGES)
    strings = ArrowTable(pa.table({"a": [1.0], "b": ["x"]}))
    with pytest.raises(ValueError, match="column `b`: expected a column of numbers"):
        state.update(strings, np.array([0, 1, -1, -1, -1]))
    with pytest.raises(ValueError, match="positions from -1 to 1"):
        state.update(strings, np.array([0, 2, -1, -1, -1]))
    with pytest.raises(ValueError, match="5 of them, one a column, got 1"):
        state.update(strings, np.array([0]))
    with pytest.raises(ValueError, match="a matrix"):
        state.update_matrix(np.zeros(3), ALL)
    with pytest.raises(TypeError, match="float16, float32 or float64"):
        state.update_matrix(np.zeros((1, COLUMNS), np.int64), ALL)
    with pytest.raises(TypeError, match="native byte order"):
        state.update_matrix(np.zeros((1, COLUMNS), ">f8"), ALL)
    assert contents(state) == contents(TableCounts(EDGES))


def test_counts_over_other_edges_do_not_merge_and_stay_as_they_were() -> None:
    state, other = counted(matrix(10)), TableCounts([*EDGES[:4], np.array([1.0])])
    before = contents(state)
    with pytest.raises(ValueError, match="the same edges"):
        state.merge(other)
    with pytest.raises(ValueError, match="5 columns, got 1"):
        state.merge(TableCounts(EDGES[:1]))
    assert contents(state) == before


def test_a_column_that_is_not_there_is_named() -> None:
    with pytest.raises(ValueError, match="column 9: expected one of the kind asked for, of 5"):
        TableCounts(EDGES).moments(9)


def categories(*keys: object) -> Categories:
    return Categories(ArrowTable(pa.table({"key": pa.array(keys)})))


@pytest.mark.usefixtures("isa", "threads")
@pytest.mark.parametrize("rows", [0, 1, 64, 70_000])
def test_categories_are_counted_beside_numbers_as_they_are_alone(rows: int) -> None:
    words = pa.array(["a", None, "new", "b", "", "a"] * (rows // 6 + 1)).slice(0, rows)
    codes = pa.array([1, 2, None, 77, -1, 2] * (rows // 6 + 1), pa.int16()).slice(0, rows)
    view = ArrowTable(pa.table({"w": words, "x": matrix(rows)[:, 0], "d": words.dictionary_encode(), "k": codes}))
    state = TableCounts([EDGES[0], categories("a", "b"), categories("a", "b"), categories(1, 2)])
    state.update(view, np.array([1, 0, 2, 3]))
    expected = [
        CategoryCounts(categories("a", "b")),
        CategoryCounts(categories("a", "b")),
        CategoryCounts(categories(1, 2)),
    ]
    for alone, place in zip(expected, (0, 2, 3), strict=True):
        alone.update(view, place)
    assert [state.categories(column).to_bytes() for column in (1, 2, 3)] == [alone.to_bytes() for alone in expected]
    assert state.moments(0).count + state.histogram(0).missing <= rows
    merged, copy = state.empty(), TableCounts.from_bytes(state.to_bytes())
    merged.merge(copy)
    assert merged.categories(1).to_bytes() == expected[0].to_bytes()
    assert state.empty().categories(1).counts.sum() == 0


def test_kinds_are_not_mixed_up() -> None:
    state, other = TableCounts([EDGES[0], categories("a")]), TableCounts([categories("a"), EDGES[0]])
    with pytest.raises(ValueError, match="columns of the same kinds"):
        state.merge(other)
    with pytest.raises(ValueError, match="the same categories"):
        state.merge(TableCounts([EDGES[0], categories("b")]))
    with pytest.raises(ValueError, match="numeric columns of a matrix"):
        state.update_matrix(np.zeros((1, 2)), np.array([0, 1]))
    with pytest.raises(ValueError, match="column `x`"):
        state.update(ArrowTable(pa.table({"x": [1.0]})), np.array([0, 0]))
    with pytest.raises(ValueError, match="one of the kind asked for"):
        state.categories(0)
    with pytest.raises(TypeError):
        TableCounts([EDGES[0], "edges"])  # type: ignore[list-item]
    assert (state.moments(0).count, state.categories(1).unseen) == (0, 0)
