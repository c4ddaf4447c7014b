"""Tables of scored rows, as files hold them, to `ScoredRows`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mlops_runtime.core.errors import ConfigError, problem
from mlops_runtime.monitoring.performance.columns import class_index_of, column_of, numbers_of
from mlops_runtime.monitoring.performance.metrics import read_groups
from mlops_runtime.monitoring.performance.scoring import ScoredRows, Scoring

__all__ = ["ScoredColumns"]


@dataclass(frozen=True, slots=True)
class ScoredColumns:
    """Which columns of a table hold what. label: None where there are no labels.

    Raises ConfigError unless there is one score, or of several classes one of each.
    """

    scoring: Scoring
    scores: tuple[str, ...] = ("score",)
    label: str | None = None
    groups: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if len(self.scores) != self.scoring.width:
            expected, got = f"{self.scoring.width} score column(s)", ", ".join(self.scores) or "none"
            next_step = "name one for each class, in their order"
            raise ConfigError(problem(expected=expected, got=got, where="scored rows", next_step=next_step))

    @property
    def names(self) -> tuple[str, ...]:
        """The columns, each once."""
        return tuple(dict.fromkeys((*self.scores, *([self.label] if self.label else []), *self.groups)))

    def read(self, table: pa.Table) -> tuple[ScoredRows, NDArray[np.intp]]:
        """Return the rows that have scores, and which these are; a label that is absent or no class is NaN.

        Raises SchemaError for a column that is missing or of another kind.
        """
        columns = [numbers_of(column_of(table, name), name).to_numpy() for name in self.scores]
        scores = np.stack(columns, axis=1).astype(np.float64)
        outcomes = np.full(table.num_rows, np.nan)
        if self.label is not None:
            label = column_of(table, self.label)
            regression = self.scoring.task == "regression"
            read = numbers_of(label, self.label) if regression else class_index_of(label, self.scoring, self.label)
            outcomes = read.to_numpy().astype(np.float64)
        groups = tuple(read_groups(column_of(table, name), column=name) for name in self.groups)
        scored = np.flatnonzero(np.isfinite(scores).all(axis=1))
        return ScoredRows(scores, outcomes, groups).take(scored), scored
