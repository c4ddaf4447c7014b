"""LightGBM trees as one ONNX `TreeEnsemble`, exact in float64.

LightGBM compares float64 thresholds and adds float64 leaves, so the ensemble is double-typed: the only difference left
is the order of the additions. A categorical split is a set of ids. ONNX Runtime answers set membership with one bit
mask for members in 1..64 and with one comparison for every other member; so ids are cut into chunks of 64, each an
input column of its own (`id + 1 - 64 * chunk`), and a split whose members share a chunk costs one mask test. A split
over several chunks reads the first chunk's column and pays the comparisons. An id outside the set goes right, as in
LightGBM.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from onnx import TensorProto, numpy_helper

from mlops_runtime.core.errors import ConfigError
from mlops_runtime.training.onnx.graph import GraphBuilder

__all__ = ["add_tree_ensemble"]

_CHUNK = 64
_LEQ = 0
_MEMBER = 6
_SUM = 1

_Child = tuple[bool, int]  # (is a leaf, position among the leaves or the nodes)
_UNPLACED: tuple[_Child, _Child] = ((True, -1), (True, -1))


@dataclass(slots=True)
class _Ensemble:
    """The columns of the TreeEnsemble node, grown tree by tree."""

    dense_width: int
    features: list[int] = field(default_factory=list)
    modes: list[int] = field(default_factory=list)
    splits: list[float] = field(default_factory=list)
    branches: list[tuple[_Child, _Child]] = field(default_factory=list)
    members: list[float] = field(default_factory=list)
    leaf_weights: list[float] = field(default_factory=list)
    leaf_targets: list[int] = field(default_factory=list)
    roots: list[int] = field(default_factory=list)
    chunks: dict[tuple[int, int], int] = field(default_factory=dict)

    def add_tree(self, root: Mapping[str, Any], target: int) -> None:
        position = len(self.modes)
        if "leaf_value" in root:
            leaf = self._leaf(root, target)
            self._node(0, _LEQ, 0.0, (leaf, leaf))
        else:
            self._subtree(root, target)
        self.roots.append(position)

    def _leaf(self, node: Mapping[str, Any], target: int) -> _Child:
        self.leaf_weights.append(float(node["leaf_value"]))
        self.leaf_targets.append(target)
        return True, len(self.leaf_weights) - 1

    def _node(self, feature: int, mode: int, split: float, branch: tuple[_Child, _Child]) -> int:
        self.features.append(feature)
        self.modes.append(mode)
        self.splits.append(split)
        self.branches.append(branch)
        return len(self.modes) - 1

    def _subtree(self, node: Mapping[str, Any], target: int) -> _Child:
        """Add a node and all below it, parents before children; return where it stands."""
        if "leaf_value" in node:
            return self._leaf(node, target)
        feature, mode, split = self._test(node)
        position = self._node(feature, mode, split, _UNPLACED)
        left = self._subtree(node["left_child"], target)
        right = self._subtree(node["right_child"], target)
        self.branches[position] = (left, right)
        return False, position

    def _test(self, node: Mapping[str, Any]) -> tuple[int, int, float]:
        """Return (input column, mode, threshold) of one split; rows that pass go left."""
        feature = int(node["split_feature"])
        if node["decision_type"] == "<=":
            return feature, _LEQ, float(node["threshold"])
        if node["decision_type"] != "==":
            raise ConfigError(f"LightGBM export: expected a split by <= or ==, got {node['decision_type']!r}")
        ids = sorted(int(text) for text in str(node["threshold"]).split("||"))
        chunk = ids[0] // _CHUNK if ids[0] // _CHUNK == ids[-1] // _CHUNK else 0
        self.members.extend([*(float(member + 1 - _CHUNK * chunk) for member in ids), np.nan])
        return self._chunk_column(feature - self.dense_width, chunk), _MEMBER, 0.0

    def _chunk_column(self, column: int, chunk: int) -> int:
        return self.chunks.setdefault((column, chunk), self.dense_width + len(self.chunks))

    def attributes(self, targets: int) -> dict[str, Any]:
        """Return the attributes of the `TreeEnsemble` operator (ai.onnx.ml, version 5)."""
        attributes: dict[str, Any] = {
            "n_targets": targets,
            "aggregate_function": _SUM,
            "tree_roots": self.roots,
            "nodes_featureids": self.features,
            "nodes_modes": numpy_helper.from_array(np.array(self.modes, np.uint8)),
            "nodes_splits": numpy_helper.from_array(np.array(self.splits, np.float64)),
            "leaf_targetids": self.leaf_targets,
            "leaf_weights": numpy_helper.from_array(np.array(self.leaf_weights, np.float64)),
        }
        for name, side in (("true", 0), ("false", 1)):
            attributes[f"nodes_{name}leafs"] = [int(branch[side][0]) for branch in self.branches]
            attributes[f"nodes_{name}nodeids"] = [branch[side][1] for branch in self.branches]
        if self.members:
            attributes["membership_values"] = numpy_helper.from_array(np.array(self.members, np.float64))
        return attributes


def add_tree_ensemble(graph: GraphBuilder, trees: Sequence[Mapping[str, Any]], targets: int) -> str:
    """Add LightGBM's dumped trees (`dump_model()["tree_info"]`) and return the raw scores, float64[N, targets].

    Tree i adds to target i % targets. Features are the dense columns followed by the sparse ones, as in training.
    """
    ensemble = _Ensemble(graph.dense_width)
    for position, tree in enumerate(trees):
        ensemble.add_tree(tree["tree_structure"], position % targets)
    columns = _input_columns(graph, ensemble)
    return graph.node("TreeEnsemble", columns, domain="ai.onnx.ml", **ensemble.attributes(targets))


def _input_columns(graph: GraphBuilder, ensemble: _Ensemble) -> str:
    """Return the ensemble's input: the dense columns, then one column for each (sparse column, chunk) in use."""
    parts = []
    if graph.dense_width:
        parts.append(graph.cast("dense", TensorProto.DOUBLE))
    if ensemble.chunks:
        sources = graph.constant(np.array([column for column, _ in ensemble.chunks], np.int64))
        offsets = graph.constant(np.array([1 - _CHUNK * chunk for _, chunk in ensemble.chunks], np.int64))
        shifted = graph.node("Add", graph.node("Gather", "sparse", sources, axis=1), offsets)
        parts.append(graph.cast(shifted, TensorProto.DOUBLE))
    if not parts:  # no split uses any input: every tree is one leaf, and any column will do
        parts.append(graph.cast("sparse", TensorProto.DOUBLE))
    return parts[0] if len(parts) == 1 else graph.node("Concat", *parts, axis=1)
