"""log1p and expm1 as ONNX nodes give the oracle's float64 bits: the rounding to float32 behind them hides nothing."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from kernel_inputs import hard_exponents, hard_logarithms

from mlops_runtime.features.onnx import functions
from mlops_runtime.features.onnx.graph import DOUBLE, Graph, Port
from mlops_runtime.features.onnx.tensor import Tensor
from mlops_runtime.kernels.dense import elementary
from mlops_runtime.registry.scorer import GraphRunner


def run(function: Callable[[Tensor], Tensor], x: np.ndarray) -> np.ndarray:
    graph = Graph(("x", "y"))
    result = function(Tensor(graph, "x", DOUBLE)).name
    model = graph.serialise([Port("x", DOUBLE, ("n",))], {Port("y", DOUBLE, ("n",)): result})
    return GraphRunner(model).run({"x": x})["y"]


@pytest.mark.parametrize(("name", "values"), [("log1p", hard_logarithms), ("expm1", hard_exponents)])
def test_the_nodes_give_the_bits_of_the_oracle(name: str, values: Callable[[], np.ndarray]) -> None:
    x = values()
    got, expected = run(getattr(functions, name), x), getattr(elementary, name)(x)
    assert np.array_equal(np.isnan(got), np.isnan(expected))
    assert (got.view(np.uint64) == expected.view(np.uint64))[~np.isnan(expected)].all()
