"""VocabularyCounter and SparsePlan against Python dictionaries, in every layout a producer may choose."""

from __future__ import annotations

import ctypes
import mmap
from collections.abc import Sequence

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_inputs import column

from mlops_runtime._native import ArrowTable, SparsePlan, Vocabulary, VocabularyCounter, VocabularyIds
from mlops_runtime.kernels.vocabulary.reference import Key, count_keys, encode_keys

# Lengths around 8, 12 (inline views), 16 and 32 (inline keys); keys that differ in their last or in a zero byte only.
WORDS = ["a", "ab", "é", "a\0", "a\0\0", "x" * 7, "x" * 8, "x" * 9, "x" * 11, "x" * 12, "x" * 13, "y" * 15, "y" * 16,
         "y" * 17, "y" * 31, "y" * 32, "y" * 32 + "1", "y" * 32 + "2", "z" * 1000, "z" * 999 + "!"]  # fmt: skip


def sample_words(n: int, seed: int = 0) -> list[str | None]:
    rng = np.random.default_rng(seed)
    pool = np.array([*WORDS, "", None], dtype=object)
    return [None if word is None else str(word) for word in rng.choice(pool, size=n)]


LAYOUTS = {
    "utf8": lambda words: pa.table({"x": pa.array(words, pa.utf8())}),
    "large_utf8": lambda words: pa.table({"x": pa.array(words, pa.large_utf8())}),
    "string_view": lambda words: pa.table({"x": pa.array(words, pa.string_view())}),
    "dictionary": lambda words: pa.table({"x": pa.array(words, pa.utf8()).dictionary_encode()}),
    "small dictionary index": lambda words: pa.table({"x": pa.array(words, pa.dictionary(pa.int8(), pa.large_utf8()))}),
    "unsigned dictionary index": lambda words: pa.table({"x": pa.array(words, pa.dictionary(pa.uint16(), pa.utf8()))}),
    "chunks": lambda words: pa.table({"x": pa.chunked_array([words[:3], [], words[3:]], pa.utf8())}),
    "slice": lambda words: pa.table({"x": pa.array(["pad", *words, "pad"], pa.utf8())}).slice(1, len(words)),
    "dictionary slice": lambda words: pa.table(
        {"x": pa.array(["pad", *words, "pad"], pa.utf8()).dictionary_encode().slice(1, len(words))}
    ),
    "polars": lambda words: pl.DataFrame({"x": pl.Series(words, dtype=pl.String)}),
    "polars categorical": lambda words: pl.DataFrame({"x": pl.Series(words, dtype=pl.Categorical)}),
    "pandas": lambda words: pd.DataFrame({"x": pd.Series(words, dtype="str")}),
    "pandas category": lambda words: pd.DataFrame({"x": pd.Series(words, dtype="category")}),
    "duckdb": lambda words: duckdb.from_arrow(pa.table({"x": pa.array(words, pa.utf8())})),
}


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


def vocabulary_of(ids: dict[str, int]) -> Vocabulary:
    return Vocabulary(column(pa.array(list(ids), pa.utf8())), np.array(list(ids.values()), np.int64))


def encode(vocabulary: Vocabulary, table: ArrowTable) -> list[int]:
    encoded: list[int] = SparsePlan([VocabularyIds(0, vocabulary)]).run(table).ravel().tolist()
    return encoded


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_the_same_counts_and_ids(layout: str) -> None:
    words = sample_words(2000)
    table = ArrowTable(LAYOUTS[layout](words))
    entries, missing = count_keys(words)
    counter = counter_of(table)
    assert table.type_of(0) == "utf8"
    assert (entries_of(counter), counter.missing, counter.kind) == (entries, missing, "utf8")
    ids = {word: 3 + i for i, word in enumerate(WORDS[:-4])} | {WORDS[-4]: 1}
    assert encode(vocabulary_of(ids), table) == encode_keys(words, ids).tolist()


@pytest.mark.usefixtures("isa")
def test_keys_of_every_length_are_told_from_their_neighbours() -> None:
    keys = ["é" * (length // 2) + "x" * (length % 2) for length in range(1, 71)]
    ids = {key: 3 + i for i, key in enumerate(keys)}
    near = [other for key in keys for other in (key + "\0", "\0" + key, key[:-1] + "y", "y" + key[1:], key * 2)]
    words = [*keys, *near, None, ""]
    expected = encode_keys(words, ids).tolist()
    for layout in ("utf8", "large_utf8", "string_view", "slice", "chunks", "dictionary"):
        assert encode(vocabulary_of(ids), ArrowTable(LAYOUTS[layout](words))) == expected, layout


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("length", range(40))
def test_a_string_may_end_where_readable_memory_ends(length: int) -> None:
    page = mmap.PAGESIZE
    memory = mmap.mmap(-1, 2 * page)
    ctypes.CDLL(None).mprotect(ctypes.c_void_p(ctypes.addressof(ctypes.c_char.from_buffer(memory)) + page), page, 0)
    memory[page - length : page] = b"k" * length
    characters = pa.py_buffer(memoryview(memory)[page - length : page])
    offsets = pa.array([0, length], pa.int32()).buffers()[1]
    table = column(pa.StringArray.from_buffers(1, offsets, characters))
    assert encode(vocabulary_of({"k" * max(1, length): 7}), table) == [7 if length > 0 else 0]


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("kind", [pa.utf8(), pa.string_view(), pa.int64()])
def test_a_vocabulary_larger_than_the_caches_finds_every_key(kind: pa.DataType) -> None:
    keys = pa.array([i * 0x9E3779B97F4 - 2**57 for i in range(30_000)], pa.int64())
    vocabulary = Vocabulary(column(keys.cast(pa.utf8() if kind != pa.int64() else kind)), np.arange(3, 30_003))
    table = column(pa.concat_arrays([keys[::-1], pa.array([5, None], pa.int64())]).cast(pa.utf8()).cast(kind))
    assert encode(vocabulary, table) == [*range(30_002, 2, -1), 2, 0]


@pytest.mark.usefixtures("isa")
def test_any_size_is_encoded_whole(size: int) -> None:
    words = sample_words(size)
    ids = {word: 3 + i for i, word in enumerate(WORDS[::2])}
    for layout in ("utf8", "string_view", "dictionary"):
        assert encode(vocabulary_of(ids), ArrowTable(LAYOUTS[layout](words))) == encode_keys(words, ids).tolist()


def test_a_dictionary_longer_than_its_column_is_read_by_row() -> None:
    words = [f"word {i}" for i in range(5000)]
    part = pa.table({"x": pa.array([*words, None]).dictionary_encode()}).slice(4997)
    assert entries_of(counter_of(ArrowTable(part))) == [(word, 1) for word in words[4997:]]
    assert encode(vocabulary_of({words[4998]: 9}), ArrowTable(part)) == [2, 9, 2, 0]


def test_a_dictionary_may_hold_a_null_or_the_empty_string() -> None:
    entries = pa.array(["a", None, ""])
    values = pa.DictionaryArray.from_arrays(pa.array([0, 1, 2, None, 0], pa.int32()), entries)
    counter = counter_of(column(values))
    assert (entries_of(counter), counter.missing) == ([("a", 2)], 3)
    assert encode(vocabulary_of({"a": 3}), column(values)) == [3, 0, 0, 0, 3]


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("kind", ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "bool"])
def test_integers_of_any_width_are_keys(kind: str) -> None:
    values: Sequence[int | None] = [None, 0, 1, 1] * 500 if kind == "bool" else [None, 0, 5, 100, 100] * 500
    table = column(pa.array(values, pa.int64()).cast(kind))
    entries, missing = count_keys(values)
    counter = counter_of(table)
    assert (entries_of(counter), counter.missing, counter.kind) == (entries, missing, "int64")
    vocabulary = Vocabulary(column(pa.array([1, 100], pa.int64())), np.array([1, 7]))
    assert encode(vocabulary, table) == encode_keys(values, {1: 1, 100: 7}).tolist()


@pytest.mark.usefixtures("isa")
def test_integers_of_every_magnitude_and_sign_are_keys() -> None:
    keys = [sign * 2**bits + step for bits in range(62) for sign in (1, -1) for step in (-1, 0, 1)]
    keys = sorted({*keys, -(2**63), 2**63 - 1})
    ids = {key: 3 + i for i, key in enumerate(keys)}
    values = [*keys, None, 2**62 + 7, -(2**62) - 7]
    vocabulary = Vocabulary(column(pa.array(keys, pa.int64())), np.arange(3, 3 + len(keys)))
    assert encode(vocabulary, column(pa.array(values, pa.int64()))) == encode_keys(values, ids).tolist()


@pytest.mark.usefixtures("threads")
def test_counts_do_not_depend_on_how_rows_are_split() -> None:
    rng = np.random.default_rng(2)
    words = [f"{i:x}" * (1 + i % 7) for i in rng.zipf(1.3, size=140_000) % 20_000]
    whole = counter_of(column(pa.chunked_array([words[:11], words[11:]])))
    merged = counter_of(column(words[70_000:]))
    merged.merge(counter_of(column(words[:70_000])))
    assert entries_of(whole) == entries_of(merged) == count_keys(words)[0]


@given(st.lists(st.text(max_size=20) | st.none()), st.lists(st.text(min_size=1, max_size=20), unique=True))
def test_any_words_agree_with_a_dictionary(words: list[str | None], known: list[str]) -> None:
    ids = {word: 3 + i for i, word in enumerate(known)}
    for kind in (pa.utf8(), pa.string_view()):
        table = column(pa.array(words, kind))
        assert encode(vocabulary_of(ids), table) == encode_keys(words, ids).tolist()
        assert entries_of(counter_of(table)) == count_keys(words)[0]


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


def test_strings_and_integers_do_not_mix() -> None:
    strings, integers = counter_of(column(["a"])), counter_of(column([1]))
    with pytest.raises(ValueError, match="utf8"):
        strings.update(column([1]), 0)
    with pytest.raises(ValueError, match="utf8"):
        integers.merge(strings)
    with pytest.raises(ValueError, match="utf8 keys, as the vocabulary has"):
        encode(vocabulary_of({"a": 3}), column([1]))


def test_a_column_of_nulls_is_missing_to_every_vocabulary() -> None:
    assert encode(vocabulary_of({"a": 3}), column(pa.nulls(3))) == [0, 0, 0]
    empty = Vocabulary(column(pa.nulls(0)), np.array([], np.int64))
    assert encode(empty, column(["a", None])) == [2, 0]


@pytest.mark.parametrize(
    ("keys", "ids", "message"),
    [
        (["a", "a"], [3, 4], "distinct keys"),
        (["a", None], [3, 4], "keys that are present"),
        (["a", ""], [3, 4], "keys that are present"),
        (["a"], [2], "ids of 3 and more"),
        (["a"], [0], "ids of 3 and more"),
        (["a"], [3, 4], "1 ids, one a key"),
        ([1.5], [3], "strings or integers"),
    ],
)
def test_a_vocabulary_that_is_no_map_is_refused(keys: list[object], ids: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Vocabulary(column(keys), np.array(ids, np.int64))
