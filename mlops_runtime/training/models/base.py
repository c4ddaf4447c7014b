"""What every model kind takes and gives back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["F32", "F64", "I64", "Fitted", "Problem", "Samples", "Task"]

Task = Literal["binary", "multiclass", "regression"]
F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
I64 = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Samples:
    """Rows ready for a model.

    dense: float32[N, d]. sparse: int64[N, s], vocabulary ids. target: float64[N], the class index or the value.
    weight: float64[N], mean 1 over the training rows.
    """

    dense: F32
    sparse: I64
    target: F64
    weight: F64

    def __len__(self) -> int:
        return len(self.target)


@dataclass(frozen=True, slots=True)
class Problem:
    """What is to be learned. class_count: 1 in regression. cardinalities: ids of each sparse column."""

    task: Task
    class_count: int
    cardinalities: tuple[int, ...]
    seed: int
    threads: int

    @property
    def margins(self) -> int:
        """Raw outputs a model needs: one for binary and regression, else one for each class."""
        return self.class_count if self.task == "multiclass" else 1


class Fitted(Protocol):
    """A fitted model. `facts` tells the card how it was fitted."""

    facts: dict[str, Any]

    def scores(self, dense: F32, sparse: I64) -> F64:
        """Return the native estimator's own scores, float64[N, K]; only export compares them with the ONNX scores."""
        ...

    def to_onnx(self) -> bytes:
        """Return the model as ONNX: `dense` and `sparse` in, `score` float32[N, K] out."""
        ...
