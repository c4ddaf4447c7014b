"""The live counts of every column a monitor watches: one native call counts a batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlops_runtime import _native
from mlops_runtime.core.errors import SchemaError, ShapeError, problem
from mlops_runtime.monitoring.state.categories import categorical_summary, native_categories
from mlops_runtime.monitoring.state.summary import CategoricalSummary, ColumnSummary, NumericSummary

__all__ = ["LiveCounts", "numeric_summary"]


class LiveCounts:
    """Counts over what the references fixed, their edges and categories; merging is exact and order-free."""

    def __init__(self, references: Mapping[str, ColumnSummary]) -> None:
        self._references = references
        self._counts = _native.TableCounts([_counted_over(reference) for reference in references.values()])
        self._numeric = tuple(name for name, one in references.items() if isinstance(one, NumericSummary))
        self._all_numeric = self.places(self._numeric)

    def reset(self) -> None:
        """Forget everything counted."""
        self._counts = self._counts.empty()

    def places(self, names: Sequence[str]) -> NDArray[np.int64]:
        """Return where each column is among `names`, -1 where it is not: int64[columns]."""
        position = {name: place for place, name in enumerate(names)}
        return np.array([position.get(name, -1) for name in self._references], np.int64)

    def update(
        self, view: _native.ArrowTable, places: NDArray[np.int64], begin: int = 0, end: int | None = None
    ) -> None:
        """Count a batch, or its rows from `begin` up to `end`; places: `self.places` of the names of its columns."""
        self._counts.update(view, places, begin, end)

    def update_matrix(self, values: NDArray[np.floating[Any]], columns: Sequence[str] | None) -> None:
        """Count a matrix whose columns are `columns`, else all numeric ones. Errors: `Monitor.update_matrix`."""
        width = len(self._numeric if columns is None else columns)
        if values.ndim != 2 or values.shape[1] != width:
            next_step = "pass a column for each, or name those there are by `columns`"
            _refuse(ShapeError, f"float[n, {width}]", f"{values.dtype}{list(values.shape)}", next_step)
        if values.dtype.char not in "efd" or not values.dtype.isnative:
            values = _widened(values)
        self._counts.update_matrix(values, self._all_numeric if columns is None else self._named(columns))

    def _named(self, columns: Sequence[str]) -> NDArray[np.int64]:
        wrong = [name for name in columns if name not in self._numeric]
        if wrong or len(set(columns)) < len(columns):
            got = f"`{wrong[0]}`" if wrong else "a name twice"
            _refuse(SchemaError, "distinct numeric columns of the baseline", got, "see `Baseline.columns`")
        return self.places(columns)

    def merge(self, other: LiveCounts) -> None:
        """Add other counts over the same references. Raises ValueError when edges or categories differ."""
        self._counts.merge(other._counts)

    def summaries(self) -> dict[str, ColumnSummary]:
        """Return the counts so far, by column."""
        return {name: self._summary(column, one) for column, (name, one) in enumerate(self._references.items())}

    def _summary(self, column: int, reference: ColumnSummary) -> ColumnSummary:
        if isinstance(reference, CategoricalSummary):
            return categorical_summary(self._counts.categories(column), reference)
        return numeric_summary(self._counts.histogram(column), self._counts.moments(column), reference)


def _counted_over(reference: ColumnSummary) -> NDArray[Any] | _native.Categories:
    return reference.edges if isinstance(reference, NumericSummary) else native_categories(reference)


def numeric_summary(
    histogram: _native.Histogram, moments: _native.Moments, reference: NumericSummary
) -> NumericSummary:
    """Return what both counted of one column over the edges of `reference`."""
    total, total_of_squares = moments.sums()
    minimum, maximum = moments.extremes()
    special = moments.missing + moments.positive_infinite + moments.negative_infinite
    return NumericSummary(
        rows=moments.count + special,
        missing=moments.missing,
        positive_infinite=moments.positive_infinite,
        negative_infinite=moments.negative_infinite,
        edges=reference.edges,
        counts=histogram.counts,
        minimum=minimum,
        maximum=maximum,
        total=total,
        total_of_squares=total_of_squares,
        is_time=reference.is_time,
    )


def _widened(values: NDArray[Any]) -> NDArray[np.float32]:
    """Return a matrix of ml_dtypes' bfloat16, whose values are float32's, as that. SchemaError for any other type."""
    if values.dtype.name != "bfloat16":
        expected = "float16, bfloat16, float32 or float64"
        _refuse(SchemaError, expected, str(values.dtype), "convert it with astype")
    return values.astype(np.float32)


def _refuse(error: type[SchemaError | ShapeError], expected: str, got: str, next_step: str) -> None:
    raise error(problem(expected=expected, got=got, where="update_matrix", next_step=next_step))
