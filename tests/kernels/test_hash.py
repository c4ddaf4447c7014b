"""hash_values and HashIds against XXH3 in Python and against the xxhash package, in every layout."""

from __future__ import annotations

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
import xxhash
from hypothesis import given
from hypothesis import strategies as st
from kernel_inputs import column

from mlops_runtime._native import ArrowTable, HashIds, SparsePlan, hash_values
from mlops_runtime.kernels.hash.reference import hash_cross, hash_key, ids_of_hashes, xxh3_64

SEEDS = [0, 1, 2**64 - 1]
LETTERS = "".join(chr(33 + (i * i + i // 7) % 94) for i in range(5000))
# Around every length class of the hash, and around a block and two stripes of a long one.
LENGTHS = [*range(1, 34), 127, 128, 129, 130, 239, 240, 241, 256, 257, 1023, 1024, 1025, 1088, 1089, 2048, 2049, 4999]


def ids(table: ArrowTable, columns: list[int], buckets: int, seed: int) -> list[int]:
    result: list[int] = SparsePlan([HashIds(columns, buckets, seed)]).run(table).ravel().tolist()
    return result


@pytest.mark.parametrize("seed", SEEDS)
def test_the_oracle_is_xxh3(seed: int) -> None:
    data = LETTERS.encode()
    for length in [*range(601), *LENGTHS]:
        assert xxh3_64(data[:length], seed) == xxhash.xxh3_64_intdigest(data[:length], seed=seed), length


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("seed", SEEDS)
def test_strings_of_every_length_hash_as_the_specification_says(seed: int) -> None:
    words = [LETTERS[i : i + length] for i, length in enumerate([*range(1, 601), *LENGTHS])]
    expected = [xxhash.xxh3_64_intdigest(word.encode(), seed=seed) for word in words]
    for kind in (pa.utf8(), pa.large_utf8(), pa.string_view(), pa.dictionary(pa.int32(), pa.utf8())):
        assert hash_values(column(pa.array(words, kind)), [0], seed).tolist() == expected


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("seed", SEEDS)
def test_integers_hash_as_eight_little_endian_bytes(seed: int) -> None:
    values = [0, 1, -1, 2**63 - 1, -(2**63), *(sign * 3**power for power in range(39) for sign in (1, -1))]
    expected = [xxhash.xxh3_64_intdigest(value.to_bytes(8, "little", signed=True), seed=seed) for value in values]
    assert hash_values(column(pa.array(values, pa.int64())), [0], seed).tolist() == expected


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("kind", ["int8", "uint16", "int32", "uint64", "bool"])
def test_an_integer_hashes_alike_at_every_width(kind: str) -> None:
    values = pa.array([0, 1, None, 1, 0], pa.int64())
    hashed = hash_values(column(values.cast(kind)), [0], 5)
    assert hashed.tolist() == [hash_key(value, 5) for value in values.to_pylist()]


@pytest.mark.usefixtures("isa")
def test_any_number_of_rows_with_missing_ones_gives_the_ids_of_the_oracle(size: int) -> None:
    rng = np.random.default_rng(size)
    words = [None if length > 20 else LETTERS[:length] for length in rng.integers(0, 24, size).tolist()]
    numbers = [None if number % 7 == 0 else number for number in rng.integers(-99, 99, size).tolist()]
    table = ArrowTable(pa.table({"word": pa.array(words, pa.utf8()), "number": pa.array(numbers, pa.int64())}))
    for position, values in enumerate((words, numbers)):
        hashes = [hash_key(value, 3) for value in values[:300]]
        assert hash_values(table, [position], 3)[:300].tolist() == hashes
        assert ids(table, [position], 1000, 3)[:300] == ids_of_hashes(hashes, 1000).tolist()
        assert len(ids(table, [position], 1000, 3)) == size


@pytest.mark.usefixtures("isa", "threads")
def test_chunks_and_slices_hash_as_the_whole() -> None:
    rng = np.random.default_rng(1)
    words = pa.array([f"{i:x}" if i % 5 else None for i in rng.integers(0, 10**9, 140_000)])
    whole = hash_values(column(words), [0], 0)
    chunked = pa.chunked_array([words.slice(0, 5), words.slice(5, 0), words.slice(5, 70_001), words.slice(70_006)])
    assert np.array_equal(hash_values(column(chunked), [0], 0), whole)
    assert np.array_equal(hash_values(column(words.slice(77_777)), [0], 0), whole[77_777:])


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("width", [2, 3, 5])
def test_a_cross_hashes_the_hashes_of_its_parts(width: int) -> None:
    rows = [[None, ""], ["a", None], [None, "a"], ["a", "b"], ["b", "a"], ["", None], ["word" * 9, "x"]]
    table = pa.table({f"x{j}": pa.array([row[j % 2] for row in rows], pa.utf8()) for j in range(width)})
    table = table.append_column("number", pa.array([None, 1, 2, 3, 4, None, 6], pa.int64()))
    columns = [width, *range(width - 1)]
    parts = [[row[name] for name in (table.column_names[j] for j in columns)] for row in table.to_pylist()]
    hashes = [hash_cross(row, 9) for row in parts]
    assert hashes[0] == 0
    assert hash_values(ArrowTable(table), columns, 9).tolist() == hashes
    assert ids(ArrowTable(table), columns, 77, 9) == ids_of_hashes(hashes, 77).tolist()


@pytest.mark.usefixtures("isa")
def test_a_dictionary_is_hashed_by_its_entries() -> None:
    words = ["red", None, "green", "", "a colour that is longer than any other", "red"] * 50
    expected = ids_of_hashes([hash_key(word, 0) for word in words], 64).tolist()
    for kind in (pa.dictionary(pa.int8(), pa.utf8()), pa.dictionary(pa.uint32(), pa.large_utf8())):
        encoded = pa.array(words, pa.utf8()).cast(kind)
        assert ids(column(encoded), [0], 64, 0) == expected
        assert ids(column(encoded.slice(7, 3)), [0], 64, 0) == expected[7:10]  # a dictionary longer than the rows
    assert ids(ArrowTable(pl.DataFrame({"x": pl.Series(words, dtype=pl.Categorical)})), [0], 64, 0) == expected


@given(st.lists(st.text(max_size=300) | st.none()), st.integers(0, 2**64 - 1), st.integers(1, 2**31 - 1))
def test_any_words_agree_with_the_oracle(words: list[str | None], seed: int, buckets: int) -> None:
    expected = [hash_key(word, seed) for word in words]
    for kind in (pa.utf8(), pa.string_view()):
        table = column(pa.array(words, kind))
        assert hash_values(table, [0], seed).tolist() == expected
        assert ids(table, [0], buckets, seed) == ids_of_hashes(expected, buckets).tolist()


def test_ids_come_as_int32_too_and_into_a_given_matrix() -> None:
    table = ArrowTable(pa.table({"a": [1, None, 3], "b": ["x", "y", None]}))
    plan = SparsePlan([HashIds([0], 2**31 - 1, 0), HashIds([1], 10, 1), HashIds([0, 1], 99, 0)])
    wide = plan.run(table)
    narrow = plan.run(table, dtype="int32")
    assert (wide.dtype, narrow.dtype) == (np.int64, np.int32)
    assert np.array_equal(wide, narrow)
    assert wide[1, 0] == wide[2, 1] == 0
    out = np.empty((3, 3), np.int32)
    assert plan.run(table, out, "int32") is out
    assert np.array_equal(out, wide)
    with pytest.raises(TypeError, match="out: expected a C-contiguous int64 array"):
        plan.run(table, out)  # type: ignore[arg-type]


def test_hashes_spread_evenly_over_the_buckets() -> None:
    found = ids(column(np.arange(100_000)), [0], 100, 0)
    counts = np.bincount(found, minlength=101)
    assert counts[0] == 0
    assert ((counts[1:] - 1000) ** 2 / 1000).sum() < 180  # chi-squared with 99 degrees of freedom: p < 1e-6


@pytest.mark.parametrize(
    ("columns", "buckets", "message"),
    [([0], 0, "buckets: expected 1 to 2"), ([0], 2**31, "buckets: expected 1 to 2"), ([], 5, "expected one column")],
)
def test_what_is_no_hash_encoder_is_refused(columns: list[int], buckets: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        HashIds(columns, buckets, 0)


def test_columns_that_hold_no_keys_are_named() -> None:
    table = ArrowTable(pa.table({"real": [1.5], "large": pa.array([2**63], pa.uint64())}))
    with pytest.raises(ValueError, match="column `real`: expected a column of strings or integers"):
        hash_values(table, [0], 0)
    with pytest.raises(ValueError, match=r"column `large`: expected integers up to 2\^63 - 1"):
        ids(table, [1, 1], 10, 0)
    with pytest.raises(ValueError, match="expected one column or more, got none"):
        hash_values(table, [], 0)
    with pytest.raises(TypeError, match="expected VocabularyIds, HashIds"):
        SparsePlan([0])  # type: ignore[list-item]
    with pytest.raises(ValueError, match='dtype: expected "int64" or "int32", got "int16"'):
        SparsePlan([]).run(table, dtype="int16")  # type: ignore[call-overload]
