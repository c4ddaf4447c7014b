"""CSV files as they really are: quirks are read as meant, damage is named with its place."""

import codecs
import os
import random

import pyarrow as pa
import pytest

from mlops_runtime.core.errors import ConfigError, DataError, EmptyInputError, SchemaError
from mlops_runtime.data import Column, Schema, read_dataset


@pytest.fixture
def read(tmp_path):
    def read_text(content, **options):
        path = tmp_path / "input.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_dataset(path, **options)

    return read_text


def kinds(dataset):
    return {column.name: column.kind for column in dataset.schema.columns}


def test_spaces_after_commas_belong_to_no_value(read):
    dataset = read("age, job\n 39, clerk\n 50, ?\n NA,clerk \n")
    assert kinds(dataset) == {"age": "number", "job": "string"}
    assert dataset.table.to_pydict() == {"age": [39, 50, None], "job": ["clerk", None, "clerk"]}


def test_odd_spaces_do_not_turn_numbers_into_texts(read):
    assert read("a,b\n  NA,1\n   5 ,2\n").table["a"].to_pylist() == [None, 5.0]


def test_texts_are_decoded_as_dictionaries(read):
    assert pa.types.is_dictionary(read("a\nx\ny\nx\n").table["a"].type)


def test_texts_that_hardly_repeat_are_decoded_plainly(read):
    rows = "".join(f"{number:08x}-{number}z\n" for number in range(100_000))
    assert read(f"a\n{rows}").table["a"].type == pa.utf8()


def test_a_byte_order_mark_is_no_part_of_the_first_name(read):
    assert read(codecs.BOM_UTF8 + b"a,b\n1,2\n").schema.names == ("a", "b")


def test_a_column_without_a_name_gets_one_and_a_note(read):
    dataset = read("a,,c\n1,2,3\n")
    assert dataset.schema.names == ("a", "column_2", "c")
    assert any("column 2 has no name" in note for note in dataset.notes)


def test_duplicate_names_are_named(read):
    with pytest.raises(SchemaError, match=r"header: .*`a` more than once"):
        read("a,b,a\n1,2,3\n")


@pytest.mark.parametrize(("delimiter", "word"), [(";", "semicolons"), ("\t", "tabs"), ("|", "vertical bars")])
def test_other_delimiters_are_found_with_a_note(read, delimiter, word):
    dataset = read(f"a{delimiter}b\n1{delimiter}x,y\n2{delimiter}z\n")
    assert dataset.table.to_pydict() == {"a": [1, 2], "b": ["x,y", "z"]}
    assert any(word in note for note in dataset.notes)


def test_a_decimal_comma_is_read_with_a_note(read):
    dataset = read("a;b\n1,5;x\n2,25;y\n")
    assert dataset.table["a"].to_pylist() == [1.5, 2.25]
    assert any("decimal comma" in note for note in dataset.notes)


@pytest.mark.parametrize("written", ["01", '"01"', " 01"])
def test_digits_with_leading_zeros_are_codes_and_stay_texts(read, written):
    dataset = read(f"code,x\n1,0\n?,0.5\n{written},1\n")
    assert dataset.table.to_pydict() == {"code": ["1", None, "01"], "x": [0.0, 0.5, 1.0]}
    assert dataset.notes == ("column `code` has numbers with leading zeros: read as text",)


def test_a_schema_that_calls_codes_numbers_is_followed(read):
    schema = Schema((Column("code", "number"),))
    assert read("code\n1\n01\n", schema=schema).table["code"].to_pylist() == [1, 1]


@pytest.mark.parametrize("cell", ["0.5", "05:30", "01/02/2024", "-01", "0", "00.5"])
def test_only_digits_alone_make_a_code(read, cell):
    assert not any("leading zeros" in note for note in read(f"a,b\n{cell},1\n1,2\n").notes)


def test_a_quoted_value_may_span_lines(read):
    assert read('a,b\n1,"x\ny"\n2,"say ""z"""\n').table["b"].to_pylist() == ["x\ny", 'say "z"']


def test_numbers_followed_much_later_by_a_text_are_text_throughout(read):
    dataset = read("a,b\n" + "1,7.50\n" * 2_000_000 + "2,x\n")
    assert kinds(dataset) == {"a": "number", "b": "string"}
    assert dataset.table["b"][0].as_py() == "7.50"
    assert any("mostly numbers" in note and "'x'" in note for note in dataset.notes)


def test_integers_that_a_float_cannot_hold_keep_their_digits(read):
    dataset = read("id,n\n9007199254740993,1\n7,2\n")
    assert dataset.schema.column("id") == Column("id", "integer", nullable=False)
    assert dataset.table["id"].to_pylist() == [2**53 + 1, 7]


def test_booleans_dates_and_times_have_their_kinds(read):
    dataset = read(
        "b,d,t,u\ntrue,2025-01-31,2025-01-31T10:00:00Z,07:30\nfalse,2025-02-01,2025-02-01 11:30:00+04,08:15\n"
    )
    assert kinds(dataset) == {"b": "number", "d": "timestamp", "t": "timestamp", "u": "string"}
    assert dataset.table["u"].to_pylist() == ["07:30", "08:15"]


def test_a_time_without_zone_is_read_as_utc_with_a_note(read):
    dataset = read("t\n2025-01-31 10:00:00\n2025-01-31 11:00:00\n")
    assert dataset.table.schema.field("t").type == pa.timestamp("us", "UTC")
    assert any("read as UTC" in note for note in dataset.notes)


def test_a_column_without_any_value_is_noted(read):
    dataset = read("a,b\n,1\n?,2\n")
    assert dataset.table["a"].null_count == 2
    assert any("`a` is missing in every row" in note for note in dataset.notes)


def test_a_header_longer_than_any_sample_is_read_whole(read):
    width = 30_000
    dataset = read(",".join(f"a_long_name_{i}" for i in range(width)) + "\n" + ",".join("1" * width) + "\n")
    assert len(dataset.schema.columns) == width


def test_a_header_of_numbers_is_noted(read):
    assert any("header is missing" in note for note in read("1,2\n3,4\n").notes)


def test_a_schema_decides_what_a_column_is(read):
    schema = Schema((Column("code", "string"), Column("n", "number")))
    dataset = read("n,code,target\n1,007,yes\n2,8,no\n", schema=schema)
    assert dataset.table.to_pydict() == {"code": ["007", "8"], "n": [1, 2]}


def test_columns_that_the_schema_lacks_are_inferred_when_asked_for(read):
    schema = Schema((Column("code", "string"),))
    dataset = read("n,code,target\n1,007,yes\n", schema=schema, columns=["code", "target"])
    assert dataset.table.to_pydict() == {"code": ["007"], "target": ["yes"]}


def test_an_unknown_column_is_refused(read):
    with pytest.raises(SchemaError, match="`nope`"):
        read("a\n1\n", columns=["nope"])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a,b\n1,2\n3,4,5\n6,7\n", r"expected 2 fields in every row, got 3 in line 3"),
        ('a,b\n1,"x\ny"\n3\n', r"expected 2 fields in every row, got 1 in line 4"),
        (b"a,b\n1,x\n2,\xff\xfe\n", r"byte 0xff at offset 10 \(line 3\)"),
        (b"a\n" + b"ok\n" * 200_000 + b"\xe9\n", r"byte 0xe9 at offset 600002 \(line 200002\)"),
        (b"a,b\n1,x\n2,\x00\n", r"NUL byte at offset 10 \(line 3\)"),
        (b"\x1f\x8b\x08\x00rest", "gzip"),
        (b"PK\x03\x04rest", "ZIP or Excel"),
        ('a,b\n1,2\n3,"x\n4,y\n5,z\n', r"got none for the quote in line 3"),
        ('a,b\n1,"x\ny"\n3,"z\n' + "4,y\n" * 100_000, r"got none for the quote in line 4"),
        ('a,b\n1,2\n3,"x\n4,"y"\n5,z\n', r"got none for the quote in line 3"),
        ("a,b\n1,2\n".encode("utf-16"), "UTF-16"),
    ],
)
def test_damage_is_named_with_its_place(read, content, message):
    with pytest.raises(DataError, match=message):
        read(content)


@pytest.mark.parametrize("content", ["", "a,b\n", "a,b", "\n\n"])
def test_a_file_without_rows_is_an_empty_input(read, content):
    with pytest.raises(EmptyInputError, match=r"input\.csv"):
        read(content)


def test_a_path_that_cannot_be_opened_is_a_config_error(tmp_path):
    with pytest.raises(ConfigError, match="no such file"):
        read_dataset(tmp_path / "absent.csv")
    with pytest.raises(EmptyInputError, match="expected data files, got none"):
        read_dataset(tmp_path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become a user without rights and return")
def test_a_file_this_user_may_not_read_is_a_config_error(tmp_path):
    path = tmp_path / "secret.csv"
    path.write_text("a\n1\n")
    path.chmod(0o600)
    os.seteuid(65534)
    try:
        with pytest.raises(ConfigError, match="permission denied"):
            read_dataset(path)
    finally:
        os.seteuid(0)


def test_random_bytes_never_escape_as_another_error(read):
    random_bytes = random.Random(1)
    refusals = []
    for _ in range(300):
        content = bytes(
            random_bytes.choice(b'a1,;\t"\n\r .\x80\xc3\xbf?-') for _ in range(random_bytes.randrange(1, 80))
        )
        try:
            read(content)
        except DataError as error:
            refusals.append(str(error))
    assert 0 < len(refusals) < 300
    assert all("input.csv" in message for message in refusals)


def test_adult_is_read_as_published(shared_data):
    dataset = read_dataset(shared_data / "adult" / "train.csv")
    assert dataset.manifest.rows == dataset.table.num_rows == 32_561
    assert kinds(dataset)["fnlwgt"] == "number"
    assert dataset.table["workclass"].null_count == 1_836
    assert set(dataset.table["income"].unique().to_pylist()) == {"<=50K", ">50K"}
