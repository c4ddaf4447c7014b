"""A bundle as one ONNX file: plain ONNX Runtime on raw columns says what `Model.score` says, to the last bit."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime  # noqa: TID251 — the point is to run without this package
import pyarrow as pa
import pyarrow.csv
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper

from mlops_runtime.cli.main import run
from mlops_runtime.core.errors import UnsupportedExport
from mlops_runtime.data import Column, Schema, conform
from mlops_runtime.data.synthetic import claims
from mlops_runtime.features import FeatureSpec, NumericFeature, fit_program
from mlops_runtime.registry import Bundle, Model
from mlops_runtime.registry.portable import PortableCheck, check_model, portable_model
from mlops_runtime.training import TrainConfig, train

TARGETS = {"fraud": "binary", "channel": "multiclass", "amount": "regression"}
ROWS = 400


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("portable") / "claims.csv"
    pyarrow.csv.write_csv(claims(ROWS, seed=4), path)
    return path


def plain_session(graph: bytes) -> onnxruntime.InferenceSession:
    """ONNX Runtime as anybody would use it, but on one thread: more change the bits of a tree ensemble."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def score_raw(graph: bytes, rows: pa.Table) -> dict[str, NDArray[Any]]:
    """Score raw columns with nothing of this package: numbers as floats, times as NumPy has them, texts stripped."""
    session = plain_session(graph)
    feed = {}
    for port in session.get_inputs():
        values = rows.column(port.name).to_pylist()
        if port.type == "tensor(string)":
            feed[port.name] = np.array([(value or "").strip() for value in values], np.object_)
        elif port.type == "tensor(int64)":
            feed[port.name] = rows.column(port.name).to_numpy().astype("datetime64[us]").view(np.int64)
        else:
            feed[port.name] = np.array([np.nan if value is None else value for value in values], np.float64)
    names = [port.name for port in session.get_outputs()]
    return dict(zip(names, session.run(names, feed), strict=True))


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("kind", ["gbdt", "linear", "mlp"])
def test_plain_onnx_runtime_gives_the_scores_and_labels(
    kind: str, target: str, file: Path, home: Path, tmp_path: Path
) -> None:
    config = TrainConfig(data=file, target=target, output=tmp_path / "b", model=kind, gates=())
    bundle = train(config).bundle
    assert bundle.manifest.task == TARGETS[target]
    graph, model, table = portable_model(bundle), Model.load(bundle), claims(ROWS, seed=9)
    got, ours = score_raw(graph, table), model.score(table)
    assert got["label"].tolist() == list(ours.label)
    if target == "amount":
        assert list(got) == ["label"]
    else:
        assert got["probability"].tobytes() == ours.probability.tobytes()
    for rows in (0, 1, 2):
        part = conform(table.slice(0, rows), model.schema, where="test")
        checked = check_model(model, graph, part)
        assert (checked.rows, checked.differing) == (rows, 0)
        assert checked.worst <= (1e-6 if rows == 1 else 0.0)  # a batch of one row may take another kernel


def test_raw_adult_rows_score_as_the_command_scores_them(
    shared_data: Path, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = tmp_path / "adult"
    train(TrainConfig(data=shared_data / "adult" / "train.csv", target="income", output=bundle, model="linear"))
    test, graph = shared_data / "adult" / "test.csv", tmp_path / "adult.onnx"
    assert run(["features", "export", str(bundle), "-o", str(graph), "--check", str(test), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["check"] == {"rows": 16281, "worst": 0.0, "differing": 0}
    assert report["bundle"] == Bundle.open(bundle).digest
    raw = pyarrow.csv.read_csv(test)  # question marks, leading spaces and all
    assert score_raw(graph.read_bytes(), raw)["label"].tolist() == Model.load(Bundle.open(bundle)).score(raw).label


def identity_model(dense: int, opset: int = 21) -> bytes:
    """A model whose scores are the dense columns."""
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", dense]) for name in ("dense", "score")]
    graph = helper.make_graph([helper.make_node("Identity", ["dense"], ["score"])], "m", ends[:1], ends[1:])
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid("ai.onnx.ml", 5)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10).SerializeToString()


def bundle_of(make_bundle: Callable[..., Bundle], columns: tuple[str, str], *, opset: int = 21) -> Bundle:
    features = tuple(NumericFeature(column=name, scale="none") for name in columns)
    schema = Schema(tuple(Column(name, "number") for name in columns))
    program = fit_program(FeatureSpec(features=features), pa.table({name: [1.0, 2.0] for name in columns}), schema)
    return make_bundle(schema=schema, program=program, model_onnx=identity_model(2, opset), threshold=0.5)


def test_the_threshold_is_compared_in_double_precision(make_bundle: Callable[..., Bundle]) -> None:
    bundle = bundle_of(make_bundle, ("a", "b"))
    rows = pa.table({"a": [0.0] * 3, "b": [0.5, float(np.nextafter(np.float32(0.5), np.float32(0))), 0.75]})
    got = score_raw(portable_model(bundle), rows)
    assert got["label"].tolist() == ["yes", "no", "yes"]
    assert got["probability"].dtype == np.float32
    assert {e.key: e.value for e in onnx.load_from_string(portable_model(bundle)).metadata_props} == {
        "mlops_runtime.bundle": bundle.digest
    }


def test_a_difference_is_found(make_bundle: Callable[..., Bundle]) -> None:
    bundle, other = bundle_of(make_bundle, ("a", "b")), bundle_of(make_bundle, ("b", "a"))
    table = pa.table({"a": [0.0, 1.0], "b": [0.75, 0.0]})
    assert check_model(Model.load(bundle), portable_model(other), table) == PortableCheck(2, 1.0, 2)


@pytest.mark.parametrize("name", ["label", "probability", "score"])
def test_a_column_named_as_an_output_is_refused(name: str, make_bundle: Callable[..., Bundle]) -> None:
    with pytest.raises(UnsupportedExport, match=f"got `{name}`"):
        portable_model(bundle_of(make_bundle, ("a", name)))


def test_names_inside_the_graphs_do_not_collide(make_bundle: Callable[..., Bundle]) -> None:
    got = score_raw(
        portable_model(bundle_of(make_bundle, ("model/v0", "decision/c0"))),
        pa.table(
            {
                "model/v0": [0.25],
                "decision/c0": [0.75],
            }
        ),
    )
    assert got["probability"].tolist() == [[0.25, 0.75]]


def test_a_model_of_another_onnx_version_is_refused(make_bundle: Callable[..., Bundle]) -> None:
    with pytest.raises(UnsupportedExport, match=r"model\.onnx: expected .* train the bundle again"):
        portable_model(bundle_of(make_bundle, ("a", "b"), opset=17))


def test_a_refused_export_writes_no_file(
    make_bundle: Callable[..., Bundle], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(bundle_of(make_bundle, ("a", "label")).path)
    assert run(["features", "export", path, "-o", str(tmp_path / "p.onnx"), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["error"]["type"] == "UnsupportedExport"
    assert not (tmp_path / "p.onnx").exists()
