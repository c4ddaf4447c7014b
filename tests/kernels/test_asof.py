"""The as-of kernel against its oracle: every level, ties, equal times, keys without rows, any order of arrival."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from mlops_runtime import _native
from mlops_runtime.kernels.asof.reference import FATES, FIRST_ID, MISSING_TIME, Entities, Past, join_asof

LEAST, GREATEST = MISSING_TIME + 1, 2**63 - 1


def _entities(rng: np.random.Generator, n: int, keys: int, span: int) -> Entities:
    ids = rng.integers(FIRST_ID, FIRST_ID + keys, n).astype(np.int32)
    times = rng.integers(0, span, n)
    ids[rng.random(n) < 0.05] = 0
    times[rng.random(n) < 0.05] = MISSING_TIME
    return Entities(ids, times)


def _past(rng: np.random.Generator, m: int, keys: int, span: int) -> Past:
    ids = rng.integers(FIRST_ID, FIRST_ID + keys, m).astype(np.int32)
    ids[rng.random(m) < 0.05] = 0
    ids[rng.random(m) < 0.05] = 2
    event, known = rng.integers(0, span, m), rng.integers(0, span, m)
    event[rng.random(m) < 0.05] = MISSING_TIME
    known[rng.random(m) < 0.05] = MISSING_TIME
    return Past(ids, event, known, rng.permutation(m).astype(np.int64))


def _run(
    entities: Entities, past: Past, keys: int, *, ttl: int | None = None, cuts: tuple[int, ...] = ()
) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    winners = _native.AsofWinners(_native.AsofEntities(entities.ids, entities.times, keys))
    for start, stop in zip((0, *cuts), (*cuts, len(past.ids)), strict=True):
        piece = slice(start, stop)
        winners.update(past.ids[piece], past.event[piece], past.known[piece], 0, past.numbers[piece])
    return winners.finish(ttl)


def _assert_same(found: tuple[np.ndarray, np.ndarray], expected: tuple[np.ndarray, np.ndarray]) -> None:
    np.testing.assert_array_equal(found[0], expected[0])
    np.testing.assert_array_equal(found[1], expected[1])


@pytest.mark.parametrize("n", [0, 1, 7, 8, 9, 127, 128, 129, 700])
@pytest.mark.parametrize("m", [0, 1, 127, 128, 129, 900])
@pytest.mark.parametrize(("keys", "span"), [(1, 50), (5, 10**6), (300, 40)])
def test_every_row_gets_what_the_oracle_gives_it(isa: str, n: int, m: int, keys: int, span: int) -> None:
    rng = np.random.default_rng([n, m, keys])
    entities, past = _entities(rng, n, keys, span), _past(rng, m, keys, span)
    for ttl in (None, 0, span // 5):
        _assert_same(_run(entities, past, keys, ttl=ttl), join_asof(entities, past, ttl=ttl))


def test_neither_order_nor_pieces_nor_threads_change_the_result(isa: str, threads: int) -> None:
    rng = np.random.default_rng(3)
    entities, past = _entities(rng, 60_000, 7_000, 500), _past(rng, 300_000, 7_000, 500)
    expected = _run(entities, past, 7_000, ttl=100)
    order = rng.permutation(len(past.ids))
    shuffled = Past(past.ids[order], past.event[order], past.known[order], past.numbers[order])
    _assert_same(_run(entities, shuffled, 7_000, ttl=100, cuts=(1, 70_000, 70_000)), expected)
    some = rng.choice(60_000, 200, replace=False)
    _assert_same(
        tuple(array[some] for array in expected),
        join_asof(Entities(entities.ids[some], entities.times[some]), past, ttl=100)[:2],
    )


@pytest.mark.parametrize("rows", [1, 8, 9, 16, 17, 24, 25, 300, 5000])
def test_groups_of_any_size_are_searched_to_the_row(isa: str, rows: int) -> None:
    rng = np.random.default_rng(rows)
    times = rng.permutation(np.arange(rows, dtype=np.int64) * 2)
    entities = Entities(np.full(rows, FIRST_ID, np.int32), times)
    event = np.arange(-3, 2 * rows + 3, dtype=np.int64)
    past = Past(np.full(len(event), FIRST_ID, np.int32), event, event, np.arange(len(event)))
    numbers, fates = _run(entities, past, 1)
    np.testing.assert_array_equal(numbers, times + 3)  # the row at that very time
    assert set(fates.tolist()) == {FATES.index("matched")}


def test_times_at_the_ends_of_int64_neither_overflow_nor_match_by_accident(isa: str) -> None:
    ids = np.full(3, FIRST_ID, np.int32)
    entities = Entities(ids, np.array([LEAST, 0, GREATEST]))
    past = Past(ids[:1], np.array([LEAST]), np.array([LEAST]), np.array([7]))
    for ttl in (None, 0, 2**63 - 1):
        _assert_same(_run(entities, past, 1, ttl=ttl), join_asof(entities, past, ttl=ttl))
    assert _run(entities, past, 1, ttl=2**63 - 1)[1].tolist() == [0, 0, 1]
    assert _run(entities, past, 1)[0].tolist() == [7, 7, 7]


def test_without_a_known_time_a_row_is_known_at_its_event(isa: str) -> None:
    rng = np.random.default_rng(1)
    entities, past = _entities(rng, 500, 9, 60), _past(rng, 800, 9, 60)
    same = Past(past.ids, past.event, past.event, np.arange(800) + 5)
    winners = _native.AsofWinners(_native.AsofEntities(entities.ids, entities.times, 9))
    winners.update(same.ids, same.event, None, 5)
    _assert_same(winners.finish(11), join_asof(entities, same, ttl=11))


def test_rows_of_the_past_that_match_nobody_are_counted() -> None:
    entities = Entities(np.array([FIRST_ID], np.int32), np.array([5]))
    winners = _native.AsofWinners(_native.AsofEntities(entities.ids, entities.times, 1))
    none = MISSING_TIME
    ids = np.array([0, 0, FIRST_ID, FIRST_ID, 2, FIRST_ID], np.int32)
    winners.update(ids, np.array([1, none, none, 1, none, 1]), np.array([1, 1, 1, none, 1, 1]), 0)
    assert (winners.rows_missing_key, winners.rows_missing_time) == (2, 3)
    assert winners.finish(None)[0].tolist() == [5]


def test_arrays_that_do_not_belong_together_are_refused() -> None:
    ids, times = np.array([FIRST_ID], np.int32), np.array([5])
    with pytest.raises(ValueError, match="expected ids below 3, got 3"):
        _native.AsofEntities(ids, times, 0)
    for groups in (-5, 2**31):
        with pytest.raises(ValueError, match="AsofEntities: expected 0 to 2147483644 groups"):
            _native.AsofEntities(ids, times, groups)
    with pytest.raises(ValueError, match="times: expected one value for each of 1 rows"):
        _native.AsofEntities(ids, times[:0], 1)
    winners = _native.AsofWinners(_native.AsofEntities(ids, times, 1))
    with pytest.raises(ValueError, match="numbers: expected one value for each of 1 rows"):
        winners.update(ids, times, None, 0, times[:0])
    with pytest.raises(ValueError, match="ttl: expected microseconds from 0 on, got -1"):
        winners.finish(-1)
    with pytest.raises(TypeError):
        winners.update(ids.astype(np.int64), times, None, 0)


KEYS = [
    pa.array(["a", None, "", "b", "a", "a longer key than sixteen bytes"]),
    pa.array(["a", None, "", "b", "a", "a longer key than sixteen bytes"], pa.large_string()),
    pa.array(["a", None, "", "b", "a", "a longer key than sixteen bytes"], pa.string_view()),
    pa.array(["a", None, "", "b", "a", "a longer key than sixteen bytes"]).dictionary_encode(),
    pa.array([5, None, None, 0, 5, -(2**63)], pa.int64()),
    pa.array([5, None, None, 0, 5, 200], pa.uint8()),
    pa.array([True, None, None, False, True, None]),
]


@pytest.mark.parametrize("keys", KEYS, ids=lambda keys: str(keys.type))
def test_groups_number_the_distinct_keys_of_any_layout(isa: str, keys: pa.Array) -> None:
    for values in (keys, pa.concat_arrays([keys, keys]).slice(5, 4)):
        table = _native.ArrowTable(pa.table({"key": values}))
        groups = _native.KeyGroups(table, 0)
        ids = groups.ids(table, 0)
        known = [None if value in (None, "") else value for value in values.to_pylist()]
        assert len(groups) == len(set(known) - {None})
        assert [number == 0 for number in ids] == [value is None for value in known]
        assert len(set(zip(ids.tolist(), known, strict=True))) == len(set(known))
        assert max(ids) == FIRST_ID + len(groups) - 1


def test_groups_of_many_keys_tell_them_from_all_others(isa: str, threads: int) -> None:
    rng = np.random.default_rng(2)
    keys, others = rng.integers(-(10**12), 10**12, 90_000), rng.integers(-(10**12), 10**12, 90_000)
    for column, other in ((pa.array(keys), pa.array(others)), (pa.array(map(str, keys)), pa.array(map(str, others)))):
        table = _native.ArrowTable(pa.table({"key": column}))
        groups = _native.KeyGroups(table, 0)
        assert len(np.unique(groups.ids(table, 0))) == len(groups) == len(np.unique(keys))
        both = _native.ArrowTable(pa.table({"key": pa.chunked_array([other, column])}))
        ids = groups.ids(both, 0)
        np.testing.assert_array_equal(ids[:90_000] == 2, ~np.isin(others, keys))
        np.testing.assert_array_equal(ids[90_000:], groups.ids(table, 0))


def test_texts_have_no_ids_among_numbers() -> None:
    groups = _native.KeyGroups(_native.ArrowTable(pa.table({"key": [1, 2]})), 0)
    with pytest.raises(ValueError, match="column `key`: expected int64 keys"):
        groups.ids(_native.ArrowTable(pa.table({"key": ["1"]})), 0)
