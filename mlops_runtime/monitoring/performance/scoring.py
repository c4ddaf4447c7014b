"""What a model predicts, and rows of it whose outcome is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mlops_runtime.core.errors import ConfigError, ShapeError, problem
from mlops_runtime.monitoring.performance.metrics import Groups

__all__ = ["ScoredRows", "Scoring", "Task"]

Task = Literal["binary", "multiclass", "regression"]


@dataclass(frozen=True, slots=True)
class Scoring:
    """What the scores mean. Raises ConfigError for classes or a threshold that the task cannot have.

    classes: names in the order of the scores; of two, the second is the positive one. threshold: of the positive
    class's probability, at which a row is called positive.

    >>> Scoring("binary").positive
    '1'
    """

    task: Task
    classes: tuple[str, ...] = ()
    threshold: float = 0.5

    def __post_init__(self) -> None:
        if self.task == "binary" and not self.classes:
            object.__setattr__(self, "classes", ("0", "1"))
        count = len(set(self.classes))
        right = {"binary": count == 2, "multiclass": count > 2, "regression": count == 0}[self.task]
        if not right or count != len(self.classes):
            classes = {"binary": "two different classes", "multiclass": "three or more different classes"}
            self._refuse(classes.get(self.task, "no class"), ", ".join(self.classes) or "none", "name them")
        if not 0.0 <= self.threshold <= 1.0:
            self._refuse("a threshold in [0, 1]", str(self.threshold), "give a probability")

    @property
    def positive(self) -> str:
        """The positive class of a binary task."""
        return self.classes[1]

    @property
    def width(self) -> int:
        """How many numbers a prediction has: one for each class of a multiclass task, else one."""
        return len(self.classes) if self.task == "multiclass" else 1

    def _refuse(self, expected: str, got: str, next_step: str) -> None:
        where = f"Scoring of a {self.task} task"
        raise ConfigError(problem(expected=expected, got=got, where=where, next_step=next_step))


@dataclass(frozen=True, slots=True)
class ScoredRows:
    """Predictions with their outcomes.

    scores: float64[n, width]: the probability of the positive class, of every class, or the predicted number.
    outcomes: float64[n]: the index of the class that came true, or the number. groups: each row's group, by column.
    Raises ShapeError when these do not have the same rows.
    """

    scores: NDArray[np.float64]
    outcomes: NDArray[np.float64]
    groups: tuple[Groups, ...] = ()

    def __post_init__(self) -> None:
        rows = {len(self.outcomes), *(len(group.index) for group in self.groups)}
        if self.scores.ndim != 2 or rows != {len(self.scores)}:
            raise ShapeError(
                problem(
                    expected="scores[n, width], outcomes[n] and groups of n rows",
                    got=f"scores{list(self.scores.shape)}, others of {sorted(rows)} rows",
                    where="ScoredRows",
                    next_step="give one column of scores as scores[:, None]",
                )
            )

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self.outcomes)

    def take(self, rows: NDArray[np.intp]) -> ScoredRows:
        """Return rows by their places."""
        groups = tuple(Groups(each.column, each.names, each.index[rows]) for each in self.groups)
        return ScoredRows(self.scores[rows], self.outcomes[rows], groups)
