"""A whole program as an ONNX graph: real data, what is refused, and what the file says about itself."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import numpy as np
import onnx
import pyarrow as pa
import pyarrow.csv
import pytest

from mlops_runtime.cli.main import run
from mlops_runtime.core.errors import ConfigError, UnsupportedExport
from mlops_runtime.data import Column, Schema, conform, read_dataset
from mlops_runtime.data.synthetic import claims
from mlops_runtime.features import FeatureProgram, fit_program, infer_spec
from mlops_runtime.features.encoders import Bag, HashBuckets, HashIds, VocabularyIds
from mlops_runtime.features.expression import ColumnValue, Expression, Step
from mlops_runtime.features.onnx import export_program, onnx_inputs
from mlops_runtime.features.outputs import BagOutput, DenseCounts, DenseOutput, SparseOutput
from mlops_runtime.features.vocabulary import FittedVocabulary
from mlops_runtime.registry.portable import PortableCheck, check_program
from mlops_runtime.registry.scorer import GraphRunner


def dense(column: str, name: str = "") -> DenseOutput:
    return DenseOutput(name or column, Expression(ColumnValue(column), (Step("impute", [0.0]),)), 0)


def test_a_thousand_rows_of_claims_in_and_out_of_the_fitted_range(tmp_path: Path) -> None:
    pyarrow.csv.write_csv(claims(1000, seed=1), tmp_path / "claims.csv")
    data = read_dataset(tmp_path / "claims.csv")
    program = fit_program(
        infer_spec(data.table.slice(0, 300), data.schema, target="fraud").spec, data.table.slice(0, 300), data.schema
    )
    graph = export_program(program)
    for rows in (0, 1, 2, 1000):
        table = data.table.slice(0, rows)
        assert check_program(program, graph, table) == PortableCheck(rows, 0.0, 0)


def test_real_data_it_was_not_fitted_on(shared_data: Path) -> None:
    train = read_dataset(shared_data / "adult" / "train.csv")
    program = fit_program(infer_spec(train.table, train.schema, target="income").spec, train.table, train.schema)
    test = read_dataset(shared_data / "adult" / "test.csv", schema=program.schema).table
    assert check_program(program, export_program(program), test) == PortableCheck(16281, 0.0, 0)


def test_everything_that_onnx_cannot_say_is_listed_before_anything_is_built() -> None:
    columns = {"city": "string", "tags": "string_list", "day": "timestamp", "n": "integer", "sparse": "number"}
    schema = Schema(tuple(Column(name, kind) for name, kind in columns.items()))
    words = Bag("city", "words", 1, 2, True, HashBuckets(8, 0))
    tags = Bag("tags", "list", 1, 1, False, HashBuckets(8, 0))
    least = FittedVocabulary(pa.array([-(2**63)], pa.int64()), np.array([1]), 1)
    program = FeatureProgram(
        schema,
        (dense("day"), DenseCounts("words", tuple("abcdefgh"), words, 1, False), dense("sparse")),
        (
            SparseOutput("cross", HashIds(("n", "city"), 10, 0), 0),
            SparseOutput("least", VocabularyIds("n", least), 0),
            SparseOutput("wide", HashIds(("n",) * 17, 10, 0), 0),
        ),
        (BagOutput("tagged", tags),),
        1,
    )
    with pytest.raises(UnsupportedExport) as refusal:
        export_program(program)
    listed = re.findall(r"`(\w+)`: ", str(refusal.value))
    assert listed == ["words", "cross", "least", "wide", "tagged", "sparse"]


def test_vocabularies_beyond_the_size_of_a_model_file_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlops_runtime.features.onnx.unsupported._MOST_BYTES", 100)
    keys = FittedVocabulary(pa.array(["Dubai"] * 5), np.ones(5, np.int64), 5)
    program = FeatureProgram(
        Schema((Column("city", "string"),)), (), (SparseOutput("city", VocabularyIds("city", keys), 0),), (), 1
    )
    with pytest.raises(UnsupportedExport, match="less than 2 GiB"):
        export_program(program)


@pytest.mark.parametrize("names", [("v0", "c0", "_v"), ("dense ", "a b", "é"), ("model/v0", "_c0", "v")])
def test_columns_may_have_names_that_the_graph_uses_inside(names: tuple[str, ...]) -> None:
    schema = Schema(tuple(Column(name, "number") for name in names))
    program = FeatureProgram(schema, tuple(dense(name) for name in names), (), (), 1)
    table = pa.table({name: [float(i), np.nan] for i, name in enumerate(names)})
    assert check_program(program, export_program(program), table) == PortableCheck(2, 0.0, 0)


def test_inputs_say_their_type_and_the_file_says_its_program() -> None:
    kinds = {"a": "number", "b": "integer", "c": "timestamp", "d": "string", "e": "string_list", "f": "integer_list"}
    schema = Schema(tuple(Column(name, kind) for name, kind in kinds.items()))
    keys = FittedVocabulary(pa.array(["x"]), np.array([1]), 1)
    bags = tuple(
        BagOutput(f"bag {name}", Bag(name, "list", 1, 1, False, encoder))
        for name, encoder in (("e", keys), ("f", HashBuckets(4, 0)))
    )
    sparse = (SparseOutput("id", VocabularyIds("d", keys), 0),)
    program = FeatureProgram(schema, (dense("a"), dense("b"), dense("c")), sparse, bags, 1)
    data = export_program(program)
    runner, model = GraphRunner(data), onnx.load_from_string(data)
    assert [(port.type, port.shape) for port in runner.inputs] == [
        ("tensor(double)", ("N",)),
        ("tensor(int64)", ("N",)),
        ("tensor(int64)", ("N",)),
        ("tensor(string)", ("N",)),
        ("tensor(string)", ("N", "L of e")),
        ("tensor(int64)", ("N", "L of f")),
    ]
    outputs = ["dense", "sparse", "bag e.ids", "bag e.offsets", "bag f.ids", "bag f.offsets"]
    assert [port.name for port in runner.outputs] == outputs
    assert {entry.key: entry.value for entry in model.metadata_props} == {"mlops_runtime.program": program.digest}
    assert model.opset_import[0].version == 21
    assert export_program(program) == data


def test_numpy_times_are_inputs_as_they_are() -> None:
    program = FeatureProgram(Schema((Column("t", "timestamp"),)), (dense("t"),), (), (), 1)
    times = np.array(["2026-11-23T09:00", "NaT"], "datetime64[us]")
    table = pa.table({"t": pa.array(times).cast(pa.timestamp("us", "UTC"))})
    assert onnx_inputs(program.schema, table)["t"].tolist() == times.view(np.int64).tolist()
    made = GraphRunner(export_program(program)).run({"t": times.view(np.int64)})["dense"]
    assert made.tobytes() == program.transform(table).dense.tobytes()


def test_without_the_package_onnx_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    program = FeatureProgram(Schema((Column("a", "number"),)), (dense("a"),), (), (), 1)
    with pytest.raises(ConfigError, match=re.escape("pip install 'mlops_runtime[train]'")):
        export_program(program)


def test_the_command_writes_a_program_and_compares_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, folder, graph = tmp_path / "claims.csv", tmp_path / "program", tmp_path / "program.onnx"
    pyarrow.csv.write_csv(claims(300, seed=5), file)
    assert run(["features", "fit", str(file), "--target", "fraud", "-o", str(folder)]) == 0
    capsys.readouterr()
    assert run(["features", "export", str(folder), "-o", str(graph), "--check", str(file), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["check"] == {"rows": 300, "worst": 0.0, "differing": 0}
    assert report["bytes"] == graph.stat().st_size
    assert [output["name"] for output in report["outputs"]] == ["dense", "sparse"]
    assert run(["features", "export", str(folder), "-o", str(graph)]) == 0
    assert "opset 21" in capsys.readouterr().out


def test_a_table_that_was_cleaned_is_what_the_graph_reads() -> None:
    schema = Schema((Column("city", "string"),))
    keys = FittedVocabulary(pa.array(["Dubai"]), np.array([1]), 1)
    program = FeatureProgram(schema, (), (SparseOutput("city", VocabularyIds("city", keys), 0),), (), 1)
    raw = pa.table({"city": [" Dubai ", " ?", "Ajman"]})
    inputs = onnx_inputs(schema, conform(raw, schema, where="test"))
    assert GraphRunner(export_program(program)).run(inputs)["sparse"].ravel().tolist() == [3, 0, 2]
