"""From a data file to three parts ready for a model: read, check, split, fit the program on the training part."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mlops_runtime.core.errors import ConfigError, DataError, SchemaError, problem
from mlops_runtime.core.settings import settings
from mlops_runtime.data import Dataset, read_dataset
from mlops_runtime.data.schema import listed
from mlops_runtime.features import FeatureProgram, FeatureSpec, Matrices, fit_program, fit_transform, infer_spec
from mlops_runtime.training.config import ROW_ORDER, TrainConfig
from mlops_runtime.training.labels import alike_notes
from mlops_runtime.training.models import Problem, Samples
from mlops_runtime.training.split import MINIMUM_ROWS, Split, random_split, time_order, time_split
from mlops_runtime.training.target import Target, understand_target

__all__ = ["Prepared", "prepare"]


@dataclass(frozen=True, slots=True)
class Prepared:
    """Everything a model kind needs, and what a reader of the card should know.

    table: the labelled rows. target, weight and matrices belong to its rows; split holds positions in it.
    """

    dataset: Dataset
    table: pa.Table
    target: Target
    weight: NDArray[np.float64]
    split: Split
    program: FeatureProgram
    matrices: Matrices
    problem: Problem
    notes: tuple[str, ...]

    def samples(self, rows: NDArray[np.int64]) -> Samples:
        """Return the rows of one part, ready for a model."""
        dense, sparse = self.matrices.dense[rows], self.matrices.sparse[rows]
        return Samples(dense, sparse, self.target.values[rows], self.weight[rows])


def prepare(config: TrainConfig, progress: Callable[[str, float], None]) -> Prepared:
    """Read and check the data, split it, fit the feature program on the training part and transform all rows.

    Raises SchemaError for a column that is not there and DataError for data no model can be fitted on.
    """
    progress("read", 0.0)
    dataset = read_dataset(config.data)
    _check_columns(config, dataset)
    table, target, notes = _labelled(config, dataset)
    weight = _weights(config, table, target)
    progress("split", 0.15)
    split = _split(config, table, target)
    _check_parts(config, split, target, weight)
    progress("fit features", 0.2)
    spec, more_notes = _spec(config, dataset, table)
    learned = table.take(pa.array(split.train))
    out_of_fold = fit_transform(spec, learned, dataset.schema) if spec.target_columns else None
    program = out_of_fold.program if out_of_fold else fit_program(spec, learned, dataset.schema)
    progress("transform", 0.3)
    matrices = program.transform(table)
    if out_of_fold:
        matrices.dense[split.train] = out_of_fold.matrices.dense
    posed = Problem(
        task=target.task,
        class_count=max(1, len(target.classes)),
        cardinalities=tuple(program.cardinalities),
        seed=config.seed,
        threads=settings().thread_count,
    )
    weight = weight / weight[split.train].mean()
    if config.time not in (None, ROW_ORDER):
        more_notes = (*more_notes, f"column `{config.time}` orders the rows and is no feature")
    notes = (*dataset.notes, *notes, *more_notes)
    return Prepared(dataset, table, target, weight, split, program, matrices, posed, notes)


def _check_columns(config: TrainConfig, dataset: Dataset) -> None:
    named = {
        "--target": (config.target,),
        "--weight": (config.weight,) if config.weight else (),
        "--time": (config.time,) if config.time and config.time != ROW_ORDER else (),
        "--id": config.ids,
        "--exclude": config.exclude,
        "--sensitive": config.sensitive,
    }
    for option, names in named.items():
        for name in names:
            if name not in dataset.schema.names:
                raise _no_such_column(name, option, dataset.schema.names, str(config.data))


def _no_such_column(name: str, option: str, present: Sequence[str], where: str) -> SchemaError:
    folded = {other.casefold(): other for other in present}
    close = difflib.get_close_matches(name.casefold(), folded, n=1)
    step = f"did you mean `{folded[close[0]]}`?" if close else f"pass one of these with {option}"
    got = f"columns {', '.join(f'`{other}`' for other in present)}"
    return SchemaError(problem(expected=f"column `{name}` ({option})", got=got, where=where, next_step=step))


def _labelled(config: TrainConfig, dataset: Dataset) -> tuple[pa.Table, Target, tuple[str, ...]]:
    """Return the rows that have a label, their target, and a note on the others."""
    target = understand_target(dataset.table.column(config.target), name=config.target, task=config.task)
    labelled = ~np.isnan(target.values)
    rows = int(labelled.sum())
    if rows < MINIMUM_ROWS:
        raise DataError(
            problem(
                expected=f"at least {MINIMUM_ROWS} labelled rows",
                got=str(rows),
                where=str(config.data),
                next_step="a split into training, validation and test rows needs more data",
            )
        )
    notes = alike_notes(target.classes)
    if rows == len(labelled):
        return dataset.table, target, notes
    note = f"{len(labelled) - rows} rows without a `{config.target}` are left out"
    return dataset.table.filter(pa.array(labelled)), replace(target, values=target.values[labelled]), (*notes, note)


def _weights(config: TrainConfig, table: pa.Table, target: Target) -> NDArray[np.float64]:
    """Return one weight a row: the weight column's, times the inverse class frequency when asked for."""
    weight = np.ones(table.num_rows)
    if config.weight is not None:
        weight = _weight_column(table, config.weight)
    if config.class_weight == "balanced":
        if target.task == "regression":
            raise DataError(
                problem(
                    expected="classes for --class-weight",
                    got="a regression target",
                    where=f"target `{config.target}`",
                    next_step="leave it out, or pass --task classification",
                )
            )
        index = target.values.astype(np.int64)
        total = np.bincount(index, weight, len(target.classes))
        weight = weight * (weight.sum() / (len(target.classes) * np.maximum(total, np.finfo(float).tiny)))[index]
    return weight


def _weight_column(table: pa.Table, name: str) -> NDArray[np.float64]:
    column = table.column(name)
    usable = pa.types.is_integer(column.type) or pa.types.is_floating(column.type)
    values = column.cast(pa.float64()).to_numpy() if usable else np.full(table.num_rows, np.nan)
    bad = int((~np.isfinite(values) | (values < 0)).sum())
    if bad or not values.any():
        got = f"{bad} missing, negative, infinite or not numeric" if bad else "zero in every row"
        raise DataError(
            problem(
                expected="a finite weight >= 0 in every row, some of them > 0",
                got=got,
                where=f"weight column `{name}`",
                next_step="correct the column, or leave --weight out",
            )
        )
    return np.asarray(values, np.float64)


def _split(config: TrainConfig, table: pa.Table, target: Target) -> Split:
    if config.time == ROW_ORDER:
        return time_split(np.arange(table.num_rows), column=ROW_ORDER)
    if config.time is not None:
        return time_split(time_order(table.column(config.time), column=config.time), column=config.time)
    is_class = target.task != "regression"
    strata = target.values.astype(np.int64) if is_class else np.zeros(table.num_rows, np.int64)
    return random_split(strata, seed=config.seed)


def _check_parts(config: TrainConfig, split: Split, target: Target, weight: NDArray[np.float64]) -> None:
    """Refuse a part without weight, and a training part without each class, or a regression target that varies."""
    for name, rows in (("training", split.train), ("validation", split.validation)):
        if not weight[rows].any():
            raise DataError(
                problem(
                    expected=f"a weight > 0 among the {name} rows",
                    got=f"0 in all {len(rows)} ({split.method})",
                    where=f"weight column `{config.weight}`",
                    next_step="correct the column, or leave --weight out",
                )
            )
    learned = target.values[split.train]
    if target.task == "regression":
        absent = ["a second value"] if np.ptp(learned) == 0 else []
    else:
        seen = np.bincount(learned.astype(np.int64), minlength=len(target.classes))
        absent = [f"`{target.classes[at]}`" for at in np.flatnonzero(seen == 0)]
    if absent:
        raise DataError(
            problem(
                expected="every class among the training rows",
                got=f"none of {', '.join(absent[:5])} ({split.method})",
                where=f"target `{config.target}`",
                next_step="add rows of it, remove its few rows, or split without --time",
            )
        )


def _spec(config: TrainConfig, dataset: Dataset, table: pa.Table) -> tuple[FeatureSpec, tuple[str, ...]]:
    """Return the features as declared, or chosen by all rows (a sample hides that a column numbers them), and notes."""
    if config.spec is None:
        inferred = infer_spec(table, dataset.schema, target=config.target, exclude=config.not_features)
        return inferred.spec, inferred.notes
    leaked = sorted({config.target, *config.not_features} & set(config.spec.columns))
    if leaked:
        raise DataError(
            problem(
                expected="features without the target, ids, weight, time and excluded columns",
                got=listed(leaked),
                where="feature spec",
                next_step="take them out of the spec",
            )
        )
    bags = [feature.output_name for feature in config.spec.features if feature.makes_bag]
    if bags:
        raise ConfigError(
            problem(
                expected="features that are columns of a matrix",
                got=f"bags of ids: {listed(bags)}",
                where="feature spec",
                next_step="no model kind reads bags: choose another `output`, or use the program from Python",
            )
        )
    return config.spec, ()
