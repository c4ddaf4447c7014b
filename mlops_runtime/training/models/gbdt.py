"""Gradient-boosted trees by LightGBM; vocabulary ids are native categoricals."""

from __future__ import annotations

from typing import Any

import lightgbm
import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto

from mlops_runtime.training.models.base import F32, F64, I64, Problem, Samples
from mlops_runtime.training.onnx.graph import GraphBuilder
from mlops_runtime.training.onnx.trees import add_tree_ensemble

__all__ = ["fit"]

_ROUNDS = 1000
_PATIENCE = 50
_MAX_BIN = 255
_EXACT_FLOAT32 = 1 << 24
_ROWS_A_THREAD = 50_000  # with fewer, waiting for each other costs threads more than they save

_PARAMETERS: dict[str, Any] = {
    "learning_rate": 0.05,
    "num_leaves": 31,
    "min_data_in_leaf": 20,
    "feature_fraction": 0.5,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "cat_smooth": 10.0,
    "cat_l2": 10.0,
    "max_cat_threshold": 32,
    "deterministic": True,
    "force_col_wise": True,
    "verbosity": -1,
}
_OBJECTIVES = {"binary": "binary", "multiclass": "multiclass", "regression": "regression"}


def fit(problem: Problem, train: Samples, validation: Samples) -> _FittedTrees:
    """Boost up to 1,000 trees, stopped after 50 rounds without progress on the validation rows."""
    parameters = _PARAMETERS | {
        "objective": _OBJECTIVES[problem.task],
        "num_class": problem.margins,
        "seed": problem.seed,
        "num_threads": min(problem.threads, 1 + len(train) // _ROWS_A_THREAD),
        "max_bin": _MAX_BIN,
        "min_data_in_leaf": max(1, min(_PARAMETERS["min_data_in_leaf"], len(train) // 20)),
    }
    dense_width = train.dense.shape[1]
    categorical = list(range(dense_width, dense_width + train.sparse.shape[1]))
    data = lightgbm.Dataset(
        _features(problem, train.dense, train.sparse),
        train.target,
        weight=train.weight,
        categorical_feature=categorical,
    )
    check = data.create_valid(
        _features(problem, validation.dense, validation.sparse), validation.target, weight=validation.weight
    )
    stop = lightgbm.early_stopping(_PATIENCE, verbose=False)
    booster = lightgbm.train(parameters, data, _ROUNDS, valid_sets=[check], callbacks=[stop])
    return _FittedTrees(problem, booster, dense_width)


def _features(problem: Problem, dense: F32, sparse: I64) -> NDArray[np.floating[Any]]:
    """Join both inputs into one matrix; float32 while it holds every id exactly."""
    dtype = np.float32 if max(problem.cardinalities, default=0) <= _EXACT_FLOAT32 else np.float64
    return np.hstack([dense.astype(dtype, copy=False), sparse.astype(dtype)])


class _FittedTrees:
    def __init__(self, problem: Problem, booster: lightgbm.Booster, dense_width: int) -> None:
        self._problem = problem
        self._booster = booster
        self._dense_width = dense_width
        self._rounds = booster.best_iteration or booster.current_iteration()
        kept = ("learning_rate", "num_leaves", "min_data_in_leaf", "feature_fraction", "bagging_fraction")
        self.facts: dict[str, Any] = {"library": f"lightgbm {lightgbm.__version__}", "rounds": self._rounds}
        self.facts |= {name: booster.params[name] for name in kept}

    def scores(self, dense: F32, sparse: I64) -> F64:
        features = _features(self._problem, dense, sparse)
        raw = np.asarray(self._booster.predict(features, num_iteration=self._rounds), dtype=np.float64)
        if self._problem.task == "binary":
            return np.column_stack([1.0 - raw, raw])
        return raw.reshape(len(features), -1)

    def to_onnx(self) -> bytes:
        graph = GraphBuilder(self._dense_width, len(self._problem.cardinalities))
        trees = self._booster.dump_model(num_iteration=self._rounds)["tree_info"]
        score = add_tree_ensemble(graph, trees, self._problem.margins)
        if self._problem.task == "binary":
            score = graph.probabilities_of_margin(score)
        elif self._problem.task == "multiclass":
            score = graph.node("Softmax", score, axis=1)
        return graph.build(graph.cast(score, TensorProto.FLOAT), self._problem.class_count)
