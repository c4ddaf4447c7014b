"""Logistic and ridge regression on the dense columns and a one-hot view of the vocabulary ids."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import scipy.sparse
import sklearn
from onnx import TensorProto
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge

from mlops_runtime.training.models.base import F32, F64, I64, Problem, Samples
from mlops_runtime.training.onnx.graph import GraphBuilder

__all__ = ["fit"]

# L2 penalty against the sum of the rows' losses; strongest first, so that each fit starts close to its solution.
_STRENGTHS = (100.0, 10.0, 1.0, 0.1)
_ITERATIONS = 300


def fit(problem: Problem, train: Samples, validation: Samples) -> _FittedLinear:
    """Fit one model for each strength of the L2 penalty and keep the one with the least validation loss."""
    features = _one_hot(problem, train.dense, train.sparse)
    checks = _one_hot(problem, validation.dense, validation.sparse)
    solver = _Solver(problem)
    solved = [(strength, *solver.fit(features, train, strength)) for strength in _STRENGTHS]
    strength, coefficients, intercept = min(solved, key=lambda s: _loss(problem, checks @ s[1] + s[2], validation))
    facts = {"library": f"scikit-learn {sklearn.__version__}", "l2": strength}
    return _FittedLinear(problem, train.dense.shape[1], coefficients, intercept, facts)


def _offsets(problem: Problem) -> I64:
    """Return where each sparse column's ids begin among all one-hot columns."""
    return np.cumsum([0, *problem.cardinalities], dtype=np.int64)[:-1]


def _one_hot(problem: Problem, dense: F32, sparse: I64) -> Any:
    """Return float64 CSR: the dense columns, then one column for each id of each sparse column."""
    rows, width = sparse.shape
    indices = (sparse + _offsets(problem)).ravel()
    pointers = np.arange(0, rows * width + 1, max(width, 1)) if width else np.zeros(rows + 1, np.int64)
    hot = scipy.sparse.csr_matrix((np.ones(rows * width), indices, pointers), shape=(rows, sum(problem.cardinalities)))
    return scipy.sparse.hstack([scipy.sparse.csr_matrix(dense.astype(np.float64)), hot], format="csr")


class _Solver:
    """scikit-learn's solver for the task, started each time from its last solution where it can be."""

    def __init__(self, problem: Problem) -> None:
        self._is_ridge = problem.task == "regression"
        ridge = Ridge(solver="sparse_cg", tol=1e-8, random_state=problem.seed)
        self._estimator: Any = ridge if self._is_ridge else LogisticRegression(max_iter=_ITERATIONS, warm_start=True)

    def fit(self, features: Any, train: Samples, strength: float) -> tuple[F64, F64]:
        """Return coefficients[features, margins] and intercepts[margins]."""
        if self._is_ridge:
            self._estimator.set_params(alpha=strength)
        else:
            self._estimator.set_params(C=1.0 / strength)
        target = train.target if self._is_ridge else train.target.astype(np.int64)
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore", ConvergenceWarning
            )  # the validation loss judges what the iterations reached
            self._estimator.fit(features, target, sample_weight=train.weight)
        coefficients = np.atleast_2d(np.array(self._estimator.coef_, np.float64)).T
        return coefficients.copy(), np.array(self._estimator.intercept_, np.float64).reshape(-1)


def _loss(problem: Problem, margins: F64, samples: Samples) -> float:
    """Return the weighted mean log loss, or the weighted mean squared error in regression."""
    if problem.task == "regression":
        losses = (margins[:, 0] - samples.target) ** 2
    elif problem.task == "binary":
        losses = np.logaddexp(0.0, np.where(samples.target == 1.0, -margins[:, 0], margins[:, 0]))
    else:
        chosen = margins[np.arange(len(margins)), samples.target.astype(np.int64)]
        losses = np.logaddexp.reduce(margins, axis=1) - chosen
    return float(np.average(losses, weights=samples.weight))


class _FittedLinear:
    def __init__(
        self, problem: Problem, dense_width: int, coefficients: F64, intercept: F64, facts: dict[str, Any]
    ) -> None:
        self._problem = problem
        self._dense_width = dense_width
        self._coefficients = coefficients
        self._intercept = intercept
        self.facts = facts

    def scores(self, dense: F32, sparse: I64) -> F64:
        margins = _one_hot(self._problem, dense, sparse) @ self._coefficients + self._intercept
        if self._problem.task == "regression":
            return np.asarray(margins, np.float64)
        if self._problem.task == "binary":
            positive = 1.0 / (1.0 + np.exp(-margins))
            return np.hstack([1.0 - positive, positive])
        return np.asarray(np.exp(margins - np.logaddexp.reduce(margins, axis=1, keepdims=True)), np.float64)

    def to_onnx(self) -> bytes:
        """Build it in float64: a dot product for `dense`, a table look-up for each id."""
        graph = GraphBuilder(self._dense_width, len(self._problem.cardinalities))
        margin = graph.constant(self._intercept.reshape(1, -1))
        if self._dense_width:
            weights = graph.constant(self._coefficients[: self._dense_width])
            margin = graph.node("Add", graph.node("MatMul", graph.cast("dense", TensorProto.DOUBLE), weights), margin)
        if self._problem.cardinalities:
            ids = graph.node("Add", "sparse", graph.constant(_offsets(self._problem)))
            looked_up = graph.node("Gather", graph.constant(self._coefficients[self._dense_width :]), ids, axis=0)
            axis = graph.constant(np.array([1], np.int64))
            margin = graph.node("Add", graph.node("ReduceSum", looked_up, axis, keepdims=0), margin)
        if self._problem.task == "binary":
            margin = graph.probabilities_of_margin(margin)
        elif self._problem.task == "multiclass":
            margin = graph.node("Softmax", margin, axis=1)
        return graph.build(graph.cast(margin, TensorProto.FLOAT), self._problem.class_count)
