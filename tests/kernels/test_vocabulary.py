"""SparsePlan over vocabularies against Python dictionaries, in every layout a producer may choose."""

from __future__ import annotations

import ctypes
import mmap
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_inputs import column
from key_inputs import LAYOUTS, WORDS, sample_words

from mlops_runtime._native import ArrowTable, SparsePlan, Vocabulary, VocabularyIds
from mlops_runtime.kernels.vocabulary.reference import encode_keys


def vocabulary_of(ids: dict[str, int]) -> Vocabulary:
    return Vocabulary(column(pa.array(list(ids), pa.utf8())), np.array(list(ids.values()), np.int64))


def encode(vocabulary: Vocabulary, table: ArrowTable) -> list[int]:
    encoded: list[int] = SparsePlan([VocabularyIds(0, vocabulary)]).run(table).ravel().tolist()
    return encoded


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_the_same_ids(layout: str) -> None:
    words = sample_words(2000)
    ids = {word: 3 + i for i, word in enumerate(WORDS[:-4])} | {WORDS[-4]: 1}
    assert encode(vocabulary_of(ids), ArrowTable(LAYOUTS[layout](words))) == encode_keys(words, ids).tolist()


def test_a_long_dictionary_is_read_by_row() -> None:
    words = [f"word {i}" for i in range(5000)]
    part = pa.table({"x": pa.array([*words, None]).dictionary_encode()}).slice(4997)
    assert encode(vocabulary_of({words[4998]: 9}), ArrowTable(part)) == [2, 9, 2, 0]


def test_a_null_or_empty_entry_of_a_dictionary_is_missing() -> None:
    entries = pa.array(["a", None, ""])
    values = pa.DictionaryArray.from_arrays(pa.array([0, 1, 2, None, 0], pa.int32()), entries)
    assert encode(vocabulary_of({"a": 3}), column(values)) == [3, 0, 0, 0, 3]


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("kind", ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "bool"])
def test_integers_of_any_width_have_ids(kind: str) -> None:
    values: Sequence[int | None] = [None, 0, 1, 1] * 500 if kind == "bool" else [None, 0, 5, 100, 100] * 500
    vocabulary = Vocabulary(column(pa.array([1, 100], pa.int64())), np.array([1, 7]))
    table = column(pa.array(values, pa.int64()).cast(kind))
    assert encode(vocabulary, table) == encode_keys(values, {1: 1, 100: 7}).tolist()


@given(st.lists(st.text(max_size=20) | st.none()), st.lists(st.text(min_size=1, max_size=20), unique=True))
def test_any_words_have_the_ids_of_a_dictionary(words: list[str | None], known: list[str]) -> None:
    ids = {word: 3 + i for i, word in enumerate(known)}
    for kind in (pa.utf8(), pa.string_view()):
        assert encode(vocabulary_of(ids), column(pa.array(words, kind))) == encode_keys(words, ids).tolist()


def test_a_vocabulary_of_strings_refuses_integers() -> None:
    with pytest.raises(ValueError, match="utf8 keys, as the vocabulary has"):
        encode(vocabulary_of({"a": 3}), column([1]))


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


@pytest.mark.usefixtures("isa")
def test_integers_of_every_magnitude_and_sign_are_keys() -> None:
    keys = [sign * 2**bits + step for bits in range(62) for sign in (1, -1) for step in (-1, 0, 1)]
    keys = sorted({*keys, -(2**63), 2**63 - 1})
    ids = {key: 3 + i for i, key in enumerate(keys)}
    values = [*keys, None, 2**62 + 7, -(2**62) - 7]
    vocabulary = Vocabulary(column(pa.array(keys, pa.int64())), np.arange(3, 3 + len(keys)))
    assert encode(vocabulary, column(pa.array(values, pa.int64()))) == encode_keys(values, ids).tolist()


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
