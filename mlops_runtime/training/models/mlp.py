"""A small neural network by PyTorch: an embedding for each vocabulary, two hidden layers, early stopping."""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from mlops_runtime.data.loader import Loader
from mlops_runtime.data.rows import RowTable
from mlops_runtime.training.models.base import F32, F64, I64, Problem, Samples
from mlops_runtime.training.onnx.graph import GraphBuilder

__all__ = ["fit"]

_HIDDEN = (128, 64)
_EMBEDDING_LIMIT = 24
_DROPOUT = 0.1
_BATCH_ROWS = 256
_STEPS_FLOOR = 20  # batches an epoch has at least: small files get smaller batches
_EPOCHS = 60
_PATIENCE = 6
_LEARNING_RATE = 1e-3
_WEIGHT_DECAY = 1e-2
_CLIP = 6.0  # standard deviations; a wilder input says no more than this


def fit(problem: Problem, train: Samples, validation: Samples) -> _FittedNetwork:
    """Train with AdamW until the validation loss has not improved for 6 epochs; keep the best epoch's weights."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # batches of 256 rows are too small to share
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(problem.seed)
            return _train(problem, train, validation)
    finally:
        torch.set_num_threads(threads)


class _Network(nn.Module):
    def __init__(self, problem: Problem, dense_width: int) -> None:
        super().__init__()
        self.dense_width = dense_width
        self.embeddings = nn.ModuleList(nn.Embedding(size, _embedding_width(size)) for size in problem.cardinalities)
        widths = [dense_width + sum(_embedding_width(size) for size in problem.cardinalities), *_HIDDEN]
        self.hidden = nn.ModuleList(nn.Linear(*pair) for pair in itertools.pairwise(widths))
        self.head = nn.Linear(widths[-1], problem.margins)
        self.dropout = nn.Dropout(_DROPOUT)

    def forward(self, dense: torch.Tensor, sparse: torch.Tensor) -> torch.Tensor:
        parts = [torch.clamp(dense, -_CLIP, _CLIP)]
        parts += [embedding(sparse[:, column]) for column, embedding in enumerate(self.embeddings)]
        value = torch.cat(parts, dim=1)
        for layer in self.hidden:
            value = self.dropout(torch.relu(layer(value)))
        return cast("torch.Tensor", self.head(value))


def _embedding_width(size: int) -> int:
    return min(_EMBEDDING_LIMIT, max(2, math.isqrt(4 * size)))


def _losses(problem: Problem, margins: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    if problem.task == "binary":
        return nn.functional.binary_cross_entropy_with_logits(margins[:, 0], target, reduction="none")
    if problem.task == "multiclass":
        return nn.functional.cross_entropy(margins, target.long(), reduction="none")
    return (margins[:, 0] - target) ** 2


@dataclass(frozen=True, slots=True)
class _Rows:
    """Samples as the network reads them: dense float32[n, d], sparse int64[n, s], target and weight float32[n]."""

    dense: torch.Tensor
    sparse: torch.Tensor
    target: torch.Tensor
    weight: torch.Tensor

    @classmethod
    def of(cls, fields: Mapping[str, torch.Tensor]) -> _Rows:
        """Take the fields of a table or a batch; what has no columns is not among them."""
        rows = len(fields["target"])
        dense, sparse = fields.get("dense", torch.empty(rows, 0)), fields.get("sparse", torch.empty(rows, 0))
        return cls(dense, sparse, fields["target"][:, 0], fields["weight"][:, 0])


def _fields(samples: Samples, center: float, scale: float) -> dict[str, NDArray[Any]]:
    fields: dict[str, NDArray[Any]] = {
        "dense": samples.dense,
        "sparse": samples.sparse,
        "target": ((samples.target - center) / scale).astype(np.float32)[:, None],
        "weight": samples.weight.astype(np.float32)[:, None],
    }
    return {name: array for name, array in fields.items() if array.shape[1]}


def _loader(problem: Problem, fields: dict[str, NDArray[Any]]) -> Loader:
    rows = len(fields["target"])
    batch_rows = max(1, min(_BATCH_ROWS, rows // _STEPS_FLOOR))
    return Loader(RowTable.from_arrays(fields), batch_rows=batch_rows, seed=problem.seed, as_="torch")


def _train(problem: Problem, train: Samples, validation: Samples) -> _FittedNetwork:
    center, scale = 0.0, 1.0
    if problem.task == "regression":
        center, scale = float(train.target.mean()), float(train.target.std()) or 1.0
    network = _Network(problem, train.dense.shape[1])
    optimiser = torch.optim.AdamW(network.parameters(), lr=_LEARNING_RATE, weight_decay=_WEIGHT_DECAY, fused=True)
    loader = _loader(problem, _fields(train, center, scale))
    fields = _fields(validation, center, scale)
    check = _Rows.of({name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in fields.items()})
    best_loss, best_epoch, best_state = math.inf, 0, copy.deepcopy(network.state_dict())
    for epoch in range(1, _EPOCHS + 1):
        _one_epoch(problem, network, optimiser, loader)
        loss = _mean_loss(problem, network, check)
        if loss < best_loss:
            best_loss, best_epoch, best_state = loss, epoch, copy.deepcopy(network.state_dict())
        elif epoch - best_epoch >= _PATIENCE:
            break
    network.load_state_dict(best_state)
    facts = {
        "library": f"torch {torch.__version__}",
        "epochs": best_epoch,
        "hidden": list(_HIDDEN),
        "learning_rate": _LEARNING_RATE,
        "weight_decay": _WEIGHT_DECAY,
        "dropout": _DROPOUT,
    }
    return _FittedNetwork(problem, network.eval(), center, scale, facts)


def _one_epoch(problem: Problem, network: _Network, optimiser: torch.optim.Optimizer, loader: Loader) -> None:
    network.train()
    for batch in loader:
        rows = _Rows.of(batch)
        optimiser.zero_grad(set_to_none=True)
        loss = (_losses(problem, network(rows.dense, rows.sparse), rows.target) * rows.weight).mean()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()


@torch.no_grad()
def _mean_loss(problem: Problem, network: _Network, rows: _Rows) -> float:
    network.eval()
    losses = _losses(problem, network(rows.dense, rows.sparse), rows.target)
    return float((losses * rows.weight).sum() / rows.weight.sum())


class _FittedNetwork:
    def __init__(self, problem: Problem, network: _Network, center: float, scale: float, facts: dict[str, Any]) -> None:
        self._problem = problem
        self._network = network
        self._center = center
        self._scale = scale
        self.facts = facts

    @torch.no_grad()
    def scores(self, dense: F32, sparse: I64) -> F64:
        """Run the network in float64 on float32 weights, so that the comparison judges the ONNX graph alone."""
        network = copy.deepcopy(self._network).double()
        margins = network(torch.from_numpy(dense.astype(np.float64)), torch.from_numpy(np.ascontiguousarray(sparse)))
        if self._problem.task == "binary":
            return cast("F64", torch.sigmoid(torch.cat([-margins, margins], dim=1)).numpy())
        if self._problem.task == "multiclass":
            return cast("F64", torch.softmax(margins, dim=1).numpy())
        return cast("F64", (margins * self._scale + self._center).numpy())

    def to_onnx(self) -> bytes:
        """Write the network as Gather, Concat, Gemm and Relu: the shape is fixed, so no tracing is needed."""
        graph = GraphBuilder(self._network.dense_width, len(self._problem.cardinalities))
        parts = []
        if graph.dense_width:
            low, high = (graph.constant(np.array(bound, np.float32)) for bound in (-_CLIP, _CLIP))
            parts.append(graph.node("Clip", "dense", low, high))
        for column, embedding in enumerate(self._network.embeddings):
            weight = graph.constant(_array(cast("nn.Embedding", embedding).weight))
            parts.append(graph.node("Gather", weight, graph.sparse_column(column), axis=0))
        value = parts[0] if len(parts) == 1 else graph.node("Concat", *parts, axis=1)
        for layer in self._network.hidden:
            value = graph.node("Relu", _gemm(graph, value, layer))
        return graph.build(self._finish(graph, _gemm(graph, value, self._network.head)), self._problem.class_count)

    def _finish(self, graph: GraphBuilder, margin: str) -> str:
        if self._problem.task == "binary":
            return graph.probabilities_of_margin(margin)
        if self._problem.task == "multiclass":
            return graph.node("Softmax", margin, axis=1)
        scaled = graph.node("Mul", margin, graph.constant(np.array(self._scale, np.float32)))
        return graph.node("Add", scaled, graph.constant(np.array(self._center, np.float32)))


def _gemm(graph: GraphBuilder, value: str, layer: nn.Module) -> str:
    linear = cast("nn.Linear", layer)
    return graph.node(
        "Gemm", value, graph.constant(_array(linear.weight)), graph.constant(_array(linear.bias)), transB=1
    )


def _array(tensor: torch.Tensor) -> F32:
    return cast("F32", tensor.detach().numpy())
