"""The frame every exported model shares: inputs `dense` and `sparse`, one output `score`."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

__all__ = ["GraphBuilder"]

_OPSET = 21
_ML_OPSET = 5
_IR_VERSION = 10  # what onnxruntime 1.20, the oldest we accept, can read


class GraphBuilder:
    """Collects nodes and constants of one model; `build` closes the graph and checks it.

    An input of width 0 does not exist in the graph: ask `dense_width` and `sparse_width` before using it.
    """

    def __init__(self, dense_width: int, sparse_width: int) -> None:
        self.dense_width = dense_width
        self.sparse_width = sparse_width
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []

    def constant(self, values: NDArray[Any]) -> str:
        """Add a constant tensor and return its name."""
        name = f"c{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.asarray(values, order="C"), name))
        return name

    def node(self, operator: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        """Add a node with one output and return the output's name."""
        output = f"v{len(self._nodes)}"
        node = helper.make_node(operator, list(inputs), [output], name=output, domain=domain, **attributes)
        self._nodes.append(node)
        return output

    def cast(self, value: str, dtype: int) -> str:
        """Convert a tensor to a TensorProto element type."""
        return self.node("Cast", value, to=dtype)

    def sparse_column(self, position: int) -> str:
        """Return column `position` of `sparse` as an int64[N] tensor."""
        return self.node("Gather", "sparse", self.constant(np.array(position, np.int64)), axis=1)

    def probabilities_of_margin(self, margin: str) -> str:
        """Turn log-odds[N, 1] into two columns: the negative and the positive class."""
        positive = self.node("Sigmoid", margin)
        negative = self.node("Sigmoid", self.node("Neg", margin))
        return self.node("Concat", negative, positive, axis=1)

    def build(self, score: str, columns: int) -> bytes:
        """Name `score` (float32[N, columns]) the output and return the serialised, checked model."""
        self._nodes.append(helper.make_node("Identity", [score], ["score"], name="score"))
        inputs = []
        if self.dense_width:
            inputs.append(helper.make_tensor_value_info("dense", TensorProto.FLOAT, ["N", self.dense_width]))
        if self.sparse_width:
            inputs.append(helper.make_tensor_value_info("sparse", TensorProto.INT64, ["N", self.sparse_width]))
        output = helper.make_tensor_value_info("score", TensorProto.FLOAT, ["N", columns])
        graph = helper.make_graph(self._nodes, "model", inputs, [output], self._constants)
        opsets = [helper.make_opsetid("", _OPSET), helper.make_opsetid("ai.onnx.ml", _ML_OPSET)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=_IR_VERSION, producer_name="mlops_runtime")
        onnx.checker.check_model(model)
        return bytes(model.SerializeToString(deterministic=True))
