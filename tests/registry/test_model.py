"""A bundle made runnable, with a real program and a real baseline: the same labels before and after every journey."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from onnx import TensorProto, helper, numpy_helper

from mlops_runtime.core.errors import DataError, SchemaError
from mlops_runtime.data import Column, Schema, conform
from mlops_runtime.features import fit_program, infer_spec
from mlops_runtime.monitoring import Baseline
from mlops_runtime.registry import Bundle, Model, Registry

_SCHEMA = Schema((Column("amount", "number"), Column("hours/week", "number"), Column("city", "string")))
_ROWS = 300


def _table() -> pa.Table:
    random = np.random.default_rng(3)
    cities = random.choice(["Dubai", "Sharjah", " Ajman ", "?"], _ROWS).tolist()
    columns = {"amount": random.normal(100, 30, _ROWS), "hours/week": random.integers(0, 60, _ROWS), "city": cities}
    return pa.table(columns)


def _graph(dense: int, sparse: int, classes: int, last: str) -> bytes:
    random = np.random.default_rng(5)
    weights = {
        "w": random.standard_normal((dense, classes)).astype(np.float32),
        "table": random.standard_normal((64, classes)).astype(np.float32),
        "axis": np.array([1], dtype=np.int64),
    }
    nodes = [
        helper.make_node("MatMul", ["dense", "w"], ["a"]),
        helper.make_node("Gather", ["table", "sparse"], ["rows"]),
        helper.make_node("ReduceSum", ["rows", "axis"], ["b"], keepdims=0),
        helper.make_node("Add", ["a", "b"], ["z"]),
        helper.make_node(last, ["z"], ["score"]),
    ]
    inputs = [
        helper.make_tensor_value_info("dense", TensorProto.FLOAT, ["N", dense]),
        helper.make_tensor_value_info("sparse", TensorProto.INT64, ["N", sparse]),
    ]
    outputs = [helper.make_tensor_value_info("score", TensorProto.FLOAT, ["N", classes])]
    tensors = [numpy_helper.from_array(value, name) for name, value in weights.items()]
    graph = helper.make_graph(nodes, "model", inputs, outputs, tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()


@pytest.fixture
def make_model(make_bundle: Callable[..., Bundle]) -> Callable[..., Model]:
    """Load a model of a real program, baseline and ONNX graph; keywords replace fields of the bundle."""
    table = conform(_table().append_column("y", pa.array(["a", "b"] * (_ROWS // 2))), _WITH_TARGET, where="test")
    spec = infer_spec(table, _WITH_TARGET, target="y").spec
    features = table.select(_SCHEMA.names)
    program = fit_program(spec, features, _SCHEMA)

    def make(classes: tuple[str, ...] = ("no", "yes"), *, last: str = "Softmax", **changes: Any) -> Model:
        graph = _graph(len(program.dense_names), len(program.sparse_names), max(len(classes), 1), last)
        parts = {"schema": _SCHEMA, "program": program, "baseline": Baseline.fit(features), "model_onnx": graph}
        return Model.load(make_bundle(classes=classes, **(parts | changes)))

    return make


_WITH_TARGET = Schema((*_SCHEMA.columns, Column("y", "string")))


def test_binary_labels_follow_the_threshold(make_model: Callable[..., Model]) -> None:
    probability = make_model().score(_table()).probability
    threshold = float(np.median(probability[:, 1]))
    scores = make_model(threshold=threshold).score(_table())
    expected = ["yes" if p >= threshold else "no" for p in probability[:, 1].astype(float)]
    assert scores.label == expected
    assert 0.3 < expected.count("yes") / _ROWS < 0.7
    assert scores.probability.dtype == np.float32


def test_thresholds_are_compared_in_double_precision(make_model: Callable[..., Model]) -> None:
    model = make_model(threshold=float(np.float32(0.3)) + 1e-12)
    assert model.decide(np.array([[0.7, 0.3]], np.float32)).label == ["no"]


def test_multiclass_labels_are_the_likeliest_class(make_model: Callable[..., Model]) -> None:
    model = make_model(("x", "y", "z"), task="multiclass", threshold=None)
    scores = model.score(_table())
    assert scores.label == [model.classes[index] for index in scores.probability.argmax(axis=1)]
    assert set(scores.label) == {"x", "y", "z"}


def test_regression_labels_are_the_values(make_model: Callable[..., Model]) -> None:
    scores = make_model((), last="Identity", task="regression", threshold=None).score(_table())
    assert isinstance(scores.label, np.ndarray)
    assert scores.label.dtype == np.float64
    assert scores.label.tolist() == scores.probability[:, 0].astype(float).tolist()


def test_rows_score_the_same_alone_in_batches_and_from_the_store(make_model: Callable[..., Model]) -> None:
    model, table = make_model(), _table()
    whole = model.score(table)
    Registry().push(model.bundle, alias="production")
    stored = Model.load(Registry().open("claims@production"))
    assert stored.score(table).probability.tobytes() == whole.probability.tobytes()
    for row in range(0, _ROWS, 29):
        assert stored.score(table.slice(row, 1)).probability.tobytes() == whole.probability[row : row + 1].tobytes()


def test_scoring_cleans_raw_rows_as_training_did(make_model: Callable[..., Model]) -> None:
    model, table = make_model(), _table()
    clean = conform(table, model.schema, where="test")
    assert model.score(table).probability.tobytes() == model.score_conformed(clean).probability.tobytes()


def test_an_empty_table_gives_no_scores(make_model: Callable[..., Model]) -> None:
    scores = make_model().score(_table().slice(0, 0))
    assert scores.probability.shape == (0, 2)
    assert scores.label == []


def test_a_missing_column_is_named(make_model: Callable[..., Model]) -> None:
    with pytest.raises(SchemaError, match="hours/week"):
        make_model().score(_table().drop_columns("hours/week"))


def test_a_model_that_yields_no_number_is_an_error_not_a_label(make_model: Callable[..., Model]) -> None:
    with pytest.raises(DataError, match="got NaN for 1 of 2, first at row 1"):
        make_model().decide(np.array([[0.5, 0.5], [np.nan, 0.5]], np.float32))
