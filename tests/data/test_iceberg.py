"""Iceberg tables: the rows of a snapshot, columns by their field ids, nothing that the table has removed."""

import json
import shutil
import sys
from pathlib import Path

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.manifest import DataFile, DataFileContent, FileFormat
from pyiceberg.transforms import IdentityTransform
from pyiceberg.types import DoubleType

from mlops_runtime.cli.main import run
from mlops_runtime.core.errors import ConfigError, DataError, EmptyInputError
from mlops_runtime.data import open_source, read_dataset


def rows(source):
    """All rows, in no order: a table has none."""
    table = source.read().table
    streamed = pa.concat_tables([batch.table for batch in source.batches()])
    assert streamed.to_pylist() == table.to_pylist()
    return sorted(table.to_pylist(), key=repr)


@pytest.fixture
def iceberg(tmp_path):
    """Three snapshots: written, extended by rows with a new column, one row deleted; then a column renamed."""
    catalog = SqlCatalog("test", uri=f"sqlite:///{tmp_path}/catalog.db", warehouse=f"file://{tmp_path}/warehouse")
    catalog.create_namespace("n")
    table = catalog.create_table("n.t", schema=pa.schema([("x", pa.int64()), ("k", pa.string())]))
    with table.update_spec() as spec:
        spec.add_field("k", IdentityTransform(), "k")
    table.append(pa.table({"x": [1, 2, 3], "k": ["01", "01", "b"]}))
    with table.update_schema() as schema:
        schema.add_column("y", DoubleType())
    table.append(pa.table({"x": [5], "k": ["z"], "y": [0.5]}))
    table.delete("x == 1")
    with table.update_schema() as schema:
        schema.rename_column("x", "renamed")
    yield table
    catalog.close()


def test_an_iceberg_table_is_read_as_its_metadata_says(iceberg):
    source = open_source(iceberg.metadata_location)
    assert len(source.files) == 3
    assert rows(source) == sorted(iceberg.scan().to_arrow().select(source.schema.names).to_pylist(), key=repr)
    assert source.schema.names == ("renamed", "k", "y")
    assert rows(open_source(iceberg.metadata_location.removeprefix("file://"))) == rows(source)


def test_each_snapshot_of_an_iceberg_table_can_be_read_again(iceberg):
    for snapshot in iceberg.snapshots():
        source = open_source(iceberg.metadata_location, version=snapshot.snapshot_id)
        there = iceberg.scan(snapshot_id=snapshot.snapshot_id).to_arrow()
        assert rows(source) == sorted(there.select(source.schema.names).to_pylist(), key=repr)
        assert source.manifest().table.version == str(snapshot.snapshot_id)
    with pytest.raises(ConfigError, match=f"its last snapshots are .*{snapshot.snapshot_id}"):
        open_source(iceberg.metadata_location, version=7)


def test_a_column_dropped_from_an_iceberg_table_is_gone_and_its_name_is_free(iceberg):
    with iceberg.update_schema() as schema:
        schema.delete_column("y")
    with iceberg.update_schema() as schema:
        schema.add_column("y", DoubleType())
    source = open_source(iceberg.metadata_location)
    assert source.schema.names == ("renamed", "k")
    assert any("`y` of the table is in none" in note for note in source.notes)


def test_row_groups_of_an_iceberg_table_are_pruned_by_their_new_names(iceberg):
    source = open_source(iceberg.metadata_location, filters=[("renamed", ">", 2), ("k", "==", "b")])
    assert source.row_groups_skipped == 2
    assert rows(source) == [{"renamed": 3, "k": "b", "y": None}]


def test_an_iceberg_tables_folder_is_not_read_past_its_metadata(iceberg):
    folder = Path(iceberg.location().removeprefix("file://"))
    for inside in (
        folder,
        f"{folder}/**/*.parquet",
        folder.parent,
        folder / "data",
        f"{folder}/data/k=01/*",
        f"{folder}/data/*/*",
    ):
        with pytest.raises(ConfigError, match="files of the Delta or Iceberg table"):
            open_source(inside)


@pytest.mark.parametrize("content", [DataFileContent.POSITION_DELETES, DataFileContent.EQUALITY_DELETES])
def test_delete_files_of_an_iceberg_table_are_refused(iceberg, tmp_path, content):
    (file, *_) = (task.file for task in iceberg.scan().plan_files())
    schema = pa.schema(
        [
            pa.field("file_path", pa.string(), metadata={"PARQUET:field_id": "2147483546"}),
            pa.field("pos", pa.int64(), metadata={"PARQUET:field_id": "2147483545"}),
        ]
    )
    deletes = tmp_path / "deletes.parquet"
    pq.write_table(pa.table({"file_path": [file.file_path], "pos": [0]}, schema), deletes)
    facts = {
        "content": content,
        "file_path": f"file://{deletes}",
        "file_format": FileFormat.PARQUET,
        "partition": file.partition,
        "record_count": 1,
        "file_size_in_bytes": deletes.stat().st_size,
        "equality_ids": [1],
    }
    delete = DataFile.from_args(**facts)
    delete.spec_id = file.spec_id
    with iceberg.transaction() as change, change.update_snapshot().fast_append() as append:
        append.append_data_file(delete)
    with pytest.raises(DataError, match=r"delete files, which hide rows of|equality deletes"):
        open_source(iceberg.metadata_location)


def test_a_partition_may_have_any_characters(iceberg):
    iceberg.append(pa.table({"renamed": [7], "k": ["a b/%=é"], "y": [None]}, iceberg.schema().as_arrow()))
    assert {"renamed": 7, "k": "a b/%=é", "y": None} in rows(open_source(iceberg.metadata_location))


def test_an_iceberg_table_may_be_named_relatively_and_through_any_file_system(iceberg, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = Path(iceberg.metadata_location.removeprefix("file://")).relative_to(tmp_path)
    assert rows(open_source(path)) == rows(open_source(iceberg.metadata_location))
    local = fsspec.filesystem("file")
    assert rows(open_source(str(tmp_path / path), filesystem=local)) == rows(open_source(path))


def test_an_added_file_without_field_ids_is_refused(iceberg, tmp_path):
    pq.write_table(pa.table({"renamed": [8], "k": ["01"], "y": [0.5]}), tmp_path / "added.parquet")
    iceberg.add_files([f"file://{tmp_path}/added.parquet"])
    with pytest.raises(DataError, match=r"added\.parquet.* got no field ids"):
        open_source(iceberg.metadata_location)


def test_damaged_metadata_is_an_error_with_its_place(iceberg, tmp_path):
    path = Path(iceberg.metadata_location.removeprefix("file://"))
    manifests = [file for file in path.parent.iterdir() if file.suffix == ".avro"]
    for damaged in (path, *manifests):
        copy = tmp_path / "kept"
        shutil.copy(damaged, copy)
        damaged.write_bytes(copy.read_bytes()[:200])
        if damaged == path:
            with pytest.raises(DataError, match=r"metadata\.json.*metadata of an Iceberg table"):
                open_source(path)
        shutil.copy(copy, damaged)
    for damaged in manifests:
        damaged.write_bytes(b"Obj")
    with pytest.raises(DataError, match="metadata of an Iceberg table"):
        open_source(path)
    path.unlink()
    with pytest.raises(DataError, match="metadata of an Iceberg table"):
        read_dataset(path)


def test_an_iceberg_table_without_rows_is_an_empty_input(iceberg):
    iceberg.delete()
    with pytest.raises(EmptyInputError, match="no file in version"):
        open_source(iceberg.metadata_location)


def test_the_command_line_reads_a_snapshot_of_an_iceberg_table(iceberg, capsys):
    first = str(iceberg.snapshots()[0].snapshot_id)
    assert run(["data", "inspect", iceberg.metadata_location, "--version", first, "--json"]) == 0
    manifest = json.loads(capsys.readouterr().out)["manifest"]
    assert (manifest["rows"], manifest["table"]["version"]) == (3, first)


def test_without_its_library_an_iceberg_table_is_refused_with_what_to_install(iceberg, monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] == "pyiceberg"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "pyiceberg", None)
    with pytest.raises(ConfigError, match=r"pip install 'mlops_runtime\[lake\]'"):
        open_source(iceberg.metadata_location)
