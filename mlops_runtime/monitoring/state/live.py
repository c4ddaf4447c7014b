"""The live counts of every column a monitor watches: one native call counts a batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlops_runtime import _native
from mlops_runtime.core.errors import SchemaError, ShapeError, problem
from mlops_runtime.monitoring.state.categories import CategoricalState, native_categories
from mlops_runtime.monitoring.state.summary import CategoricalSummary, ColumnSummary, NumericSummary

__all__ = ["LiveCounts", "numeric_summary"]


class LiveCounts:
    """Counts over what the references fixed, their edges and categories; merging is exact and order-free."""

    def __init__(self, references: Mapping[str, ColumnSummary]) -> None:
        self._references = references
        self._numbers = {name: one for name, one in references.items() if isinstance(one, NumericSummary)}
        self._texts = {name: one for name, one in references.items() if isinstance(one, CategoricalSummary)}
        self._native = {name: native_categories(one) for name, one in self._texts.items()}
        self._all_numbers = np.arange(len(self._numbers))
        self.reset()

    def reset(self) -> None:
        """Forget everything counted."""
        self._table = _native.TableCounts([reference.edges for reference in self._numbers.values()])
        self._categories = {
            name: CategoricalState(reference, self._native[name]) for name, reference in self._texts.items()
        }

    def places(self, names: Sequence[str]) -> NDArray[np.int64]:
        """Return where each numeric column is among `names`, -1 where it is not: int64[numeric columns]."""
        position = {name: place for place, name in enumerate(names)}
        return np.array([position.get(name, -1) for name in self._numbers], np.int64)

    def update(self, view: _native.ArrowTable, names: Sequence[str], places: NDArray[np.int64]) -> None:
        """Count a batch whose columns are `names`; places: `self.places(names)`."""
        self._table.update(view, places)
        if self._categories:
            for column, name in enumerate(names):
                if name in self._categories:
                    self._categories[name].update(view, column)

    def update_matrix(self, values: NDArray[np.floating[Any]], columns: Sequence[str] | None) -> None:
        """Count a matrix whose columns are `columns`, else all numeric ones. Errors: `Monitor.update_matrix`."""
        width = len(self._numbers) if columns is None else len(columns)
        if values.ndim != 2 or values.shape[1] != width:
            next_step = "pass a column for each, or name those there are by `columns`"
            _refuse(ShapeError, f"float[n, {width}]", f"{values.dtype}{list(values.shape)}", next_step)
        if values.dtype.char not in "efd" or not values.dtype.isnative:
            _refuse(SchemaError, "float16, float32 or float64", str(values.dtype), "convert it with astype")
        self._table.update_matrix(values, self._all_numbers if columns is None else self._named(columns))

    def _named(self, columns: Sequence[str]) -> NDArray[np.int64]:
        wrong = [name for name in columns if name not in self._numbers]
        if wrong or len(set(columns)) < len(columns):
            got = f"`{wrong[0]}`" if wrong else "a name twice"
            _refuse(SchemaError, "distinct numeric columns of the baseline", got, "see `Baseline.columns`")
        return self.places(columns)

    def merge(self, other: LiveCounts) -> None:
        """Add other counts over the same references. Raises ValueError when the edges differ."""
        self._table.merge(other._table)
        for name, state in self._categories.items():
            state.merge(other._categories[name])

    def summaries(self) -> dict[str, ColumnSummary]:
        """Return the counts so far, by column, in the order of the references."""
        numbers: dict[str, ColumnSummary] = {
            name: numeric_summary(self._table.histogram(column), self._table.moments(column), reference)
            for column, (name, reference) in enumerate(self._numbers.items())
        }
        texts = {name: state.summary() for name, state in self._categories.items()}
        return {name: numbers[name] if name in numbers else texts[name] for name in self._references}


def numeric_summary(
    histogram: _native.Histogram, moments: _native.Moments, reference: NumericSummary
) -> NumericSummary:
    """Return what both counted of one column over the edges of `reference`."""
    total, total_of_squares = moments.sums()
    special = moments.missing + moments.positive_infinite + moments.negative_infinite
    return NumericSummary(
        rows=moments.count + special,
        missing=moments.missing,
        positive_infinite=moments.positive_infinite,
        negative_infinite=moments.negative_infinite,
        edges=reference.edges,
        counts=histogram.counts,
        minimum=moments.minimum,
        maximum=moments.maximum,
        total=total,
        total_of_squares=total_of_squares,
        is_time=reference.is_time,
    )


def _refuse(error: type[SchemaError | ShapeError], expected: str, got: str, next_step: str) -> None:
    raise error(problem(expected=expected, got=got, where="update_matrix", next_step=next_step))
