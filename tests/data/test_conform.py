"""The one place that cleans data: every layout of a value gives the same value."""

import datetime as dt

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_runtime.core.errors import SchemaError
from mlops_runtime.data import Column, Schema, conform

MOMENT = dt.datetime(2025, 3, 1, 12, 30, tzinfo=dt.UTC)


def conformed(values, kind, *, nullable=True, trim=True):
    schema = Schema((Column("x", kind, nullable),), trim=trim)
    return conform(pa.table({"x": values}), schema, where="input").column("x")


@given(st.lists(st.sampled_from([None, "", "?", " NA", "a", " a", "a ", "b", " ", "Ā "])), st.integers(0, 3))
def test_texts_are_cleaned_alike_in_every_layout(texts, start):
    expected = [None if t is None or t.strip() in {"", "?", "NA"} else t.strip() for t in texts][start:]
    plain = pa.array(texts, pa.utf8())
    layouts = [
        plain,
        plain.cast(pa.large_utf8()),
        plain.cast(pa.string_view()),
        plain.dictionary_encode(),
        plain.cast(pa.dictionary(pa.uint8(), pa.utf8())),
        plain.dictionary_encode().cast(pa.dictionary(pa.uint32(), pa.string_view())),  # as polars has categories
    ]
    for layout in layouts:
        assert conformed(layout.slice(start), "string").to_pylist() == expected


def test_a_dictionary_stays_a_dictionary_and_chunks_may_have_different_ones():
    chunks = pa.chunked_array([pa.array([" a", "?"]).dictionary_encode(), pa.array(["b", "a"]).dictionary_encode()])
    cleaned = conformed(chunks, "string")
    assert pa.types.is_dictionary(cleaned.type)
    assert cleaned.to_pylist() == ["a", None, "b", "a"]


def test_without_trim_spaces_are_part_of_a_text():
    assert conformed(pa.array([" ?", "?"]), "string", trim=False).to_pylist() == [" ?", None]


@pytest.mark.parametrize(
    "values", [pa.array([1, 2], pa.int8()), pa.array([1.5, float("nan")]), pa.array([True, None]), pa.array([2**60])]
)
def test_numbers_keep_their_type_and_their_nan(values):
    cleaned = conformed(values, "number")
    assert cleaned.type == values.type
    assert repr(cleaned.to_pylist()) == repr(values.to_pylist())


def test_texts_that_are_numbers_are_read_as_numbers():
    assert conformed(pa.array([" 1", "2.5 ", "?"]), "number").to_pylist() == [1.0, 2.5, None]


def test_a_text_that_is_no_number_is_named_with_its_row():
    with pytest.raises(SchemaError, match=r"input: .*`x`.*got '2x' in row 3"):
        conformed(pa.array(["1", "?", "2x"]), "number")


def test_integers_keep_every_digit():
    assert conformed(pa.array(["9007199254740993"]), "integer").to_pylist() == [2**53 + 1]


def test_a_fraction_is_no_integer():
    with pytest.raises(SchemaError, match=r"whole numbers in column `x`"):
        conformed(pa.array([1.5]), "integer")


@pytest.mark.parametrize(
    "values",
    [
        pa.array(["2025-03-01T12:30:00Z"]),
        pa.array(["2025-03-01 12:30:00"]),
        pa.array(["2025-03-01 16:30+04"]),
        pa.array(["2025-03-01T14:30:00+02:00"]).dictionary_encode(),
        pa.array([MOMENT.replace(tzinfo=None)], pa.timestamp("s")),
        pa.array([MOMENT], pa.timestamp("ns", "Asia/Dubai")),
    ],
)
def test_times_become_microseconds_in_utc(values):
    cleaned = conformed(values, "timestamp")
    assert cleaned.type == pa.timestamp("us", "UTC")
    assert cleaned.to_pylist() == [MOMENT]


def test_numbers_are_no_times_because_their_unit_is_unknown():
    with pytest.raises(SchemaError, match="ISO 8601"):
        conformed(pa.array([1_700_000_000]), "timestamp")


@pytest.mark.parametrize("kind", ["number", "integer", "string", "timestamp"])
def test_a_column_without_any_value_conforms_to_every_kind(kind):
    assert conformed(pa.nulls(3), kind).to_pylist() == [None] * 3


def test_a_missing_value_in_a_column_that_has_none_is_refused():
    with pytest.raises(SchemaError, match="expected no missing value"):
        conformed(pa.array([1, None]), "integer", nullable=False)


def test_extra_columns_are_dropped_and_the_schema_gives_the_order():
    table = pa.table({"a": [1], "b": [2], "c": [3]})
    schema = Schema((Column("c", "number"), Column("a", "number")))
    assert conform(table, schema, where="input").column_names == ["c", "a"]


def test_missing_columns_are_named():
    with pytest.raises(SchemaError, match=r"live\.csv: .*no `b`"):
        conform(pa.table({"a": [1]}), Schema((Column("a", "number"), Column("b", "string"))), where="live.csv")


def test_two_input_columns_of_one_name_are_refused():
    table = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["x", "x"])
    with pytest.raises(SchemaError, match="`x` more than once"):
        conform(table, Schema((Column("x", "number"),)), where="input")


def test_a_null_in_a_dictionary_is_a_missing_value():
    parts = [([0, 1, None], ["a", "b"]), ([0, 1, 2], ["b", None, ""])]
    column = pa.chunked_array([pa.DictionaryArray.from_arrays(pa.array(i, pa.uint32()), pa.array(v)) for i, v in parts])
    assert conformed(column, "string").to_pylist() == ["a", "b", None, "b", None, None]
    with pytest.raises(SchemaError, match="'a' in row 1"):
        conformed(column, "string_list")
