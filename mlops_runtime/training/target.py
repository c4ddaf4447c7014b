"""The target column: which task it poses, which classes it has, and how labels are read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mlops_runtime.core.errors import DataError, EmptyInputError, problem
from mlops_runtime.training.models.base import Task

__all__ = ["Labels", "Target", "read_labels", "read_numbers", "understand_target"]

_MAX_INTEGER_CLASSES = 20
_MAX_CLASSES = 200
_ID_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class Labels:
    """A column of labels as texts. index: int64[N] into `texts`, -1 where the label is missing."""

    texts: tuple[str, ...]
    index: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Target:
    """The target ready to learn. values: float64[N], the class index or the number; NaN where it is missing."""

    task: Task
    classes: tuple[str, ...]
    values: NDArray[np.float64]


def read_labels(values: pa.ChunkedArray) -> Labels:
    """Read any column as labels: texts as they are, whole numbers without a point, booleans as true and false.

    >>> read_labels(pa.chunked_array([[1.0, 0.0, None, 1.0]])).texts
    ('1', '0')
    """
    if pa.types.is_floating(values.type):
        values = pc.if_else(pc.is_nan(values), None, values)
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    encoded = values.combine_chunks().dictionary_encode()
    texts = tuple(_label_text(value) for value in encoded.dictionary.to_pylist())
    index = np.asarray(encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False), np.int64)
    return Labels(texts, index)


def read_numbers(values: pa.ChunkedArray, *, where: str) -> NDArray[np.float64]:
    """Read a regression target as float64[N], NaN where missing. Raises DataError for texts and infinite values."""
    if not (pa.types.is_integer(values.type) or pa.types.is_floating(values.type) or pa.types.is_boolean(values.type)):
        raise DataError(
            problem(
                expected="numbers in a regression target",
                got=f"type {values.type}",
                where=where,
                next_step="clean the column, or pass --task classification",
            )
        )
    numbers = np.asarray(values.cast(pa.float64()).to_numpy(), np.float64)
    if np.isinf(numbers).any():
        raise DataError(
            problem(
                expected="finite numbers",
                got=f"{int(np.isinf(numbers).sum())} infinite",
                where=where,
                next_step="correct or remove those rows",
            )
        )
    return numbers


def understand_target(values: pa.ChunkedArray, *, name: str, task: str = "auto") -> Target:
    """Decide what is to be learned from a target column.

    task: "auto", "classification" or "regression". With "auto", texts and booleans are classes, numbers with two
    values are classes, whole numbers with at most 20 values are classes, other numbers are a regression. Classes are
    sorted (numbers by value); of two, the second is the positive one.
    Raises EmptyInputError when every label is missing, DataError when there is one class only, or when the labels look
    like an identifier.
    """
    where = f"target `{name}`"
    is_missing = pc.is_null(values, nan_is_null=pa.types.is_floating(values.type))
    if pc.all(is_missing).as_py():
        raise EmptyInputError(
            problem(
                expected="labels",
                got="none: every row's label is missing",
                where=where,
                next_step="pick another column",
            )
        )
    if task == "regression" or (task == "auto" and _is_continuous(values)):
        return _regression(read_numbers(values, where=where), where)
    return _classification(read_labels(values), where)


def _is_continuous(values: pa.ChunkedArray) -> bool:
    if pa.types.is_integer(values.type):
        return bool(pc.count_distinct(values).as_py() > _MAX_INTEGER_CLASSES)
    if not pa.types.is_floating(values.type):
        return False
    finite = values.filter(pc.is_finite(values))
    distinct = pc.unique(finite)
    whole = pc.all(pc.equal(pc.floor(distinct), distinct)).as_py()
    return len(distinct) > (_MAX_INTEGER_CLASSES if whole else 2)


def _regression(numbers: NDArray[np.float64], where: str) -> Target:
    known = numbers[~np.isnan(numbers)]
    if len(known) and known.min() == known.max():
        raise DataError(
            problem(
                expected="a target that varies",
                got=f"{known[0]:g} in every row",
                where=where,
                next_step="pick another column",
            )
        )
    return Target("regression", (), numbers)


def _classification(labels: Labels, where: str) -> Target:
    classes = _ordered(labels.texts)
    rows = int((labels.index >= 0).sum())
    if len(classes) == 1:
        got, step = f"only `{classes[0]}` in {rows} rows", "add rows of another class, or pick another column"
        raise DataError(problem(expected="at least two classes", got=got, where=where, next_step=step))
    if len(classes) > _MAX_CLASSES or len(classes) > max(2, _ID_SHARE * rows):
        raise DataError(
            problem(
                expected=f"at most {_MAX_CLASSES} classes, each on several rows",
                got=f"{len(classes)} different labels in {rows} rows, as an identifier has",
                where=where,
                next_step="pick another column, or pass --task regression if these are numbers",
            )
        )
    position = np.array([classes.index(text) for text in labels.texts], np.float64)
    values = np.where(labels.index >= 0, position[labels.index], np.nan)
    return Target("binary" if len(classes) == 2 else "multiclass", classes, values)


def _ordered(texts: Sequence[str]) -> tuple[str, ...]:
    """Sort classes: by value when all are numbers, else by text."""
    try:
        return tuple(sorted(texts, key=float))
    except ValueError:
        return tuple(sorted(texts))


def _label_text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
