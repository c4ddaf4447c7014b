"""The frame of every ONNX model we write: nodes and constants, each kept once, and the versions they are written in."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

__all__ = ["BOOL", "DOUBLE", "FLOAT", "INT64", "OPSET", "STRING", "UINT64", "Graph", "Port", "free_prefix"]

BOOL, DOUBLE, FLOAT = int(TensorProto.BOOL), int(TensorProto.DOUBLE), int(TensorProto.FLOAT)
INT64, STRING, UINT64 = int(TensorProto.INT64), int(TensorProto.STRING), int(TensorProto.UINT64)

OPSET = 21  # with the two below: what ONNX Runtime 1.20, the oldest we accept, can read
_ML_OPSET = 5
_IR_VERSION = 10


@dataclass(frozen=True, slots=True)
class Port:
    """An input or output of a model: its name, TensorProto element type, shape (a text is a free size) and meaning."""

    name: str
    dtype: int
    shape: tuple[int | str, ...]
    meaning: str = ""

    def proto(self) -> onnx.ValueInfoProto:
        """Return the port as ONNX writes it."""
        return helper.make_tensor_value_info(self.name, self.dtype, self.shape, doc_string=self.meaning)


def free_prefix(wanted: str, names: Iterable[str]) -> str:
    """Return `wanted`, behind as many underscores as it takes that none of `names` begins with it.

    >>> free_prefix("v", ["value", "_v0"])
    '__v'
    """
    prefix, taken = wanted, tuple(names)
    while any(name.startswith(prefix) for name in taken):
        prefix = f"_{prefix}"
    return prefix


class Graph:
    """Collects the nodes and constants of one model; a node or constant that is there already is used again.

    names: of the model's inputs and outputs, which no name inside may equal.
    """

    def __init__(self, names: Collection[str]) -> None:
        self._value_prefix = free_prefix("v", names)
        self._constant_prefix = free_prefix("c", names)
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []
        self._known: dict[bytes, str] = {}

    def constant(self, values: NDArray[Any]) -> str:
        """Add a constant tensor and return its name."""
        tensor = numpy_helper.from_array(np.asarray(values, order="C"))
        key = hashlib.sha256(b"constant" + tensor.SerializeToString(deterministic=True)).digest()
        if key not in self._known:
            tensor.name = self._known[key] = f"{self._constant_prefix}{len(self._constants)}"
            self._constants.append(tensor)
        return self._known[key]

    def node(self, operator: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        """Add a node with one output and return the output's name."""
        node = helper.make_node(operator, list(inputs), [], domain=domain, **attributes)
        key = hashlib.sha256(node.SerializeToString(deterministic=True)).digest()
        if key not in self._known:
            node.name = self._known[key] = f"{self._value_prefix}{len(self._nodes)}"
            node.output.append(node.name)
            self._nodes.append(node)
        return self._known[key]

    def cast(self, value: str, dtype: int) -> str:
        """Convert a tensor to a TensorProto element type."""
        return self.node("Cast", value, to=dtype)

    def serialise(
        self,
        inputs: Iterable[Port],
        outputs: Mapping[Port, str],
        *,
        name: str = "model",
        metadata: Mapping[str, str] | None = None,
    ) -> bytes:
        """Return the serialised, checked model whose outputs are these values."""
        named = [helper.make_node("Identity", [value], [port.name], name=port.name) for port, value in outputs.items()]
        given, made = ([port.proto() for port in ports] for ports in (inputs, outputs))
        graph = helper.make_graph([*self._nodes, *named], name, given, made, self._constants)
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", _ML_OPSET)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=_IR_VERSION, producer_name="mlops_runtime")
        helper.set_model_props(model, dict(metadata or {}))
        onnx.checker.check_model(model)
        return bytes(model.SerializeToString(deterministic=True))
