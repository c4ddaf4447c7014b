"""An estimator as a file: read back bit for bit, and anything else is one clear error."""

from __future__ import annotations

import copy
import json
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from mlops_runtime.core.errors import SchemaError
from mlops_runtime.monitoring.performance.estimate import (
    ConfidenceEstimator,
    Estimator,
    LossEstimator,
    estimator_files,
    estimator_of,
)

FILE = "estimator.json"


def _confidence(method: str, classes: int = 2) -> ConfidenceEstimator:
    generator = np.random.default_rng(0)
    scores = generator.dirichlet(np.ones(classes), 600)
    outcome = (generator.random((600, 1)) > np.cumsum(scores, axis=1)).sum(axis=1).clip(max=classes - 1)
    given = scores if classes > 2 else scores[:, 1]
    return ConfidenceEstimator.fit(given, outcome.astype(np.float64), threshold=0.3, method=method)


def _inputs(rows: int) -> pa.Table:
    generator = np.random.default_rng(rows)
    return pa.table({"x": generator.normal(size=rows), "city": generator.choice(["A", "B"], rows)})


def _losses() -> LossEstimator:
    return LossEstimator.fit(_inputs(400), np.random.default_rng(1).normal(size=400))


ESTIMATORS: dict[str, Estimator] = {
    "isotonic": _confidence("isotonic"),
    "beta": _confidence("beta"),
    "three classes": _confidence("isotonic", 3),
    "losses": _losses(),
}


@pytest.mark.parametrize("name", ESTIMATORS)
def test_an_estimator_that_was_stored_estimates_the_same_bits(name: str) -> None:
    estimator = ESTIMATORS[name]
    files = estimator_files(estimator)
    read = estimator_of(files)
    assert estimator_files(read) == files
    rows: Any = np.random.default_rng(3).dirichlet(np.ones(3), 200)
    rows = {"losses": _inputs(200), "three classes": rows}.get(name, rows[:, 0])
    assert read.estimate(rows) == estimator.estimate(rows)


def _damaged(document: dict[str, Any]) -> list[Any]:
    """Return every document in which one value, at any depth, is of another kind or is gone."""
    found: list[Any] = []

    def visit(path: tuple[Any, ...], value: object) -> None:
        for wrong in ("!", -1.5, None, [], {}):
            broken = copy.deepcopy(document)
            place: Any = broken
            for step in path[:-1]:
                place = place[step]
            place[path[-1]] = wrong
            found.append(broken)
        children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        for step, child in children:
            visit((*path, step), child)

    for name, value in document.items():
        visit((name,), value)
    return found


@pytest.mark.parametrize("name", ESTIMATORS)
def test_a_damaged_document_is_a_schema_error_or_an_estimator(name: str) -> None:
    documents = _damaged(json.loads(estimator_files(ESTIMATORS[name])[FILE]))
    refused = 0
    for document in documents:
        try:
            estimator_of({FILE: json.dumps(document).encode()})
        except SchemaError:
            refused += 1
    assert refused > 0.8 * len(documents)  # what is left has other numbers, or texts, in the right places


@pytest.mark.parametrize(
    "data",
    [b"", b"[" * 100_000, b"{", b"[]", b"null", b'{"format_version":2}', b'{"format_version":1,"kind":"x"}', b"\xff"],
)
def test_something_else_is_refused(data: bytes) -> None:
    with pytest.raises(SchemaError, match=r"estimator.json: expected an estimator of performance, got .* — train"):
        estimator_of({FILE: data})
    with pytest.raises(SchemaError):
        estimator_of({})


def test_only_the_telling_columns_are_kept() -> None:
    generator = np.random.default_rng(5)
    table = pa.table({f"x{at}": generator.normal(size=2_000) for at in range(6)})
    error = generator.normal(0, np.where(table["x4"].to_numpy() > 0, 3.0, 1.0))
    estimator = LossEstimator.fit(table, error, most_columns=1)
    assert list(estimator.design.columns) == ["x4"]
