"""Delta tables: the rows of a version, never those of files that the table has removed."""

import datetime as dt
import decimal
import json
import subprocess
import sys

import pyarrow as pa
import pyarrow.fs as pafs
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable, write_deltalake

from mlops_runtime.cli.main import run
from mlops_runtime.core.errors import ConfigError, DataError, EmptyInputError
from mlops_runtime.data import Column, Schema, open_source, read_dataset
from mlops_runtime.data.dataset_manifest import DatasetManifest


def rows(source):
    """All rows, in no order: a table has none."""
    table = source.read().table
    streamed = pa.concat_tables([batch.table for batch in source.batches()])
    assert streamed.to_pylist() == table.to_pylist()
    return sorted(table.to_pylist(), key=repr)


@pytest.fixture
def delta(tmp_path):
    """Three versions: written, extended by rows with a new column, and one row deleted."""
    path = tmp_path / "delta"
    write_deltalake(path, pa.table({"x": [1, 2, 3], "k": ["01", "01", "b c/%"]}), partition_by=["k"])
    added = pa.table({"x": [4], "k": pa.array([None], pa.string()), "y": [1.5]})
    write_deltalake(path, added, mode="append", schema_mode="merge")
    DeltaTable(path).delete("x = 1")
    return path


@pytest.mark.parametrize("suffix", ["", "/"])
def test_a_delta_table_is_read_as_its_log_says(delta, suffix):
    source = open_source(f"{delta}{suffix}")
    assert len(list(delta.rglob("*.parquet"))) == 4
    assert len(source.files) == 3
    assert rows(source) == rows_of(DeltaTable(delta))
    assert {column.name: column.kind for column in source.schema.columns}["k"] == "string"


def rows_of(table):
    whole = pa.table(table.to_pyarrow_table())
    return sorted(whole.select(["x", *([] if "y" not in whole.column_names else ["y"]), "k"]).to_pylist(), key=repr)


@pytest.mark.parametrize("version", [0, 1, 2])
def test_each_version_of_a_delta_table_can_be_read_again(delta, version):
    assert rows(open_source(delta, version=version)) == rows_of(DeltaTable(delta, version=version))


def test_an_overwritten_delta_table_has_the_new_rows_alone(delta):
    write_deltalake(delta, pa.table({"z": [9.0], "k": ["q"]}), mode="overwrite", schema_mode="overwrite")
    assert rows(open_source(delta)) == [{"z": 9.0, "k": "q"}]
    assert len(rows(open_source(delta, version=1))) == 4


def test_partitions_of_a_delta_table_are_pruned(delta):
    source = open_source(delta, columns=["x", "k"], filters=[("k", "==", "01")])
    assert len(source.files) == 1
    assert rows(source) == [{"x": 2, "k": "01"}]


def test_partitions_of_a_delta_table_have_the_kinds_that_it_says(tmp_path):
    columns = {
        "whole": pa.array([7, 8]),
        "wide": pa.array([2**60 + 1, None]),
        "flag": pa.array([True, None]),
        "day": pa.array([dt.date(2025, 1, 2), dt.date(1969, 12, 31)]),
        "time": pa.array([dt.datetime(2025, 1, 2, 3, 4, 5, 6, dt.UTC)] * 2, pa.timestamp("us", "UTC")),
        "share": pa.array([0.1, 1e22]),
        "money": pa.array([decimal.Decimal("1.50"), None], pa.decimal128(8, 2)),
        "code": pa.array(["01/=%", "1"]),
    }
    table = pa.table({"x": [1, 2], **columns})
    write_deltalake(tmp_path / "t", table, partition_by=list(columns))
    source = open_source(tmp_path / "t")
    kinds = {column.name: column.kind for column in source.schema.columns}
    assert [kinds[name] for name in columns] == [
        *("number", "integer", "number", "timestamp", "timestamp", "number", "number", "string")
    ]
    found = sorted(rows(source), key=lambda row: row["x"])
    wanted = sorted(read_plain(table, tmp_path / "plain.parquet"), key=lambda row: row["x"])
    assert found == wanted


def read_plain(table, path):
    pq.write_table(table, path)
    return read_dataset(path).table.to_pylist()


def test_a_schema_says_what_a_partition_is_against_the_table(tmp_path):
    write_deltalake(tmp_path / "t", pa.table({"x": [1, 2], "k": ["01", "2"]}), partition_by=["k"])
    assert rows(open_source(tmp_path / "t")) == [{"x": 1, "k": "01"}, {"x": 2, "k": "2"}]
    schema = Schema((Column("x", "number"), Column("k", "number")))
    assert rows(open_source(tmp_path / "t", schema=schema, filters=[("k", "==", 1)])) == [{"x": 1, "k": 1}]


def test_a_delta_table_stands_in_the_manifest_with_its_version(delta, tmp_path):
    table = DeltaTable(delta)
    seen = DatasetManifest.of(open_source(delta))
    assert seen.manifest.table.to_dict() == {"format": "delta", "id": str(table.metadata().id), "version": "2"}
    seen.save(tmp_path / "m.json")
    assert DatasetManifest.load(tmp_path / "m.json") == seen
    table.optimize.compact()
    compacted = open_source(delta).manifest()
    assert compacted.table.version == "2"  # nothing to compact: one file in each partition


def test_a_column_without_values_is_noted_or_missing_where_it_is_not(delta):
    source = open_source(delta, version=1, filters=[("k", "==", "01")])
    assert source.schema.names == ("x", "k")
    assert any("`y` of the table is in none of its files" in note for note in source.notes)


@pytest.mark.parametrize(
    "inside",
    ["delta/k=01", "delta/*/*.parquet", "delta/**/*.parquet", "delta/k=*/*.parquet", "delta/k=01/*", "*/k=01/*", "."],
)
def test_files_within_a_delta_table_are_not_read_past_its_log(delta, inside):
    with pytest.raises(ConfigError, match=r"files of the Delta or Iceberg table at \S+delta"):
        open_source(f"{delta.parent}/{inside}")


def test_files_of_a_table_without_partitions_are_not_read_past_its_log(tmp_path):
    write_deltalake(tmp_path / "flat", pa.table({"x": [1]}))
    with pytest.raises(ConfigError, match="name the table alone"):
        open_source(f"{tmp_path}/flat/*.parquet")


def test_several_tables_are_not_one_data_set(delta, tmp_path):
    with pytest.raises(ConfigError, match="name the table alone"):
        open_source([delta, delta])
    with pytest.raises(ConfigError, match="several paths"):
        open_source([delta, delta], version=1)
    pq.write_table(pa.table({"x": [1]}), tmp_path / "t.parquet")
    with pytest.raises(ConfigError, match="got data files"):
        open_source(tmp_path / "t.parquet", version=1)


def test_a_version_that_is_not_there_is_refused(delta):
    with pytest.raises(ConfigError, match="a Delta table that has version 7"):
        open_source(delta, version=7)
    with pytest.raises(ConfigError, match="a Delta table that has version -1"):
        open_source(delta, version=-1)


def test_a_file_that_was_vacuumed_is_named(delta):
    name = open_source(delta).files[0]
    (delta / name).unlink()
    with pytest.raises(DataError, match=r"all 3 files of this version of the table, got none at \S+\.parquet"):
        open_source(delta)


def commit(path, version, *actions):
    name = f"{version:020}.json"
    (path / "_delta_log" / name).write_text("\n".join(map(json.dumps, actions)))


def protocol(*features):
    return {
        "protocol": {
            "minReaderVersion": 3,
            "minWriterVersion": 7,
            "readerFeatures": list(features),
            "writerFeatures": list(features),
        }
    }


@pytest.mark.parametrize("beneath", [False, True])
@pytest.mark.parametrize("storage", ["i", "u"])
def test_a_deletion_vector_is_refused(delta, storage, beneath):
    """An inline vector that deletes the rows 3, 4, 7, 11, 18 and 29: the example of the specification."""
    (log,) = (delta / "_delta_log").glob("*00.json")
    add = next(entry["add"] for entry in map(json.loads, log.read_text().splitlines()) if "add" in entry)
    vector = {
        "storageType": "i",
        "pathOrInlineDv": "wi5b=000010000siXQKl0rr91000f55c8Xg0@@D72lkbi5=-{L",
        "sizeInBytes": 40,
        "cardinality": 6,
    }
    if storage == "u":  # in a file of its own, which is not beside the log
        vector |= {"storageType": "u", "pathOrInlineDv": "ab^-aqEH.-t@S}K{vb[*k^", "offset": 4}
    commit(delta, 3, protocol("deletionVectors"), {"add": add | {"deletionVector": vector}})
    system = pafs.SubTreeFileSystem(str(delta.parent), pafs.LocalFileSystem())
    with pytest.raises(DataError, match=r"got deletion vectors, which hide some of them"):
        open_source("delta", filesystem=system) if beneath else open_source(delta)
    assert len(rows(open_source(delta, version=2))) == 3


def test_mapped_columns_are_refused(delta):
    (log,) = (delta / "_delta_log").glob("*00.json")
    metadata = next(entry for entry in map(json.loads, log.read_text().splitlines()) if "metaData" in entry)
    metadata["metaData"]["configuration"] = {"delta.columnMapping.mode": "name"}
    commit(delta, 3, protocol("columnMapping"), metadata)
    with pytest.raises((DataError, ConfigError), match="mapp"):
        open_source(delta)


def test_a_damaged_log_is_an_error_with_the_table(delta):
    commit(delta, 3, "nonsense")
    with pytest.raises((DataError, ConfigError), match=str(delta)):
        open_source(delta)


def test_a_delta_table_is_read_through_any_file_system(delta):
    beneath = pafs.SubTreeFileSystem(str(delta.parent), pafs.LocalFileSystem())
    source = open_source("delta", filesystem=beneath, version=1)
    assert rows(source) == rows_of(DeltaTable(delta, version=1))
    assert source.manifest() == open_source(delta, version=1).manifest()


def test_a_delta_table_without_rows_is_an_empty_input(delta):
    DeltaTable(delta).delete()
    with pytest.raises(EmptyInputError, match="no file in version 3"):
        open_source(delta)


def test_the_command_line_reads_a_version_of_a_delta_table(delta, capsys):
    assert run(["data", "inspect", str(delta), "--version", "0", "--json"]) == 0
    manifest = json.loads(capsys.readouterr().out)["manifest"]
    assert (manifest["rows"], manifest["table"]["version"]) == (3, "0")
    assert run(["data", "inspect", str(delta)]) == 0
    assert "delta table " in capsys.readouterr().out


def test_without_its_library_a_delta_table_is_refused_with_what_to_install(delta, monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] == "deltalake"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "deltalake", None)
    with pytest.raises(ConfigError, match=r"pip install 'mlops_runtime\[lake\]'"):
        open_source(delta)


def test_bare_files_are_read_without_the_libraries_of_tables(tmp_path):
    pq.write_table(pa.table({"x": [1]}), tmp_path / "t.parquet")
    code = (
        "import sys; from mlops_runtime.data import open_source; open_source(sys.argv[1]).read()\n"
        "print(sorted({'deltalake', 'pyiceberg', 'fsspec'} & sys.modules.keys()))"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "[]\n"
