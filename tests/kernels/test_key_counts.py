"""VocabularyCounter against a Python dictionary, in every layout a producer may choose."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_inputs import awkward_floats, column
from key_inputs import LAYOUTS, sample_words

from mlops_runtime._native import ArrowTable, VocabularyCounter
from mlops_runtime.kernels.key_counts.reference import Key, count_keys


def counter_of(table: ArrowTable) -> VocabularyCounter:
    counter = VocabularyCounter()
    counter.update(table, 0)
    return counter


def entries_of(counter: VocabularyCounter) -> list[tuple[Key, int]]:
    if counter.kind == "int64":
        keys, counts = counter.integer_entries()
        return list(zip(keys.tolist(), counts.tolist(), strict=True))
    data, offsets, counts = counter.string_entries()
    raw = data.tobytes()
    bounds = zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True)
    return [(raw[begin:end].decode(), n) for (begin, end), n in zip(bounds, counts.tolist(), strict=True)]


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_the_same_counts(layout: str) -> None:
    words = sample_words(10_000)
    table = ArrowTable(LAYOUTS[layout](words))
    counter = counter_of(table)
    assert table.type_of(0) == "utf8"
    assert (entries_of(counter), counter.missing, counter.kind) == (*count_keys(words), "utf8")


def test_any_size_is_counted_whole(size: int) -> None:
    words = sample_words(size)
    for layout in ("utf8", "string_view", "dictionary"):
        counter = counter_of(ArrowTable(LAYOUTS[layout](words)))
        assert (entries_of(counter), counter.missing) == count_keys(words), layout


def test_keys_that_come_in_batches_are_counted_together() -> None:
    words, counter = sample_words(1000), VocabularyCounter()
    for begin, layout in zip(range(0, 1000, 250), ("utf8", "dictionary", "string_view", "chunks"), strict=True):
        counter.update(ArrowTable(LAYOUTS[layout](words[begin : begin + 250])), 0)
    assert (entries_of(counter), counter.missing) == count_keys(words)


@pytest.mark.parametrize("rows", [3, 64, 65, 700])
def test_a_dictionary_longer_than_its_rows_counts_the_entries_in_use(rows: int) -> None:
    words = [None if i % 50 == 7 else f"word {i % 400}" * (1 + i % 3) for i in range(5000)]
    part = pa.table({"x": pa.array(words).dictionary_encode()}).slice(5000 - rows)
    counter = counter_of(ArrowTable(part))
    assert (entries_of(counter), counter.missing) == count_keys(words[5000 - rows :])


def test_a_dictionary_may_repeat_a_key_or_hold_a_null_or_the_empty_string() -> None:
    entries = pa.array(["a", None, "", "a", "unused"])
    for repeats in (1, 40):
        places = pa.array([0, 1, 2, None, 0, 3] * repeats, pa.int32())
        counter = counter_of(column(pa.DictionaryArray.from_arrays(places, entries)))
        assert (entries_of(counter), counter.missing) == ([("a", 3 * repeats)], 3 * repeats)


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("kind", ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "bool"])
def test_integers_of_any_width_are_keys(kind: str) -> None:
    values: Sequence[int | None] = [None, 0, 1, 1] * 500 if kind == "bool" else [None, 0, 5, 100, 100] * 500
    counter = counter_of(column(pa.array(values, pa.int64()).cast(kind)))
    assert (entries_of(counter), counter.missing, counter.kind) == (*count_keys(values), "int64")


@given(st.lists(st.text(max_size=20) | st.none()))
def test_any_words_are_counted_as_by_a_dictionary(words: list[str | None]) -> None:
    for kind in (pa.utf8(), pa.string_view()):
        assert entries_of(counter_of(column(pa.array(words, kind)))) == count_keys(words)[0]


@given(st.lists(st.integers(-(2**63), 2**63 - 1) | st.none()))
def test_any_integers_are_counted_as_by_a_dictionary(values: list[int | None]) -> None:
    counter = counter_of(column(pa.array(values, pa.int64())))
    assert (entries_of(counter), counter.missing) == count_keys(values)


def test_numbers_with_fractions_are_no_keys() -> None:
    with pytest.raises(ValueError, match="strings or integers"):
        counter_of(column(awkward_floats(10)))


def test_a_column_of_nulls_has_no_key() -> None:
    counter = counter_of(column(pa.nulls(3)))
    assert (counter.kind, counter.missing) == ("empty", 3)


def test_strings_and_integers_are_not_counted_together() -> None:
    strings, integers = counter_of(column(["a"])), counter_of(column([1]))
    with pytest.raises(ValueError, match="utf8"):
        strings.update(column([1]), 0)
    with pytest.raises(ValueError, match="utf8"):
        integers.merge(strings)


@pytest.mark.usefixtures("threads")
def test_counts_do_not_depend_on_how_rows_are_split() -> None:
    rng = np.random.default_rng(2)
    words = [f"{i:x}" * (1 + i % 7) for i in rng.zipf(1.3, size=140_000) % 20_000]
    whole = counter_of(column(pa.chunked_array([words[:11], words[11:]])))
    merged = counter_of(column(words[70_000:]))
    merged.merge(counter_of(column(words[:70_000])))
    assert entries_of(whole) == entries_of(merged) == count_keys(words)[0]


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("distinct", [300, 3_000, 30_000])
def test_common_and_seldom_keys_are_counted_together(distinct: int) -> None:
    rng = np.random.default_rng(distinct)
    picked = (distinct * rng.random(60_000) ** 3).astype(np.int64)
    numbers = [None if i % 97 == 5 else int(i) << 40 for i in picked]
    words = [None if number is None else f"key {number >> 40}" * (1 + number % 3) for number in numbers]
    for values in (numbers, words):
        counter = counter_of(ArrowTable(pa.table({"x": values})))
        assert (entries_of(counter), counter.missing) == count_keys(values)


def test_entries_that_agree_in_their_leading_bits_are_in_order() -> None:
    rng = np.random.default_rng(5)
    heads, tails = (rng.integers(33, 126, (n, 8), dtype=np.uint8) for n in (40, 2_000))
    words = [bytes([*heads[i % 40], *tail]).decode() for i, tail in enumerate(tails)]
    assert entries_of(counter_of(ArrowTable(pa.table({"x": words})))) == count_keys(words)[0]


def test_entries_of_many_keys_are_in_order() -> None:
    rng = np.random.default_rng(3)
    parts = ["", "a", "\0", "\0\0", "same sixteen byte", "same sixteen bytes", "é" * 9]
    words = [f"{parts[i % 7]}{i // 7 % 300:x}{parts[i % 5]}" for i in rng.integers(0, 4000, size=6000)]
    integers = [int(i) for i in rng.integers(-(2**63), 2**63 - 1, size=700)] * 2 + [0, -1, 2**63 - 1, -(2**63)]
    assert entries_of(counter_of(column(words))) == count_keys(words)[0]
    assert entries_of(counter_of(column(pa.array(integers, pa.int64())))) == count_keys(integers)[0]


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("kind", [pa.utf8(), pa.string_view(), pa.int64()])
def test_counts_of_a_column_of_mostly_different_keys_do_not_depend_on_the_workers(kind: pa.DataType) -> None:
    numbers = np.random.default_rng(4).integers(-60_000, 60_000, size=200_000)
    values = [None if n % 50 == 1 else int(n) if kind == pa.int64() else f"{n}" * (1 + n % 4) for n in numbers]
    counter = VocabularyCounter()
    for part in (values[:140_000], values[140_000:]):
        counter.update(column(pa.array(part, kind)), 0)
    assert (entries_of(counter), counter.missing) == count_keys(values)
    counter.merge(counter_of(column(pa.array(values[:80_000], kind))))
    assert (entries_of(counter), counter.missing) == count_keys([*values, *values[:80_000]])


def test_a_large_integer_is_refused_before_anything_is_counted() -> None:
    counter = VocabularyCounter()
    with pytest.raises(ValueError, match=r"`x`: expected integers up to 2\^63 - 1, got 9223372036854775808"):
        counter.update(column(pa.array([1, 2**63], pa.uint64())), 0)
    assert counter.kind == "empty"
