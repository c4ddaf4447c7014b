"""List columns: every Arrow layout and the JSON texts of CSV and requests give the same lists."""

import pyarrow as pa
import pytest

from mlops_runtime.core.errors import SchemaError
from mlops_runtime.data import Column, Schema, conform, from_frame, read_dataset

TEXTS = Schema((Column("l", "string_list"),))
NUMBERS = Schema((Column("l", "integer_list"),))


def read(values, schema):
    conformed = conform(pa.table({"l": values}), schema, where="test")["l"]
    conformed.validate(full=True)
    return conformed.type, conformed.to_pylist()


@pytest.mark.parametrize(
    "layout",
    [
        pa.list_(pa.utf8()),
        pa.large_list(pa.large_utf8()),
        pa.list_(pa.dictionary(pa.int8(), pa.utf8())),
        pa.list_view(pa.string_view()),
        pa.list_(pa.utf8(), 2),
    ],
)
def test_every_layout_becomes_one_with_clean_elements(layout):
    lists = [["a", " b"], None, ["?", None], ["c", "c"]]
    whole = pa.array(lists, layout)
    expected = [["a", "b"], None, [None, None], ["c", "c"]]
    assert read(whole, TEXTS) == (pa.list_(pa.utf8()), expected)
    assert read(whole.slice(1, 2), TEXTS)[1] == expected[1:3]
    assert read(pa.chunked_array([whole.slice(3), whole.slice(0, 0), whole.slice(0, 2)]), TEXTS)[1] == [
        expected[3],
        *expected[:2],
    ]


@pytest.mark.parametrize("element", [pa.int8(), pa.uint32(), pa.int64(), pa.null()])
def test_integers_of_any_width_become_int64(element):
    lists = [[None], [], None] if pa.types.is_null(element) else [[1, None], [], None]
    assert read(pa.array(lists, pa.list_(element)), NUMBERS) == (pa.list_(pa.int64()), lists)


def test_json_arrays_are_lists():
    texts = pa.array(['["a", " b ", null]', "", "[]", None, ' ["NA"] ']).dictionary_encode()
    assert read(texts, TEXTS)[1] == [["a", "b", None], None, [], None, [None]]
    assert read(pa.array(["[9007199254740993, null]"]), NUMBERS)[1] == [[2**53 + 1, None]]


@pytest.mark.parametrize(
    ("text", "schema"),
    [
        ("[1", NUMBERS),
        ('{"a": 1}', NUMBERS),
        ("[1.5]", NUMBERS),
        ("[true]", NUMBERS),
        ("[9223372036854775808]", NUMBERS),
        ('["1"]', NUMBERS),
        ("[1]", TEXTS),
        ('["\\ud800"]', TEXTS),
        ("[" * 100_000, TEXTS),
        ("a", TEXTS),
    ],
)
def test_a_text_that_is_no_such_array_is_named_with_its_row(text, schema):
    with pytest.raises(SchemaError, match=r"column `l` \(kind \w+_list\), got .* in row 3"):
        read(pa.array(["[]", "[]", text]), schema)


@pytest.mark.parametrize("values", [[[1.5]], [{"a": 1}], [7]])
def test_other_types_are_refused(values):
    with pytest.raises(SchemaError, match="column `l`"):
        read(pa.array(values), NUMBERS)


def test_integers_beyond_64_bits_signed_are_refused():
    with pytest.raises(SchemaError, match="int64"):
        read(pa.array([[2**63]], pa.list_(pa.uint64())), NUMBERS)


def test_lists_are_inferred_from_their_elements():
    inferred = from_frame(pa.table({"t": [["a"]], "i": [[1]], "f": [[1.5]], "n": [[["a"]]]}))
    assert [(c.name, c.kind) for c in inferred.schema.columns] == [("t", "string_list"), ("i", "integer_list")]
    assert {name for name in ("f", "n") for note in inferred.notes if f"`{name}`" in note} == {"f", "n"}


def test_csv_carries_lists_as_json(tmp_path):
    path = tmp_path / "l.csv"
    path.write_text('l,n\n"[""a"", ""b""]",1\n,2\n')
    assert read_dataset(path, schema=TEXTS).table["l"].to_pylist() == [["a", "b"], None]
