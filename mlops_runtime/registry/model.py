"""A bundle made runnable: raw rows in, probabilities and labels out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mlops_runtime.core.errors import DataError
from mlops_runtime.registry.bundle import Bundle
from mlops_runtime.registry.manifest import Task
from mlops_runtime.registry.scorer import Scorer

if TYPE_CHECKING:
    import pyarrow as pa

    from mlops_runtime.data import Schema

__all__ = ["Model", "Scores"]


@dataclass(frozen=True, slots=True)
class Scores:
    """What a model says about N rows.

    probability: float32[N, K] in the order of the bundle's classes; in regression float32[N, 1], the value.
    label: one class a row, list of N strings; in regression float64[N].
    """

    probability: NDArray[np.float32]
    label: list[str] | NDArray[np.float64]


class Model:
    """A loaded bundle: its program and its ONNX model, ready to score. Thread-safe."""

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle
        self.program = bundle.program
        self._scorer = Scorer(bundle.read("model.onnx"))

    @classmethod
    def load(cls, bundle: Bundle) -> Model:
        """Load a verified bundle."""
        return cls(bundle)

    @property
    def schema(self) -> Schema:
        """The raw input columns."""
        return self.bundle.schema

    @property
    def task(self) -> Task:
        """`binary`, `multiclass` or `regression`."""
        return self.bundle.manifest.task

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes in the order of the probability columns; empty for regression."""
        return self.bundle.manifest.classes

    @property
    def threshold(self) -> float | None:
        """The decision threshold on the probability of `classes[1]`; None unless binary."""
        return self.bundle.threshold

    def score(self, table: pa.Table) -> Scores:
        """Score raw rows: clean them as training did, transform, run the model, decide.

        Raises SchemaError when a column is missing or of the wrong kind, DataError when the model yields no number.
        """
        from mlops_runtime.data import conform

        return self.score_conformed(conform(table, self.schema, where=f"input of `{self.bundle.manifest.name}`"))

    def score_conformed(self, table: pa.Table) -> Scores:
        """Score rows that went through `data.conform` with this model's schema already."""
        matrices = self.program.transform(table)
        return self.decide(self._scorer.run(matrices.dense, matrices.sparse))

    def decide(self, probability: NDArray[np.float32]) -> Scores:
        """Turn model output, float32[N, K], into labels: threshold (binary), argmax (multiclass), value (regression).

        Thresholds are compared in float64. Raises DataError when a score is NaN, naming the first such row.
        """
        undefined = np.flatnonzero(np.isnan(probability).any(axis=1))
        if undefined.size:
            raise DataError(
                f"model `{self.bundle.manifest.name}`: expected a number for every row, got NaN for {undefined.size} "
                f"of {len(probability)}, first at row {undefined[0]} — look for infinite or extreme inputs there"
            )
        if self.task == "regression":
            return Scores(probability, probability[:, 0].astype(np.float64))
        if self.threshold is not None:
            chosen: NDArray[Any] = (probability[:, 1].astype(np.float64) >= self.threshold).astype(np.intp)
        else:
            chosen = probability.argmax(axis=1)
        return Scores(probability, [self.classes[index] for index in chosen.tolist()])
