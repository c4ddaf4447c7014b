"""CategoryCounts against a Python dictionary, in every layout a producer may choose."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_inputs import awkward_floats, column
from key_inputs import LAYOUTS, WORDS, sample_words

from mlops_runtime._native import ArrowTable, Categories, CategoryCounts
from mlops_runtime.kernels.category_counts.reference import Key, count_categories

KEPT = 256
SHORT = [f"c{i:02d}" for i in range(40)]
INTEGER_TYPES = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]


def categories(keys: Sequence[Key], kind: pa.DataType | None = None) -> Categories:
    fallback = pa.utf8() if not keys or isinstance(keys[0], str) else pa.int64()
    return Categories(column(pa.array(keys, kind or fallback)))


def counted(table: ArrowTable, over: Categories) -> CategoryCounts:
    state = CategoryCounts(over)
    state.update(table, 0)
    return state


def agrees(state: CategoryCounts, values: Sequence[Key | None], keys: Sequence[Key]) -> bool:
    """Whether the state is that of the oracle, whose unseen keys are few enough to be kept."""
    expected = count_categories(values, keys)
    sample = {text.decode(): rows for _, rows, text in state.unseen_sample()}
    unseen = {str(key): rows for key, rows in expected.unseen.items()}
    shown = {key.encode()[:128].decode(errors="ignore"): rows for key, rows in unseen.items()}
    return (
        state.counts.tolist() == expected.counts
        and (state.missing, state.unseen) == (expected.missing, sum(unseen.values()))
        and sample == shown
    )


@pytest.mark.usefixtures("isa", "threads")
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_the_same_counts(layout: str) -> None:
    words = [None if word is None else word[:999] for word in sample_words(9_000)]
    known = WORDS[:14:2]
    assert agrees(counted(ArrowTable(LAYOUTS[layout](words)), categories(known)), words, known)


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("known", [[], SHORT, ["x" * 17, "x" * 40], [f"w{i}" for i in range(700)]])
def test_any_size_is_counted_whole(size: int, known: list[str]) -> None:
    pool = [*known[:50], "new", "neu" * 11, "", None]
    words = [pool[i] for i in np.random.default_rng(size).integers(0, len(pool), size)]
    for layout in ("utf8", "string_view", "dictionary", "slice"):
        assert agrees(counted(ArrowTable(LAYOUTS[layout](words)), categories(known)), words, known), layout


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("kind", INTEGER_TYPES)
@pytest.mark.parametrize("rows", [7, 5000])
def test_integers_of_any_width_and_a_slice_of_them_are_counted(kind: str, rows: int) -> None:
    known = [0, 5, 7, 100]
    pool = np.array([0, 5, 6, 7, 100, 101, None], dtype=object)
    values = [None if v is None else int(v) for v in np.random.default_rng(3).choice(pool, rows + 9)]
    table = pa.table({"x": pa.array(values, kind)}).slice(9)
    assert agrees(counted(ArrowTable(table), categories(known)), values[9:], known)


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("share_of_one", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("known", [1, 2, 8, 9, 100, 110, 300, 2000])
def test_many_rows_of_few_integers_are_counted_as_numpy_counts_them(known: int, share_of_one: float) -> None:
    generator = np.random.default_rng(known)
    values = generator.integers(-1, known + 1, 150_001).astype(np.int16)  # one below, one above: unseen
    values[generator.random(len(values)) < share_of_one] = known - 1
    state = counted(column(values), categories(list(range(known))))
    expected = np.bincount(values.astype(np.int64) + 1, minlength=known + 2)
    assert state.counts.tolist() == expected[1:-1].tolist()
    unseen = {text.decode(): rows for _, rows, text in state.unseen_sample()}
    assert unseen == {key: rows for key, rows in (("-1", expected[0]), (str(known), expected[-1])) if rows}


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("kind", ["int8", "uint8", "int16", "int32", "uint32"])
def test_a_narrow_column_is_counted_over_categories_beyond_its_type(kind: str) -> None:
    known = [-200, -3, 100, 127, 300, 2**31 - 1, 2**32 - 1, 2**32 + 5]
    for over in (known[:4], known[2:5], known[5:6], known[6:]):
        values = [value for value in (0, 5, 100, 127) for _ in range(1200)]
        assert agrees(counted(column(pa.array(values, kind)), categories(over)), values, over)


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("rows", [9, 6000])
def test_booleans_are_counted(rows: int) -> None:
    values = [None, True, False, True] * rows  # the first three are sliced off
    state = counted(ArrowTable(pa.table({"x": pa.array(values)}).slice(3)), categories([True], pa.bool_()))
    assert (state.counts.tolist(), state.unseen, state.missing) == ([2 * rows - 1], rows - 1, rows - 1)
    assert [text for _, _, text in state.unseen_sample()] == [b"0"]


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("rows", [1, 3000])
def test_integers_above_2_to_the_53_keep_their_identity(rows: int) -> None:
    near = [2**53, 2**53 + 1, 2**62, 2**62 + 1]
    assert agrees(counted(column(near * rows), categories(near[::2])), near * rows, near[::2])
    high = [2**63 + 1, 2**64 - 1, 2**63, 5]
    table = column(pa.array(high * rows, pa.uint64()))
    assert agrees(counted(table, categories(high[:2], pa.uint64())), high * rows, high[:2])


@pytest.mark.parametrize("rows", [1, 5000])
def test_a_negative_number_is_not_the_unsigned_one_of_the_same_bits(rows: int) -> None:
    signed, unsigned = [-1, 7], [2**64 - 1, 7]
    over_signed = counted(column(pa.array(unsigned * rows, pa.uint64())), categories(signed))
    over_unsigned = counted(column(signed * rows), categories(unsigned, pa.uint64()))
    assert over_signed.counts.tolist() == over_unsigned.counts.tolist() == [0, rows]
    over_signed.merge(counted(column([-2]), categories(signed)))
    assert sorted(text.decode() for _, _, text in over_signed.unseen_sample()) == ["-2", str(2**64 - 1)]
    assert [text.decode() for _, _, text in over_unsigned.unseen_sample()] == ["-1"]


@pytest.mark.parametrize("known", [[-5, 0, 3], [10**6 + 2 * i for i in range(400)], [0, 2**40]])
@given(values=st.lists(st.integers(-6, 4) | st.integers(10**6, 10**6 + 900) | st.integers(-(2**63), 2**63 - 1)))
def test_any_integers_are_counted_as_by_a_dictionary(known: list[int], values: list[int]) -> None:
    for repeats in (1, 1 + 4096 // max(1, len(values))):
        assert agrees(
            counted(column(pa.array(values * repeats, pa.int64())), categories(known)), values * repeats, known
        )


@given(st.lists(st.text(max_size=20), unique=True), st.lists(st.text(max_size=20) | st.none()))
def test_any_words_are_counted_as_by_a_dictionary(keys: list[str], words: list[str | None]) -> None:
    known = [key for key in keys if key]
    rows = [*words, *known[::2]]
    for kind in (pa.utf8(), pa.string_view(), pa.dictionary(pa.int32(), pa.utf8())):
        assert agrees(counted(column(pa.array(rows, kind)), categories(known)), rows, known)


def test_a_dictionary_may_repeat_a_key_or_hold_a_null_or_the_empty_string() -> None:
    entries = pa.array(["a", None, "", "a", "unused", "new"])
    for repeats in (1, 2000):
        places = pa.array([0, 1, 2, None, 0, 3, 5] * repeats, pa.int32())
        state = counted(column(pa.DictionaryArray.from_arrays(places, entries)), categories(["a", "unused"]))
        assert (state.counts.tolist(), state.missing, state.unseen) == ([3 * repeats, 0], 3 * repeats, repeats)
        assert [(rows, text) for _, rows, text in state.unseen_sample()] == [(repeats, b"new")]


def _zipf(rows: int) -> list[str]:
    return [f"{i:x}" * (1 + i % 7) for i in np.random.default_rng(2).zipf(1.3, size=rows) % 20_000]


@pytest.mark.usefixtures("isa", "threads")
def test_parts_in_any_order_are_the_whole_bit_for_bit() -> None:
    words = _zipf(300_000)
    over = categories(sorted(set(words[:500])))
    whole = counted(column(words), over).to_bytes()
    parts = [counted(column(words[begin : begin + 100_000]), over) for begin in (0, 100_000, 200_000)]
    for order in itertools.permutations(parts):
        merged = CategoryCounts(over)
        for part in order:
            merged.merge(part)
        assert merged.to_bytes() == whole


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 700), max_size=2000), st.integers(0, 2000), st.booleans())
def test_any_two_parts_merge_to_the_whole(numbers: list[int], cut: int, are_texts: bool) -> None:
    values: Any = [f"key {n}" for n in numbers] if are_texts else numbers
    known: Any = ["key 1", "key 2"] if are_texts else [1, 2]
    kind = pa.utf8() if are_texts else pa.int64()
    left, right = (counted(column(pa.array(part, kind)), categories(known)) for part in (values[:cut], values[cut:]))
    right.merge(left)
    assert right.to_bytes() == counted(column(pa.array(values, kind)), categories(known)).to_bytes()


def test_of_many_unseen_keys_those_of_the_smallest_hashes_are_kept_with_exact_counts() -> None:
    numbers = np.random.default_rng(6).integers(0, 20_000, 200_000)
    sample = counted(column(numbers), categories([-1])).unseen_sample()
    assert len(sample) == KEPT
    assert [entry[0] for entry in sample] == sorted(entry[0] for entry in sample)
    counts = np.bincount(numbers)
    assert all(counts[int(text)] == rows for _, rows, text in sample)
    estimate = (KEPT - 1) / (sample[-1][0] / 2**64)
    distinct = int((counts > 0).sum())
    assert abs(estimate / distinct - 1) < 4 / np.sqrt(KEPT - 2), "four standard errors"


def test_a_long_unseen_key_is_shortened_between_characters() -> None:
    state = counted(column(["é" * 100, "x" + "é" * 100, "y" * 200]), categories([], pa.utf8()))
    assert sorted(text.decode() for _, _, text in state.unseen_sample()) == ["x" + "é" * 63, "y" * 128, "é" * 64]


def test_counts_go_beyond_32_bits() -> None:
    state = counted(column(["a", "b", "b"] * 1000), categories(["a"]))
    for _ in range(23):
        state.merge(state)
    assert (state.counts.tolist(), state.unseen) == ([1000 * 2**23], 2000 * 2**23)
    assert [rows for _, rows, _ in state.unseen_sample()] == [2000 * 2**23]


def test_a_column_of_nulls_is_missing_whatever_the_categories() -> None:
    for known in (["a"], [1]):
        state = counted(column(pa.nulls(3)), categories(known))
        assert (state.counts.tolist(), state.missing, state.unseen) == ([0], 3, 0)


def test_other_kinds_of_columns_and_other_categories_are_refused() -> None:
    state = CategoryCounts(categories(["a", "b"]))
    with pytest.raises(ValueError, match="utf8 keys, as the reference has"):
        state.update(column([1]), 0)
    with pytest.raises(ValueError, match="strings or integers"):
        state.update(column(awkward_floats(4)), 0)
    with pytest.raises(ValueError, match="over the same categories"):
        state.merge(CategoryCounts(categories(["b", "a"])))
    with pytest.raises(TypeError):
        CategoryCounts(None)  # type: ignore[arg-type]


@pytest.mark.parametrize("keys", [["a", "a"], ["a", None], ["a", ""], [1, 1], [1, None]])
def test_categories_are_present_and_come_once(keys: list[Key | None]) -> None:
    with pytest.raises(ValueError, match="pass each category once"):
        Categories(column(keys))
    with pytest.raises(ValueError, match="a dictionary"):
        Categories(column(pa.array(["a"]).dictionary_encode()))


@pytest.mark.parametrize("known", [["a", "é" * 9], [3, -4], []])
def test_bytes_come_back_the_same_and_a_changed_one_does_not(known: list[Key]) -> None:
    values: Any = [*known, *known, "new" if not known or isinstance(known[0], str) else 99]
    message = counted(column(values), categories(known)).to_bytes()
    back = CategoryCounts.from_bytes(message)
    assert back.to_bytes() == message
    back.merge(counted(column(values), categories(known)))
    assert (back.counts.tolist(), back.unseen) == ([4] * len(known), 2)
    for position in range(len(message)):
        with pytest.raises(ValueError, match="from_bytes"):
            CategoryCounts.from_bytes(message[:position] + bytes([message[position] ^ 1]) + message[position + 1 :])
