"""Every model kind says the same in ONNX as natively, for every task and every width of input."""

from __future__ import annotations

import lightgbm
import numpy as np
import pytest
from onnx import TensorProto

from mlops_runtime.registry import Scorer
from mlops_runtime.training.candidates import EXPORT_TOLERANCE, fit_candidate
from mlops_runtime.training.models import Problem, Samples, fit_model
from mlops_runtime.training.onnx.graph import GraphBuilder
from mlops_runtime.training.onnx.trees import add_tree_ensemble

KINDS = ("gbdt", "linear", "mlp")
CLASS_COUNTS = {"binary": 2, "multiclass": 4, "regression": 1}


def make_samples(task: str, *, rows: int, dense: int, cardinalities: tuple[int, ...], seed: int) -> Samples:
    generator = np.random.default_rng(seed)
    numbers = generator.normal(size=(rows, dense)).astype(np.float32)
    ids = np.column_stack([generator.integers(0, size, rows) for size in cardinalities]) if cardinalities else None
    sparse = np.zeros((rows, 0), np.int64) if ids is None else ids.astype(np.int64)
    signal = numbers[:, :2].sum(axis=1) + (sparse % 7).sum(axis=1) + generator.normal(size=rows) / 2
    if task == "regression":
        target = 1e4 + 100.0 * signal
    else:
        inner = np.linspace(0, 1, CLASS_COUNTS[task] + 1)[1:-1]
        target = np.searchsorted(np.quantile(signal, inner), signal).astype(float)
    return Samples(numbers, sparse, target, np.ones(rows))


def make_problem(task: str, cardinalities: tuple[int, ...]) -> Problem:
    return Problem(task, CLASS_COUNTS[task], cardinalities, seed=3, threads=1)


@pytest.mark.parametrize("task", CLASS_COUNTS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("dense", "cardinalities"), [(3, (5, 300)), (4, ()), (0, (6, 90))])
def test_exported_scores_are_the_native_scores(
    kind: str, task: str, dense: int, cardinalities: tuple[int, ...]
) -> None:
    train, validation, other = (
        make_samples(task, rows=rows, dense=dense, cardinalities=cardinalities, seed=seed)
        for seed, rows in enumerate((600, 200, 300))
    )
    candidate = fit_candidate(kind, make_problem(task, cardinalities), train, validation)
    assert candidate.export_difference <= EXPORT_TOLERANCE
    score = Scorer(candidate.onnx).run(other.dense, other.sparse)
    assert score.shape == (300, CLASS_COUNTS[task])
    if task == "regression":
        assert np.corrcoef(score[:, 0], other.target)[0, 1] > 0.3
    else:
        assert np.allclose(score.sum(axis=1), 1.0, atol=1e-6)
        assert (score.argmax(axis=1) == other.target).mean() > 1.2 / CLASS_COUNTS[task]


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_fit_twice_gives_the_same_bytes(kind: str) -> None:
    train, validation = (make_samples("binary", rows=400, dense=3, cardinalities=(9,), seed=seed) for seed in range(2))
    first, again = (fit_model(kind, make_problem("binary", (9,)), train, validation).to_onnx() for _ in range(2))
    assert first == again


@pytest.mark.parametrize("kind", KINDS)
def test_scores_do_not_depend_on_the_batch_a_row_comes_in(kind: str) -> None:
    train, validation = (
        make_samples("multiclass", rows=400, dense=3, cardinalities=(9, 70), seed=seed) for seed in range(2)
    )
    scorer = Scorer(fit_model(kind, make_problem("multiclass", (9, 70)), train, validation).to_onnx())
    whole = scorer.run(validation.dense, validation.sparse)
    for size in (1, 2, 3, 64):
        assert np.array_equal(scorer.run(validation.dense[:size], validation.sparse[:size]), whole[:size])


@pytest.fixture(scope="module")
def wide_booster() -> tuple[lightgbm.Booster, np.ndarray]:
    """Trees with categorical sets that span many chunks of 64 ids, and numeric thresholds between float32 values."""
    generator = np.random.default_rng(5)
    ids = generator.integers(0, 500, 6000)
    numbers = generator.normal(size=6000).astype(np.float32)
    target = (generator.normal(size=500)[ids] + numbers + generator.normal(size=6000) / 4) > 0
    features = np.column_stack([numbers, ids.astype(np.float32)])
    options = {"objective": "binary", "verbosity": -1, "min_data_per_group": 5, "cat_smooth": 1.0, "num_threads": 1}
    data = lightgbm.Dataset(features, target.astype(float), categorical_feature=[1])
    return lightgbm.train(options, data, 40), features


def raw_scorer(booster: lightgbm.Booster) -> Scorer:
    graph = GraphBuilder(1, 1)
    raw = add_tree_ensemble(graph, booster.dump_model()["tree_info"], 1)
    return Scorer(graph.build(graph.cast(raw, TensorProto.FLOAT), 1))


def test_trees_agree_with_lightgbm_for_every_id_seen_or_not(wide_booster: tuple[lightgbm.Booster, np.ndarray]) -> None:
    booster, _ = wide_booster
    ids = np.arange(0, 2000, dtype=np.int64)
    numbers = np.random.default_rng(6).normal(size=2000).astype(np.float32)
    native = booster.predict(np.column_stack([numbers, ids.astype(np.float64)]), raw_score=True)
    assert np.abs(raw_scorer(booster).run(numbers[:, None], ids[:, None])[:, 0] - native).max() < 1e-6


def test_trees_agree_with_lightgbm_on_both_sides_of_every_threshold(
    wide_booster: tuple[lightgbm.Booster, np.ndarray],
) -> None:
    booster, _ = wide_booster
    nodes = booster.trees_to_dataframe()
    thresholds = nodes.loc[nodes.decision_type == "<=", "threshold"].astype(float).to_numpy()
    near = thresholds.astype(np.float32)
    numbers = np.unique(np.concatenate([near, np.nextafter(near, np.float32(9)), np.nextafter(near, np.float32(-9))]))
    ids = np.full(len(numbers), 17, np.int64)
    native = booster.predict(np.column_stack([numbers.astype(np.float64), ids]), raw_score=True)
    assert np.abs(raw_scorer(booster).run(numbers[:, None], ids[:, None])[:, 0] - native).max() < 1e-6


def test_trees_that_never_split_export_as_their_constant() -> None:
    features, target = np.zeros((50, 1), np.float32), np.full(50, 2.5)
    booster = lightgbm.train({"objective": "regression", "verbosity": -1}, lightgbm.Dataset(features, target), 3)
    graph = GraphBuilder(1, 0)
    raw = add_tree_ensemble(graph, booster.dump_model()["tree_info"], 1)
    score = Scorer(graph.build(graph.cast(raw, TensorProto.FLOAT), 1)).run(features, np.zeros((50, 0), np.int64))
    assert np.allclose(score, booster.predict(features)[:, None])
