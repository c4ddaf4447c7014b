"""The frame every trained model shares: inputs `dense` and `sparse`, one output `score`."""

from __future__ import annotations

import numpy as np

from mlops_runtime.features.onnx.graph import FLOAT, INT64, Graph, Port

__all__ = ["GraphBuilder"]


class GraphBuilder(Graph):
    """Collects nodes and constants of one model; `build` closes the graph and checks it.

    An input of width 0 does not exist in the graph: ask `dense_width` and `sparse_width` before using it.
    """

    def __init__(self, dense_width: int, sparse_width: int) -> None:
        super().__init__(("dense", "sparse", "score"))
        self.dense_width = dense_width
        self.sparse_width = sparse_width

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
        widths = {
            Port("dense", FLOAT, ("N", self.dense_width)): self.dense_width,
            Port("sparse", INT64, ("N", self.sparse_width)): self.sparse_width,
        }
        inputs = [port for port, width in widths.items() if width]
        return self.serialise(inputs, {Port("score", FLOAT, ("N", columns)): score})
