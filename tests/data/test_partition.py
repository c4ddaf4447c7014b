"""Folders that say key=value: columns of their own, typed like CSV, and a way to leave files out."""

import datetime as dt

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlops_runtime.core.errors import ConfigError, DataError, EmptyInputError, SchemaError
from mlops_runtime.data import Column, Schema, open_source, read_dataset
from mlops_runtime.data.partition import partition_of


@pytest.fixture
def write(tmp_path):
    def write_all(files):
        for name, values in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(pa.table(values), path)
        return tmp_path

    return write_all


def kinds(source):
    return {column.name: column.kind for column in source.schema.columns}


def test_folders_become_columns_with_kinds_of_their_own(write):
    folder = write(
        {
            "year=2024/day=2024-12-31/city=Abu%20Dhabi/share=0.5/code=01/a.parquet": {"x": [1, 2]},
            "year=2025/day=2025-01-01/city=__HIVE_DEFAULT_PARTITION__/share=1/code=12/b.parquet": {"x": [3]},
        }
    )
    source = open_source(folder)
    assert kinds(source) == {
        "x": "number",
        "year": "number",
        "day": "timestamp",
        "city": "string",
        "share": "number",
        "code": "string",
    }
    table = source.read().table
    assert table["year"].to_pylist() == [2024, 2024, 2025]
    assert table["city"].to_pylist() == ["Abu Dhabi", "Abu Dhabi", None]
    assert table["share"].to_pylist() == [0.5, 0.5, 1.0]
    assert table["code"].to_pylist() == ["01", "01", "12"]
    assert table["day"][0].as_py() == dt.datetime(2024, 12, 31, tzinfo=dt.UTC)
    streamed = pa.concat_tables([batch.table for batch in source.batches()])
    assert streamed.to_pydict() == table.to_pydict()


def test_partition_values_are_part_of_the_identity_and_names_are_not(write, tmp_path):
    write({"one/k=1/a.parquet": {"x": [1]}, "two/k=2/a.parquet": {"x": [1]}, "three/k=1/z.parquet": {"x": [1]}})
    one, two, three = (open_source(tmp_path / name).manifest() for name in ("one", "two", "three"))
    assert one.digest == three.digest != two.digest
    assert one.files[0].partition == {"k": "1"}


def test_a_missing_partition_value_is_part_of_the_identity(write):
    folder = write({"k=__HIVE_DEFAULT_PARTITION__/a.parquet": {"x": [1]}})
    manifest = open_source(folder).manifest()
    assert manifest.files[0].partition == {"k": None}
    assert manifest.digest


def test_a_schema_decides_what_a_key_is(write):
    folder = write({"k=1/a.parquet": {"x": [1]}, "k=02/a.parquet": {"x": [2]}})
    assert read_dataset(folder).table["k"].to_pylist() == ["02", "1"]
    schema = Schema((Column("k", "number"), Column("x", "number")))
    assert read_dataset(folder, schema=schema).table.to_pydict() == {"k": [2, 1], "x": [2, 1]}


def test_a_key_hides_a_column_of_its_name_with_a_note(write):
    folder = write({"k=1/a.parquet": {"x": [1], "k": ["from the file"]}})
    dataset = read_dataset(folder)
    assert dataset.table["k"].to_pylist() == [1]
    assert any("`k` is read from the files' paths" in note for note in dataset.notes)


def test_files_ruled_out_by_their_path_are_no_part_of_the_data_set(write):
    folder = write({f"k={k}/a.parquet": {"x": [k]} for k in range(4)} | {"k=9/b.parquet": {"x": [9]}})
    (folder / "k=9" / "b.parquet").write_bytes(b"PAR1 damaged")
    source = open_source(folder, filters=[("k", ">=", 2), ("k", "<", 9)])
    assert source.files == ("k=2/a.parquet", "k=3/a.parquet")
    assert [batch.first_row for batch in source.batches()] == [0, 1]
    assert source.read().table["x"].to_pylist() == [2, 3]
    with pytest.raises(EmptyInputError, match="none of 5 files"):
        open_source(folder, filters=[("k", "==", 7)])


def test_partitions_can_be_let_alone(write):
    folder = write({"k=1/a.parquet": {"x": [1]}})
    assert open_source(folder, partitioning=None).schema.names == ("x",)


def test_columns_may_be_keys_alone(write):
    folder = write({"k=1/a.parquet": {"x": [1, 1]}, "k=2/b.parquet": {"x": [1]}})
    (folder / "k=3").mkdir()
    (folder / "k=3" / "c.csv").write_text("x\n1\n\n2\n")
    source = open_source(folder, columns=["k"])
    assert source.read().table["k"].to_pylist() == [1, 1, 2, 3, 3]
    assert [k for batch in source.batches() for k in batch.table["k"].to_pylist()] == [1, 1, 2, 3, 3]


def test_a_key_that_occurs_twice_is_refused():
    with pytest.raises(DataError, match="`k` more than once"):
        partition_of("k=1/k=2/a.csv")


def test_filters_are_checked_against_kinds(write):
    folder = write({"k=1/a.parquet": {"x": [1]}})
    for filters, message in [
        ([("k", "~", 1)], "one of ==, !="),
        ([("k", "==", "one")], "kind number"),
        ([("k", "in", "12")], "a collection of values"),
        ([("x", "==", float("nan"))], "kind number"),
    ]:
        with pytest.raises(ConfigError, match=message):
            read_dataset(folder, filters=filters)
    with pytest.raises(SchemaError, match="`nope`"):
        read_dataset(folder, filters=[("nope", "==", 1)])
