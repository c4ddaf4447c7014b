"""The file form of a program: exact, canonical, and believed only after every check."""

import json

import numpy as np
import pyarrow as pa
import pytest

from mlops_runtime.core.digest import canonical_json, sha256_bytes
from mlops_runtime.core.errors import IntegrityError
from mlops_runtime.data import Column, Schema
from mlops_runtime.features import FeatureProgram
from mlops_runtime.features.encoders import Bag, ExpressionIds, HashBuckets, HashIds, VocabularyIds
from mlops_runtime.features.expression import Arithmetic, ColumnValue, Expression, Step, VocabularyId
from mlops_runtime.features.outputs import BagOutput, DenseCounts, DenseOutput, SparseOutput
from mlops_runtime.features.vocabulary import FittedVocabulary

SCHEMA = Schema(
    (
        Column("age", "number"),
        Column("../city", "string"),
        Column("code", "integer"),
        Column("seen", "timestamp"),
        Column("tags", "string_list"),
    )
)
CITIES = FittedVocabulary(pa.array(["Dubai", "Wien"]), np.array([2, 1]), 1)
CODES = FittedVocabulary(pa.array([1, 2, 3]), np.array([2, 1, 1]), 3)
TAGS = FittedVocabulary(pa.array(["new", "used"]), np.array([7, 7]), 2)
SHARES = Step("table", [0.25, 0.25, np.nan, 0.5])
RANKS = Step("interpolate", [*range(10), *np.linspace(-1.0, 1.0, 10)])


def dense(name, source, *steps):
    return DenseOutput(name, Expression(source, steps), 1)


@pytest.fixture
def program():
    age = ColumnValue("age")
    words = Bag("../city", "words", 1, 2, True, HashBuckets(4, 9))
    tags = Bag("tags", "list", 1, 1, False, TAGS)
    return FeatureProgram(
        schema=SCHEMA,
        dense=(
            dense("age", age, Step("impute", [31.5]), Step("affine", [-0.0, 0.1])),
            dense("age:missing", age, Step("is_missing")),
            dense("ranked", age, RANKS),
            dense("ranked twice", Arithmetic("multiply", "age", "code"), RANKS),
            dense("share", VocabularyId("../city", CITIES), SHARES),
            DenseCounts("words", ("w1", "w2"), words, 1, True),
            dense("month", ColumnValue("seen"), Step("date_month")),
        ),
        sparse=(
            SparseOutput("city", VocabularyIds("../city", CITIES), 1),
            SparseOutput("code", VocabularyIds("code", CODES), 0),
            SparseOutput("both", HashIds(("../city", "code"), 100, 2**53 - 1), 0),
            SparseOutput("decade", ExpressionIds(Expression(age, (Step("bucket", [10.0, 20.0]),)), 4), 1),
        ),
        bags=(BagOutput("tags", tags),),
        rows=4,
    )


def edited(program, change):
    document = json.loads(program.document)
    change(document)
    return {**program.to_files(), "program.json": canonical_json(document)}


def arrow(**columns):
    schema = pa.schema([pa.field(name, array.type, nullable=False) for name, array in columns.items()])
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, schema) as writer:
        writer.write_table(pa.Table.from_arrays(list(columns.values()), schema=schema))
    return sink.getvalue().to_pybytes()


def encoded_differently(data):
    with pa.ipc.open_file(pa.py_buffer(data)) as reader:
        table = reader.read_all()
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_table(table, max_chunksize=1)
    return sink.getvalue().to_pybytes()


def test_a_program_survives_its_files_bit_for_bit(program):
    read = FeatureProgram.from_files(program.to_files())
    assert read == program
    assert (read.dense, read.sparse, read.bags) == (program.dense, program.sparse, program.bags)
    assert (read.schema, read.rows) == (program.schema, program.rows)


def test_the_digest_is_the_hash_of_the_document(program):
    assert program.digest == sha256_bytes(program.to_files()["program.json"])


def test_the_digest_does_not_depend_on_how_the_tables_are_encoded(program):
    files = program.to_files()
    tables = {name: encoded_differently(data) for name, data in files.items() if name.startswith("tables/")}
    assert all(data != files[name] for name, data in tables.items())
    assert FeatureProgram.from_files({**files, **tables}).digest == program.digest


def test_each_table_is_stored_once_under_a_number(program):
    files = program.to_files()
    assert sorted(files) == ["program.json", *(f"tables/{number:03d}.arrow" for number in range(4))]
    kinds = [
        (table["kind"], table.get("keys", table.get("values"))) for table in json.loads(program.document)["tables"]
    ]
    assert kinds == [("parameters", 20), ("vocabulary", 2), ("vocabulary", 3), ("vocabulary", 2)]


def test_a_vocabulary_that_is_used_twice_is_one_object_after_reading(program):
    read = FeatureProgram.from_files(program.to_files())
    assert read.dense[4].expression.source.vocabulary is read.sparse[0].encoder.vocabulary


def test_a_program_of_an_older_release_says_fit_it_again():
    with pytest.raises(
        IntegrityError, match="format_version 2, got 1 — it is of an older release: fit the program again"
    ):
        FeatureProgram.from_files({"program.json": b'{"format_version":1,"dense":[],"rows":0,"sparse":[]}'})


def test_a_program_of_a_newer_release_says_update(program):
    with pytest.raises(IntegrityError, match="got 3 — it is of a newer release"):
        FeatureProgram.from_files(edited(program, lambda d: d.update(format_version=3)))


def steps(document, position):
    return document["dense"][position]["expression"]["steps"]


def encoder(document, position):
    return document["sparse"][position]["encoder"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.update(surprise=1), "surprise"),
        (lambda d: d.update(format_version="2"), "format_version"),
        (lambda d: d.pop("rows"), "rows"),
        (lambda d: d.update(rows=-1), "rows"),
        (lambda d: d["dense"][0].update(missing=True), "missing"),
        (lambda d: steps(d, 0)[0].update(parameters=["nan"]), "step `impute`"),
        (lambda d: steps(d, 0)[0].update(parameters=["0xzz"]), "C99 hex"),
        (lambda d: steps(d, 0)[1].update(parameters=["0x0.0p+0", "0x1p99999"]), "C99 hex"),
        (lambda d: steps(d, 0)[1].update(parameters=["0x1.0000000000000p+0"]), "step `affine`"),
        (lambda d: steps(d, 0)[1].update(parameters=["0x1.0p+0", "inf"]), "step `affine`"),
        (lambda d: steps(d, 0)[1].update(parameters=["1.5", "2.5"]), "another spelling"),
        (lambda d: steps(d, 0)[1].update(name="exec"), "`exec`"),
        (lambda d: steps(d, 0)[1].update(parameters=0), "step `affine`"),
        (lambda d: steps(d, 1)[0].update(parameters=["0x0.0p+0"]), "step `is_missing`"),
        (lambda d: steps(d, 2)[0].update(parameters=1), r"tables/001\.arrow: expected parameters"),
        (lambda d: steps(d, 2)[0].update(parameters=99), "a table below 4, got 99"),
        (lambda d: steps(d, 2)[0].update(parameters=-1), "parameters"),
        (lambda d: steps(d, 4)[0]["parameters"].pop(), "one for each id"),
        (lambda d: d["dense"][0]["expression"]["source"].update(column="nowhere"), "nowhere"),
        (lambda d: d["dense"][0]["expression"]["source"].update(column="../city"), "to be read as a value"),
        (lambda d: d["dense"][3]["expression"]["source"].update(operation="power"), "operation"),
        (lambda d: d["dense"][4]["expression"]["source"].update(column="seen"), "to be read as a code"),
        (lambda d: d["dense"][4]["expression"]["source"].update(table=0), r"tables/000\.arrow: expected a vocabulary"),
        (lambda d: d["dense"][1].update(name="age"), "distinct output names, got `age`"),
        (lambda d: d["dense"][5].update(names=["w1", "city"]), "distinct output names, got `city`"),
        (lambda d: d["dense"][5].update(first_id=4), "ids below 5"),
        (lambda d: d["dense"][5].update(first_id=-1), "ids below 5"),
        (lambda d: d["dense"][5]["bag"].update(column="code"), "to be read as a text"),
        (lambda d: d["dense"][5]["bag"].update(shortest=0), "1 <= shortest"),
        (lambda d: d["dense"][5]["bag"]["encoder"].update(buckets=0), "buckets"),
        (lambda d: d["bags"][0]["bag"].update(tokens="words"), "to be read as a text"),
        (lambda d: d["bags"][0]["bag"].update(tokens="lines"), "tokens"),
        (lambda d: d["bags"][0]["bag"]["encoder"].update(table=2), "int64 keys"),
        (lambda d: encoder(d, 0).update(column="code"), "a column of kind integer, got utf8 keys"),
        (lambda d: encoder(d, 2).update(columns=[]), "at least one column"),
        (lambda d: encoder(d, 2).update(buckets=2**31), "buckets"),
        (lambda d: encoder(d, 2).update(seed=-1), "seed"),
        (lambda d: encoder(d, 3).update(size=5), "edges \\+ 2 ids"),
        (lambda d: encoder(d, 3)["expression"]["steps"].append({"name": "sqrt", "parameters": []}), "ends in bucket"),
        (lambda d: d["tables"][1].update(digest="0" * 64), "digest 0000"),
        (lambda d: d["tables"][1].update(kept=2), "ids 3, 4"),
        (lambda d: d["tables"][1].update(kept=99), "at most 2 keys"),
        (lambda d: d["tables"][1].update(dtype="int64"), "int64 keys"),
        (lambda d: d["tables"][0].update(values=19), "digest"),
        (lambda d: d["tables"].pop(), "files"),
        (lambda d: d["sparse"].pop(1), r"tables/002\.arrow unused"),
        (lambda d: d["schema"].update(trim="no"), "schema"),
    ],
)
def test_a_changed_document_is_refused(program, change, message):
    with pytest.raises(IntegrityError, match=message):
        FeatureProgram.from_files(edited(program, change))


def test_another_spelling_of_the_same_document_is_refused(program):
    spaced = json.dumps(json.loads(program.document)).encode()
    with pytest.raises(IntegrityError, match="canonical JSON"):
        FeatureProgram.from_files({**program.to_files(), "program.json": spaced})


def test_tables_in_another_order_are_refused(program):
    document = json.loads(program.document)
    document["tables"][1:3] = document["tables"][2:0:-1]
    for table in (encoder(document, 0), document["dense"][4]["expression"]["source"]):
        table["table"] = 2
    encoder(document, 1)["table"] = 1
    files = program.to_files()
    swapped = {"tables/001.arrow": files["tables/002.arrow"], "tables/002.arrow": files["tables/001.arrow"]}
    with pytest.raises(IntegrityError, match="another spelling"):
        FeatureProgram.from_files({**files, **swapped, "program.json": canonical_json(document)})


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
def test_a_changed_vocabulary_is_refused(program, data, message):
    with pytest.raises(IntegrityError, match=rf"tables/001\.arrow: .*{message}"):
        FeatureProgram.from_files({**program.to_files(), "tables/001.arrow": data})


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "Arrow IPC file"),
        (arrow(keys=pa.array([1.0])), "one column `values`"),
        (arrow(values=pa.array([1], pa.float32())), "one column `values`"),
        (arrow(values=pa.array([1.0])), "digest"),
        (arrow(values=pa.array([*map(float, range(20))])), "digest"),
    ],
)
def test_changed_parameters_are_refused(program, data, message):
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


def test_every_cut_of_a_table_is_refused(program):
    data = program.to_files()["tables/001.arrow"]
    for length in range(0, len(data), 37):
        with pytest.raises(IntegrityError, match=r"tables/001\.arrow"):
            FeatureProgram.from_files({**program.to_files(), "tables/001.arrow": data[:length]})
