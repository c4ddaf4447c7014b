"""Parquet and Arrow files: read whole, refused when damaged, unusable columns left out by name."""

import datetime as dt
import random
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlops_runtime.core.errors import DataError, EmptyInputError, SchemaError
from mlops_runtime.data import read_dataset

TABLE = pa.table({"n": [1.5, None, 3.0], "s": [" a", "?", "b"], "i": [2**60, 1, 2]})


def write(table, path):
    if path.suffix == ".parquet":
        pq.write_table(table, path)
    elif path.suffix == ".arrows":
        with pa.ipc.new_stream(path, table.schema) as writer:
            writer.write_table(table)
    else:
        with pa.ipc.new_file(path, table.schema) as writer:
            writer.write_table(table)
    return path


@pytest.mark.parametrize("name", ["t.parquet", "t.arrow", "t.arrows", "t"])
def test_every_format_gives_the_same_table(tmp_path, name):
    dataset = read_dataset(write(TABLE, tmp_path / name))
    assert dataset.table.to_pydict() == {"n": [1.5, None, 3.0], "s": ["a", None, "b"], "i": [2**60, 1, 2]}
    assert [column.kind for column in dataset.schema.columns] == ["number", "string", "integer"]


def test_texts_are_decoded_as_dictionaries_where_these_are_small(tmp_path):
    rows = 100_000
    few, many = [f"{row % 10}" for row in range(rows)], [f"{row * 7919 % 2**31:010}" for row in range(rows)]
    table = pa.table({"few": few, "many": many, "plain": few})
    path = tmp_path / "t.parquet"
    pq.write_table(table, path, use_dictionary=["few", "many"], row_group_size=rows // 2)
    dataset = read_dataset(path)
    decoded = {name: pa.types.is_dictionary(dataset.table[name].type) for name in table.column_names}
    assert decoded == {"few": True, "many": False, "plain": False}
    assert dataset.table.to_pydict() == table.to_pydict()


def test_columns_no_kernel_reads_are_left_out_by_name(tmp_path):
    table = pa.table(
        {
            "d": pa.array([Decimal("1.5")]),
            "l": [[1.5]],
            "st": [{"a": 1}],
            "du": pa.array([dt.timedelta(1)]),
            "by": [b"x"],
            "day": [dt.date(2025, 1, 1)],
        }
    )
    path = write(table, tmp_path / "t.parquet")
    dataset = read_dataset(path)
    assert [(column.name, column.kind) for column in dataset.schema.columns] == [("d", "number"), ("day", "timestamp")]
    for name in ("l", "st", "du", "by"):
        assert any(f"`{name}`" in note and "left out" in note for note in dataset.notes)
    with pytest.raises(SchemaError, match=r"`l`, got type list"):
        read_dataset(path, columns=["l"])


@pytest.mark.parametrize("name", ["t.parquet", "t.arrow"])
def test_a_truncated_file_is_refused(tmp_path, name):
    path = write(TABLE, tmp_path / name)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match=r"truncated or damaged"):
        read_dataset(path)


@pytest.mark.parametrize("name", ["t.parquet", "t.arrow"])
def test_a_flipped_bit_is_read_or_refused_but_never_another_error(tmp_path, name):
    path = write(TABLE, tmp_path / name)
    content = path.read_bytes()
    flips = random.Random(3)
    refusals = []
    for _ in range(200):
        damaged = bytearray(content)
        damaged[flips.randrange(8, len(content))] ^= 1 << flips.randrange(8)
        path.write_bytes(damaged)
        try:
            read_dataset(path)
        except DataError as error:
            refusals.append(str(error))
    assert refusals
    assert all(str(path) in message for message in refusals)


def test_content_that_contradicts_the_extension_is_refused(tmp_path):
    path = tmp_path / "t.parquet"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match="parquet content, as the name says"):
        read_dataset(path)


def test_no_rows_is_an_empty_input(tmp_path):
    with pytest.raises(EmptyInputError, match=r"t\.parquet"):
        read_dataset(write(TABLE.slice(0, 0), tmp_path / "t.parquet"))
