"""The one scoring function: a row's bits are the same in every batch, on every kind of model we export."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from mlops_runtime.core.errors import DataError, ShapeError
from mlops_runtime.registry import Scorer
from mlops_runtime.training.models import Problem, Samples, fit_model

_DENSE, _SPARSE, _IDS = 39, 8, 20
_ROWS = 5000

Graph = Callable[[np.random.Generator], bytes]


def _model(
    nodes: list[onnx.NodeProto], weights: dict[str, NDArray[np.generic]], inputs: dict[str, int], width: int | str
) -> bytes:
    types = {"dense": TensorProto.FLOAT, "sparse": TensorProto.INT64}
    graph = helper.make_graph(
        nodes,
        "model",
        [helper.make_tensor_value_info(name, types[name], ["N", columns]) for name, columns in inputs.items()],
        [helper.make_tensor_value_info("score", TensorProto.FLOAT, ["N", width])],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def _mlp(width: int, classes: int, last: str) -> Graph:
    def build(random: np.random.Generator) -> bytes:
        sizes = [_DENSE, width, width, classes]
        nodes, weights, at = [], {}, "dense"
        for layer, (fan_in, fan_out) in enumerate(itertools.pairwise(sizes)):
            weights[f"w{layer}"] = (random.standard_normal((fan_in, fan_out)) / np.sqrt(fan_in)).astype(np.float32)
            weights[f"b{layer}"] = random.standard_normal(fan_out).astype(np.float32)
            nodes.append(helper.make_node("Gemm", [at, f"w{layer}", f"b{layer}"], [f"z{layer}"]))
            at = f"z{layer}"
            if layer < 2:
                nodes.append(helper.make_node("Relu", [at], [f"r{layer}"]))
                at = f"r{layer}"
        nodes.append(helper.make_node(last, [at], ["score"]))
        return _model(nodes, weights, {"dense": _DENSE}, classes)

    return build


def _linear(classes: int) -> Graph:
    def build(random: np.random.Generator) -> bytes:
        weights: dict[str, NDArray[np.generic]] = {
            "w": random.standard_normal((_DENSE, classes)).astype(np.float32),
            "table": random.standard_normal((_SPARSE * _IDS, classes)).astype(np.float32),
            "offset": np.arange(_SPARSE, dtype=np.int64) * _IDS,
            "axis": np.array([1], dtype=np.int64),
        }
        nodes = [
            helper.make_node("MatMul", ["dense", "w"], ["a"]),
            helper.make_node("Add", ["sparse", "offset"], ["ids"]),
            helper.make_node("Gather", ["table", "ids"], ["rows"]),
            helper.make_node("ReduceSum", ["rows", "axis"], ["b"], keepdims=0),
            helper.make_node("Add", ["a", "b"], ["z"]),
            helper.make_node("Softmax" if classes > 1 else "Sigmoid", ["z"], ["score"]),
        ]
        return _model(nodes, weights, {"dense": _DENSE, "sparse": _SPARSE}, classes)

    return build


def _trees(random: np.random.Generator) -> bytes:
    dense = random.standard_normal((800, _DENSE)).astype(np.float32)
    sparse = random.integers(0, _IDS, (800, _SPARSE))
    target = (dense[:, 0] + dense[:, 1] * dense[:, 2] + sparse[:, 0] % 3 > 0).astype(np.float64)
    rows = Samples(dense, sparse, target, np.ones(len(target)))
    return fit_model("gbdt", Problem("binary", 2, (_IDS,) * _SPARSE, seed=0, threads=1), rows, rows).to_onnx()


_GRAPHS: dict[str, Graph] = {
    "trees": _trees,
    "linear, regression": _linear(1),
    "linear, 2 classes": _linear(2),
    "linear, 7 classes": _linear(7),
    "mlp 64": _mlp(64, 2, "Softmax"),
    "mlp 100": _mlp(100, 3, "Softmax"),
    "mlp 256": _mlp(256, 1, "Sigmoid"),
    "mlp 512": _mlp(512, 1, "Identity"),
}


@pytest.mark.parametrize("graph", _GRAPHS.values(), ids=_GRAPHS.keys())
def test_the_bits_of_a_row_do_not_depend_on_its_batch(
    graph: Graph, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLRT_THREADS", "2")
    random = np.random.default_rng(7)
    onnx_bytes = graph(random)
    scorer = Scorer(onnx_bytes)
    dense = random.standard_normal((_ROWS, _DENSE)).astype(np.float32)
    uses_sparse = b"sparse" in onnx_bytes
    sparse = random.integers(0, _IDS, (_ROWS, _SPARSE if uses_sparse else 0))
    whole = scorer.run(dense, sparse)
    assert whole.dtype == np.float32
    assert len(whole) == _ROWS
    for size in (*range(1, 201), 2047, 2048, 2049, 4097):
        at = (size * 37) % (_ROWS - size)
        part = scorer.run(dense[at : at + size], sparse[at : at + size])
        assert part.tobytes() == whole[at : at + size].tobytes(), f"batch of {size}"
    for row in range(0, _ROWS, 97):
        assert scorer.run(dense[row : row + 1], sparse[row : row + 1]).tobytes() == whole[row : row + 1].tobytes()


def test_no_rows_give_no_scores() -> None:
    scorer = Scorer(_linear(3)(np.random.default_rng(0)))
    assert scorer.run(np.zeros((0, _DENSE), np.float32), np.zeros((0, _SPARSE), np.int64)).shape == (0, 3)


@pytest.mark.parametrize(
    ("dense", "sparse", "message"),
    [
        ((4, _DENSE - 1), (4, _SPARSE), r"expected `dense` float32\[4, 39\], got float32\[4, 38\]"),
        ((4, _DENSE), (4, 0), r"expected `sparse` int64\[4, 8\], got int64\[4, 0\]"),
        ((4, _DENSE), (3, _SPARSE), r"expected `sparse` int64\[4, 8\], got int64\[3, 8\]"),
        ((_DENSE,), (1, _SPARSE), "expected `dense`"),
    ],
)
def test_matrices_that_do_not_fit_are_refused(dense: tuple[int, ...], sparse: tuple[int, ...], message: str) -> None:
    scorer = Scorer(_linear(3)(np.random.default_rng(0)))
    with pytest.raises(ShapeError, match=message):
        scorer.run(np.zeros(dense, np.float32), np.zeros(sparse, np.int64))


def test_a_wrong_dtype_is_refused() -> None:
    scorer = Scorer(_linear(3)(np.random.default_rng(0)))
    with pytest.raises(ShapeError, match="got float64"):
        scorer.run(np.zeros((1, _DENSE)), np.zeros((1, _SPARSE), np.int64))  # type: ignore[arg-type]


def test_bytes_that_are_no_model_are_refused() -> None:
    with pytest.raises(DataError, match="expected a model ONNX Runtime accepts"):
        Scorer(b"no model")


def test_a_model_with_another_input_is_refused() -> None:
    node = helper.make_node("Identity", ["x"], ["score"])
    value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 1]) for name in ("x", "score")]
    model = helper.make_model(helper.make_graph([node], "g", value[:1], value[1:]), ir_version=8)
    with pytest.raises(DataError, match="expected inputs `dense`"):
        Scorer(model.SerializeToString())


@pytest.mark.parametrize(
    "place", ["outside.bin", "./outside.bin", "../{0}/outside.bin", "{1}/outside.bin", "../..{1}/outside.bin"]
)
def test_weights_outside_the_model_file_are_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    (tmp_path / "outside.bin").write_bytes(np.ones((_DENSE, 64), np.float32).tobytes())
    model = onnx.load_from_string(_mlp(64, 1, "Identity")(np.random.default_rng(0)))
    first = model.graph.initializer[0]
    first.ClearField("raw_data")
    first.data_location = TensorProto.EXTERNAL
    first.external_data.add(key="location", value=place.format(tmp_path.name, tmp_path))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match="expected a model ONNX Runtime accepts"):
        Scorer(model.SerializeToString())


def test_onnx_runtime_sends_and_keeps_nothing(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(_linear(1)(np.random.default_rng(0)))
    code = (
        "import sys, pathlib, numpy as np\n"
        "from mlops_runtime.registry import Scorer\n"
        "assert 'onnxruntime' not in sys.modules\n"
        "scorer = Scorer(pathlib.Path(sys.argv[1]).read_bytes())\n"
        f"scorer.run(np.zeros((3, {_DENSE}), np.float32), np.zeros((3, {_SPARSE}), np.int64))\n"
    )
    fresh = tmp_path / "fresh-home"
    fresh.mkdir()
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "ORT_", "MLRT_"))}
    subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "model.onnx")],
        env=environment | {"HOME": str(fresh)},
        check=True,
        timeout=60,
    )
    assert list(fresh.rglob("*")) == []
