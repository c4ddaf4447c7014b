"""Columns as weights: of a number on the two knots around it, of a text on its category; missing values apart."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mlops_runtime.core.errors import SchemaError, problem
from mlops_runtime.monitoring.state.arrays import array_of, plain
from mlops_runtime.monitoring.state.table import as_table, kind_of

__all__ = ["Design", "Weights"]

F64 = NDArray[np.float64]

_KNOTS = (0.005, 0.02, 0.05, *(at / 10 for at in range(1, 10)), 0.95, 0.98, 0.995)
_CATEGORIES = 16
_CHUNK_ROWS = 8192


@dataclass(frozen=True, slots=True)
class Weights:
    """Each row's weights. slots, values: int64 and float64 [n, 2 columns]; a column's two values add up to 1."""

    slots: NDArray[np.int64]
    values: F64
    width: int

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self.slots)

    def sums(self, of: F64) -> F64:
        """Return float64[width], the weighted sums of one number for each row."""
        return np.bincount(self.slots.ravel(), (self.values * of[:, None]).ravel(), self.width).astype(np.float64)

    def effects(self, of: F64) -> F64:
        """Return float64[n], the sum of what float64[width] gives each row."""
        total: F64 = (of[self.slots] * self.values).sum(axis=1)
        return total

    def chunks(self) -> Iterator[tuple[slice, F64]]:
        """Yield the weights of some rows at a time as float64[rows, width], so that memory stays small."""
        for begin in range(0, self.rows, _CHUNK_ROWS):
            rows = slice(begin, begin + _CHUNK_ROWS)
            count = len(self.slots[rows])
            places = self.slots[rows] + self.width * np.arange(count)[:, None]
            dense = np.bincount(places.ravel(), self.values[rows].ravel(), count * self.width)
            yield rows, dense.reshape(count, self.width).astype(np.float64, copy=False)


@dataclass(frozen=True, slots=True)
class Design:
    """Where each column is cut. A number has a slot for each knot, a text for each category and others; then missing.

    columns: by name, ascending knots (float64) or the most frequent categories (texts).
    """

    columns: dict[str, F64 | tuple[str, ...]]

    @property
    def width(self) -> int:
        """How many slots there are."""
        return sum(len(cut) + 2 for cut in self.columns.values())

    @classmethod
    def fit(cls, data: object) -> Design:
        """Put knots at quantiles and keep the most frequent texts. Raises SchemaError for columns of other kinds."""
        table = as_table(data)
        return cls({name: _cut(table.column(name), name) for name in table.column_names})

    def only(self, names: Collection[str]) -> Design:
        """Return the design of some of the columns."""
        return Design({name: cut for name, cut in self.columns.items() if name in names})

    def to_dict(self) -> list[dict[str, Any]]:
        """Return plain values for JSON, in the order of the columns."""
        return [
            {"name": name, "texts": list(cut)} if isinstance(cut, tuple) else {"name": name, "knots": plain(cut)}
            for name, cut in self.columns.items()
        ]

    @classmethod
    def from_dict(cls, values: Sequence[Mapping[str, Any]], *, where: str) -> Design:
        """Read what `to_dict` wrote. Raises SchemaError for other numbers, KeyError and ValueError for less."""
        columns: dict[str, F64 | tuple[str, ...]] = {}
        for each in values:
            if "texts" in each:
                columns[str(each["name"])] = tuple(str(text) for text in each["texts"])
                continue
            knots = array_of(each["knots"], "f8", (None,), where=where)
            if len(knots) == 0 or not (np.diff(knots) > 0).all():
                raise ValueError(f"knots of `{each['name']}` that do not ascend")
            columns[str(each["name"])] = knots
        return cls(columns)

    def weights(self, data: object) -> Weights:
        """Return the weights of each row. Raises SchemaError for a column that is missing or of another kind."""
        table = as_table(data)
        absent = [name for name in self.columns if name not in table.column_names]
        if absent:
            got = f"columns {', '.join(table.column_names)}"
            expected = f"column `{absent[0]}`"
            raise SchemaError(problem(expected=expected, got=got, where="LossEstimator", next_step="add it"))
        slots, values, begin = [], [], 0
        for name, cut in self.columns.items():
            low, high, share = _place(table.column(name), cut, name)
            slots += [begin + low, begin + high]
            values += [1.0 - share, share]
            begin += len(cut) + 2
        return Weights(np.stack(slots, axis=1), np.stack(values, axis=1), self.width)


def _cut(column: pa.ChunkedArray, name: str) -> F64 | tuple[str, ...]:
    if _is_text(column, name):
        counted = pc.value_counts(column.cast(pa.string()).drop_null())
        common = sorted(counted.to_pylist(), key=lambda entry: (-entry["counts"], entry["values"]))
        return tuple(entry["values"] for entry in common[:_CATEGORIES])
    values = _numbers(column)
    finite = values[np.isfinite(values)]
    return np.unique(np.quantile(finite, _KNOTS)) if len(finite) else np.zeros(1)


def _place(
    column: pa.ChunkedArray, cut: F64 | tuple[str, ...], name: str
) -> tuple[NDArray[np.int64], NDArray[np.int64], F64]:
    """Return the two slots of each value among a column's own, and the second one's share; the last is for missing."""
    if isinstance(cut, tuple) != _is_text(column, name):
        expected = "texts" if isinstance(cut, tuple) else "numbers"
        raise _unusable(name, f"{expected}, as it was fitted on", str(column.type))
    missing = len(cut) + 1
    if isinstance(cut, tuple):
        texts = column.cast(pa.string())
        found = pc.fill_null(pc.index_in(texts, value_set=pa.array(cut, pa.string())), len(cut))
        slot = np.where(texts.is_null().to_numpy(), missing, found.to_numpy()).astype(np.int64)
        return slot, slot, np.zeros(len(slot))
    values = _numbers(column)
    position = np.interp(values, cut, np.arange(len(cut)))  # beyond the ends: the end; NaN: NaN
    absent = np.isnan(position)
    low = np.where(absent, missing, np.floor(position)).astype(np.int64)
    high = np.where(absent, missing, np.ceil(position)).astype(np.int64)
    return low, high, np.where(absent, 0.0, position - np.floor(position))


def _is_text(column: pa.ChunkedArray, name: str) -> bool:
    kind = kind_of(column.type)
    if kind is None or pa.types.is_temporal(column.type):
        raise _unusable(name, "numbers or texts", str(column.type))
    return kind == "categorical"


def _numbers(column: pa.ChunkedArray) -> F64:
    return np.asarray(column.cast(pa.float64()).to_numpy(), np.float64)


def _unusable(name: str, expected: str, got: str) -> SchemaError:
    return SchemaError(problem(expected=expected, got=got, where=f"column `{name}`", next_step="convert or drop it"))
