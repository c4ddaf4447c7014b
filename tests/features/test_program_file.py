"""The file form of a program: exact, canonical, and believed only after every check."""

import json

import pyarrow as pa
import pytest

from mlops_runtime.core.digest import sha256_bytes
from mlops_runtime.core.errors import IntegrityError
from mlops_runtime.data import Column, Schema
from mlops_runtime.features import CategoryFeature, FeatureProgram, FeatureSpec, NumericFeature, fit_program

TABLE = pa.table({"age": [31.5, None, -0.0, 1e-300], "../city": ["Dubai", "Wien", "Dubai", None], "code": [1, 1, 2, 3]})
SCHEMA = Schema((Column("age", "number"), Column("../city", "string"), Column("code", "integer")))


@pytest.fixture
def program():
    spec = FeatureSpec(
        features=(
            NumericFeature(column="age"),
            CategoryFeature(column="../city", min_count=2),
            CategoryFeature(column="code"),
        )
    )
    return fit_program(spec, TABLE, SCHEMA)


def edited(program, change):
    document = json.loads(program.document)
    change(document)
    return {**program.to_files(), "program.json": json.dumps(document).encode()}


def arrow(**columns):
    schema = pa.schema([pa.field(name, array.type, nullable=False) for name, array in columns.items()])
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, schema) as writer:
        writer.write_table(pa.Table.from_arrays(list(columns.values()), schema=schema))
    return sink.getvalue().to_pybytes()


def test_a_program_survives_its_files_bit_for_bit(program):
    read = FeatureProgram.from_files(program.to_files())
    assert read == program
    assert read.dense == program.dense
    assert read.transform(TABLE).dense.tobytes() == program.transform(TABLE).dense.tobytes()
    assert read.transform(TABLE).sparse.tobytes() == program.transform(TABLE).sparse.tobytes()


def test_the_digest_is_the_hash_of_the_document(program):
    assert program.digest == sha256_bytes(program.to_files()["program.json"])


def test_the_digest_does_not_depend_on_how_the_tables_are_encoded(program):
    vocabulary = program.sparse[0].vocabulary
    with pa.ipc.open_file(pa.py_buffer(vocabulary.to_arrow())) as reader:
        table = reader.read_all()
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_table(table, max_chunksize=1)
    files = {**program.to_files(), "tables/000.arrow": sink.getvalue().to_pybytes()}
    assert FeatureProgram.from_files(files).digest == program.digest


def test_column_names_never_become_file_names(program):
    assert sorted(program.to_files()) == ["program.json", "tables/000.arrow", "tables/001.arrow"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.update(format_version=2), "format_version 1, got 2"),
        (lambda d: d.update(surprise=1), "surprise"),
        (lambda d: d.pop("rows"), "rows"),
        (lambda d: d["dense"][0].update(fill="nan"), "finite numbers"),
        (lambda d: d["dense"][0].update(fill="0xzz"), "C99 hex"),
        (lambda d: d["dense"][0].update(scale="0x1p99999"), "C99 hex"),
        (lambda d: d["dense"][0].update(column="nowhere"), "nowhere"),
        (lambda d: d["dense"][0].update(column="../city"), "read numbers"),
        (lambda d: d["dense"][1].update(name="age"), "distinct output names"),
        (lambda d: d["sparse"][0].update(digest="0" * 64), "digest 0000"),
        (lambda d: d["sparse"][0].update(kept=2), "ids 3, 4"),
        (lambda d: d["sparse"][0].update(kept=99), "at most 2 keys"),
        (lambda d: d["sparse"][0].update(dtype="int64"), "int64 keys"),
        (lambda d: d["sparse"][0].update(column="code"), "`code` of kind string"),
        (lambda d: d["schema"].update(trim="no"), "schema"),
        (lambda d: None, "canonical JSON"),  # json.dumps puts spaces between
    ],
)
def test_a_changed_document_is_refused(program, change, message):
    with pytest.raises(IntegrityError, match=message):
        FeatureProgram.from_files(edited(program, change))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"not arrow", "Arrow IPC file"),
        (arrow(keys=pa.array(["a"])), "columns"),
        (
            arrow(keys=pa.array(["a", "a"]), ids=pa.array([3, 1]), counts=pa.array([2, 1])),
            "distinct keys",
        ),
        (arrow(keys=pa.array(["a", "b"]), ids=pa.array([3, 7]), counts=pa.array([2, 1])), "other ids"),
        (arrow(keys=pa.array(["a", "b"]), ids=pa.array([3, 1]), counts=pa.array([2, 1])), "digest"),
    ],
)
def test_a_changed_table_is_refused(program, data, message):
    with pytest.raises(IntegrityError, match=rf"tables/000\.arrow: .*{message}"):
        FeatureProgram.from_files({**program.to_files(), "tables/000.arrow": data})


def test_missing_and_extra_files_are_refused(program):
    files = program.to_files()
    for wrong in ({}, {**files, "tables/999.arrow": b""}, {"program.json": files["program.json"]}):
        with pytest.raises(IntegrityError, match="expected"):
            FeatureProgram.from_files(wrong)


def test_deeply_nested_json_is_refused_and_does_not_crash(program):
    with pytest.raises(IntegrityError, match=r"program\.json"):
        FeatureProgram.from_files({**program.to_files(), "program.json": b"[" * 100_000})


def test_describe_has_one_entry_per_output(program):
    names = [entry["name"] for entry in program.describe()]
    assert names == [*program.dense_names, *program.sparse_names]
    json.dumps(program.describe(), allow_nan=False)
