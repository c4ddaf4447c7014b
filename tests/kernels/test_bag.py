"""Bag and BagCounts against Python's strings, in every layout of lists and texts."""

from __future__ import annotations

from itertools import chain

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_inputs import column

from mlops_runtime._native import ArrowTable, Bag, BagCounts, DensePlan, Expression, Vocabulary
from mlops_runtime.kernels.bag.reference import count_ids, tokens_of
from mlops_runtime.kernels.hash.reference import hash_key, ids_of_hashes

WORDS = ["a", "b", "é", "exactly-thirty-two-bytes-long-ok", "x" * 40, "", None]
Row = list[str | None] | list[int | None] | str | None


def sample_lists(n: int) -> list[list[str | None] | None]:
    rng = np.random.default_rng(n)
    return [
        None if length == 7 else [WORDS[i] for i in rng.integers(0, len(WORDS), length)]
        for length in rng.integers(0, 8, n).tolist()
    ]


LAYOUTS = {
    "list": lambda rows: pa.array(rows, pa.list_(pa.utf8())),
    "large list": lambda rows: pa.array(rows, pa.large_list(pa.large_utf8())),
    "list of views": lambda rows: pa.array(rows, pa.list_(pa.string_view())),
    "list of a dictionary": lambda rows: pa.array(rows, pa.list_(pa.dictionary(pa.int8(), pa.utf8()))),
    "slice": lambda rows: pa.array([["pad"] * 300, *rows, None, ["pad"]], pa.list_(pa.utf8())).slice(1, len(rows)),
    "chunks": lambda rows: pa.chunked_array([rows[:3], [], rows[3:]], pa.list_(pa.utf8())),
}


def ragged(bag: Bag, table: ArrowTable) -> list[list[int]]:
    ids, offsets = bag.run(table)
    assert (ids.dtype, offsets.dtype, offsets[0], offsets[-1]) == (np.int64, np.int64, 0, ids.size)
    return [part.tolist() for part in np.split(ids, offsets[1:-1])] if len(offsets) > 1 else []


def list_bag(vocabulary: Vocabulary | None = None, buckets: int = 1000, seed: int = 1) -> Bag:
    return Bag(0, "list", 1, 1, False, vocabulary, buckets, seed)


def hashed(rows: list[list[str | int]], buckets: int = 1000, seed: int = 1) -> list[list[int]]:
    return [ids_of_hashes([hash_key(token, seed) for token in row], buckets).tolist() for row in rows]


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("layout", LAYOUTS)
def test_lists_of_every_layout_give_the_same_bags(layout: str) -> None:
    rows = sample_lists(700)
    table = column(LAYOUTS[layout](rows))
    tokens = [tokens_of(row, "list") for row in rows]
    assert table.type_of(0) == "list"
    assert ragged(list_bag(), table) == hashed(tokens)
    vocabulary = Vocabulary(column(["a", "é", "x" * 40]), np.array([3, 1, 4]))
    ids = {"a": 3, "é": 1, "x" * 40: 4}
    assert ragged(list_bag(vocabulary), table) == [[ids.get(str(token), 2) for token in row] for row in tokens]


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("kind", [pa.int8(), pa.uint16(), pa.int64(), pa.uint64(), pa.bool_()])
def test_lists_of_integers_of_any_width_give_bags(kind: pa.DataType) -> None:
    rows: list[list[int | None] | None] = [[1, 0], [], None, [None, 1], [0, 1, 1], [1] * 600] * 9
    table = column(pa.array(rows, pa.list_(pa.int64())).cast(pa.list_(kind)))
    assert ragged(list_bag(), table) == hashed([tokens_of(row, "list") for row in rows])


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("length", [0, 1, 3])
def test_lists_of_one_size_give_bags(length: int) -> None:
    rows = [None if i % 5 == 4 else [i - 1, None, i, 7][:length] for i in range(600)]
    values = pa.array(rows, pa.list_(pa.int32(), length))
    expected = hashed([tokens_of(row, "list") for row in rows])
    assert ragged(list_bag(), column(values)) == expected
    assert ragged(list_bag(), column(values.slice(259, 40))) == expected[259:299]


def test_lists_of_other_producers_and_lists_without_a_type_are_read() -> None:
    rows = [["a", None], [], None, ["b"]]
    frame = pl.DataFrame({"x": rows, "y": [[1, 2], None, [], [3]]})
    assert ragged(list_bag(), ArrowTable(frame)) == hashed([["a"], [], [], ["b"]])
    assert ragged(Bag(1, "list", 1, 1, False, None, 9, 0), ArrowTable(frame)) == hashed([[1, 2], [], [], [3]], 9, 0)
    assert ragged(list_bag(), column(pa.array([[None], [], None], pa.list_(pa.null())))) == [[], [], []]


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("unit", ["characters", "words"])
@pytest.mark.parametrize("lower", [False, True])
def test_texts_of_every_layout_give_their_n_grams(unit: str, lower: bool) -> None:
    texts = [
        "To be, or not to BE",
        " \t\u00a0lead\u2003and\u3000trail\u0085 ",
        "",
        None,
        "É",
        "日本語 ABC",
        "a" * 300,
        "x\x1cy",
    ]
    expected = hashed([tokens_of(text, unit, shortest=1, longest=3, lower=lower) for text in texts * 40])
    bag = Bag(0, unit, 1, 3, lower, None, 1000, 1)
    for kind in (pa.utf8(), pa.large_utf8(), pa.string_view(), pa.dictionary(pa.int32(), pa.utf8())):
        assert ragged(bag, column(pa.array(texts * 40, pa.utf8()).cast(kind))) == expected


@given(
    st.lists(st.text(max_size=40) | st.none(), max_size=8),
    st.sampled_from(["characters", "words"]),
    st.integers(1, 5),
    st.integers(0, 5),
    st.booleans(),
)
def test_any_texts_agree_with_python(texts: list[str | None], unit: str, shortest: int, more: int, lower: bool) -> None:
    rows = [tokens_of(text, unit, shortest=shortest, longest=shortest + more, lower=lower) for text in texts]
    bag = Bag(0, unit, shortest, shortest + more, lower, None, 2**31 - 1, 7)
    assert ragged(bag, column(pa.array(texts, pa.utf8()))) == hashed(rows, 2**31 - 1, 7)


def test_every_white_space_character_of_python_divides_words_and_no_other() -> None:
    points = [chr(i) for i in chain(range(0xD800), range(0xE000, 0x30000))]
    bag = Bag(0, "words", 1, 1, False, None, 10, 0)
    _, offsets = bag.run(column(pa.array([f"a{point}b" for point in points], pa.utf8())))
    divides = {point for point, words in zip(points, np.diff(offsets).tolist(), strict=True) if words == 2}
    assert divides == {point for point in points if point.isspace()}


@pytest.mark.usefixtures("threads")
def test_bags_do_not_depend_on_how_rows_are_split(size: int) -> None:
    texts = [f"{i:x} {i % 7}" for i in range(size)]
    table = column(pa.chunked_array([texts[: size // 3], texts[size // 3 :]], pa.utf8()))
    bag = Bag(0, "words", 1, 2, False, None, 99, 0)
    ids, offsets = bag.run(table)
    assert offsets.tolist() == list(range(0, 3 * size + 1, 3))
    assert ids[:9].tolist() == list(chain(*hashed([tokens_of(text, "words", longest=2) for text in texts[:3]], 99, 0)))


@pytest.mark.usefixtures("isa", "threads")
@pytest.mark.parametrize("binary", [False, True])
def test_counts_stand_beside_expressions_in_a_dense_matrix(size: int, binary: bool) -> None:
    rng = np.random.default_rng(size)
    rows = [[WORDS[i] for i in rng.integers(0, 5, length)] for length in rng.integers(0, 9, size)]
    table = ArrowTable(pa.table({"x": pa.array(rows, pa.list_(pa.utf8())), "y": np.arange(float(size))}))
    ids = {word: 3 + i for i, word in enumerate(WORDS[:5])}
    bag = list_bag(Vocabulary(column(WORDS[:5]), np.arange(3, 8)))
    plan = DensePlan([Expression([1], "column", []), BagCounts(bag, 4, 3, binary), Expression([1], "column", [])])
    matrix = plan.run(table)
    assert plan.width == 5
    assert matrix[:, [0, 4]].tolist() == [[i, i] for i in range(size)]
    assert np.array_equal(
        matrix[:, 1:4], count_ids([[ids[str(word)] for word in row] for row in rows], 4, 3, binary=binary)
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tokens": "letters"}, "expected `list`, `characters` or `words`, got `letters`"),
        ({"shortest": 0}, "expected 1 <= shortest <= longest, got 0 and 2"),
        ({"longest": 0}, "expected 1 <= shortest <= longest, got 1 and 0"),
        ({"buckets": 0}, "buckets: expected 1 to 2"),
    ],
)
def test_what_is_no_bag_is_refused(change: dict[str, object], message: str) -> None:
    options: dict[str, object] = {
        "column": 0,
        "tokens": "words",
        "shortest": 1,
        "longest": 2,
        "lower": False,
        "vocabulary": None,
        "buckets": 10,
        "seed": 0,
    }
    with pytest.raises(ValueError, match=message):
        Bag(**(options | change))  # type: ignore[arg-type]


@pytest.mark.parametrize(("first", "width"), [(-1, 1), (0, 0)])
def test_counts_of_no_ids_are_refused(first: int, width: int) -> None:
    with pytest.raises(ValueError, match="expected first_id >= 0 and width >= 1"):
        BagCounts(list_bag(), first, width, False)


def test_a_column_without_the_tokens_is_named() -> None:
    words = Bag(0, "words", 1, 1, False, None, 10, 0)
    for values in ([1], [["a"]]):
        with pytest.raises(ValueError, match="column `x`: expected strings, got Arrow format"):
            words.run(column(values))
    for values in (["a"], [[1.5]], [[["a"]]]):
        with pytest.raises(ValueError, match="column `x`: expected lists of strings or integers, got Arrow format"):
            list_bag().run(column(values))
    with pytest.raises(ValueError, match=r"column `x`: expected integers up to 2\^63 - 1, got 9223372036854775808"):
        list_bag().run(column(pa.array([[1, 2**63]], pa.list_(pa.uint64()))))
    with pytest.raises(ValueError, match="column `x`: expected utf8 keys, as the vocabulary has, got int64"):
        list_bag(Vocabulary(column(["a"]), np.array([3]))).run(column([[1]]))
