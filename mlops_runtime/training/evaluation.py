"""Evaluation: the bundle's own scores against labels. Needs the base install only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mlops_runtime.core.errors import EmptyInputError, problem
from mlops_runtime.data import DataPath, Dataset, read_dataset
from mlops_runtime.monitoring.performance.metrics import (
    BinaryStatistics,
    Groups,
    Interval,
    MulticlassStatistics,
    RegressionStatistics,
    binary_groups,
    calibration_table,
    intervals,
    multiclass_groups,
    read_groups,
    regression_groups,
)
from mlops_runtime.registry import Model
from mlops_runtime.training.labels import match_labels
from mlops_runtime.training.models.base import Task
from mlops_runtime.training.target import read_labels, read_numbers

__all__ = ["RESAMPLES", "Evaluation", "Judged", "evaluate", "judge", "read_labelled"]

RESAMPLES = 200


@dataclass(frozen=True, slots=True)
class Judged:
    """What is judged. target: float64[N], class index or number. score: float32[N, K]."""

    task: Task
    classes: tuple[str, ...]
    threshold: float | None
    target: NDArray[np.float64]
    score: NDArray[np.float32]

    @property
    def positive(self) -> NDArray[np.bool_]:
        """Rows of the positive class (binary)."""
        return np.equal(self.target, 1.0)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Metrics with 95 % bootstrap intervals, calibration, confusion, groups, and how labels were read.

    groups: for each sensitive column its groups' metrics and differences. label_mapping: labels read as another class.
    """

    task: Task
    n: int
    metrics: dict[str, Interval]
    threshold: float | None = None
    calibration: tuple[dict[str, Any], ...] = ()
    confusion: dict[str, Any] | None = None
    groups: dict[str, Any] = field(default_factory=dict)
    label_mapping: dict[str, dict[str, Any]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values; an undefined number is None."""
        return {
            "task": self.task,
            "n": self.n,
            "metrics": {name: interval.to_dict() for name, interval in self.metrics.items()},
            "threshold": self.threshold,
            "calibration": list(self.calibration),
            "confusion": self.confusion,
            "groups": self.groups,
            "label_mapping": self.label_mapping,
            "notes": list(self.notes),
        }


def read_labelled(data: DataPath, model: Model, *, sensitive: Sequence[str] = ()) -> Dataset:
    """Read a data set's model inputs as the model's kinds, and its target and sensitive columns as they are."""
    names = dict.fromkeys([*model.schema.names, model.bundle.manifest.target, *sensitive])
    return read_dataset(data, schema=model.schema, columns=list(names))


def evaluate(
    model: Model,
    dataset: Dataset,
    *,
    sensitive: Sequence[str] = (),
    strict_labels: bool = False,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Evaluation:
    """Score a labelled data set and measure the scores.

    sensitive: columns to report by group. strict_labels: refuse labels that are a class only without outer spaces and
    one final dot; otherwise they are read as that class, which `label_mapping` and `notes` show.
    Raises DataError for labels of no known class and SchemaError for missing columns.
    """
    target = model.bundle.manifest.target
    where = f"{dataset.manifest.files[0].name}: target `{target}`"
    column = dataset.table.column(target)
    notes: list[str] = list(dataset.notes)
    mapping: dict[str, dict[str, Any]] = {}
    if model.task == "regression":
        values = read_numbers(column, where=where)
    else:
        match = match_labels(read_labels(column), model.classes, strict=strict_labels, where=where)
        values, mapping = np.where(match.index >= 0, match.index, np.nan), match.mapping
        notes.extend(match.notes)
    labelled = ~np.isnan(values)
    table = _labelled_rows(dataset.table, labelled, where, notes)
    judged = Judged(model.task, model.classes, model.threshold, values[labelled], model.score(table).probability)
    groups = [read_groups(table.column(name), column=name) for name in sensitive]
    return judge(judged, groups=groups, resamples=resamples, seed=seed, label_mapping=mapping, notes=notes)


def _labelled_rows(table: pa.Table, labelled: NDArray[np.bool_], where: str, notes: list[str]) -> pa.Table:
    missing = int((~labelled).sum())
    if missing == len(labelled):
        raise EmptyInputError(
            problem(expected="labels", got="none: every row's label is missing", where=where, next_step="add labels")
        )
    if missing:
        notes.append(f"{missing} rows without a label are left out")
        return table.filter(pa.array(labelled))
    return table


def judge(
    judged: Judged,
    *,
    groups: Sequence[Groups] = (),
    resamples: int = RESAMPLES,
    seed: int = 0,
    label_mapping: dict[str, dict[str, Any]] | None = None,
    notes: Sequence[str] = (),
) -> Evaluation:
    """Measure scores that are already there."""
    measured, calibration, confusion = _MEASURE[judged.task](judged, resamples, seed)
    return Evaluation(
        task=judged.task,
        n=len(judged.target),
        metrics=measured,
        threshold=judged.threshold,
        calibration=tuple(calibration),
        confusion=confusion,
        groups={group.column: _by_group(judged, group) for group in groups},
        label_mapping=label_mapping or {},
        notes=tuple(notes),
    )


_Measured = tuple[dict[str, Interval], list[dict[str, float | int]], dict[str, Any] | None]


def _binary(judged: Judged, resamples: int, seed: int) -> _Measured:
    assert judged.threshold is not None
    probability = judged.score[:, 1]
    statistics = BinaryStatistics(judged.positive, probability, judged.threshold)
    calibration = calibration_table(probability.astype(np.float64), judged.target)
    confusion = _confusion(judged.classes, statistics.confusion(np.ones(statistics.rows)))
    return intervals(statistics, resamples=resamples, seed=seed), calibration, confusion


def _multiclass(judged: Judged, resamples: int, seed: int) -> _Measured:
    target = judged.target.astype(np.intp)
    statistics = MulticlassStatistics(target, judged.score)
    chosen = judged.score.argmax(axis=1)
    confidence = judged.score.max(axis=1).astype(np.float64)
    calibration = calibration_table(confidence, (chosen == target).astype(np.float64))
    confusion = _confusion(judged.classes, statistics.confusion(np.ones(statistics.rows)))
    return intervals(statistics, resamples=resamples, seed=seed), calibration, confusion


def _regression(judged: Judged, resamples: int, seed: int) -> _Measured:
    statistics = RegressionStatistics(judged.target, judged.score[:, 0].astype(np.float64))
    return intervals(statistics, resamples=resamples, seed=seed), [], None


_MEASURE = {"binary": _binary, "multiclass": _multiclass, "regression": _regression}


def _confusion(classes: tuple[str, ...], cells: list[list[float]]) -> dict[str, Any]:
    """Rows are true classes, columns the chosen ones."""
    return {"classes": list(classes), "matrix": [[int(cell) for cell in row] for row in cells]}


def _by_group(judged: Judged, groups: Groups) -> dict[str, Any]:
    if judged.task == "regression":
        return regression_groups(groups, judged.target, judged.score[:, 0].astype(np.float64))
    if judged.task == "multiclass":
        return multiclass_groups(groups, judged.target.astype(np.intp), judged.score)
    assert judged.threshold is not None
    return binary_groups(groups, judged.positive, judged.score[:, 1], judged.threshold)
