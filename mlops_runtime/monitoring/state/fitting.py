"""Fitting a baseline in one pass over data of any size: edges from its first rows, counts of every row.

Any edges give valid statistics; quantiles of the reference give good ones. So a numeric column is cut at the quantiles
of its first rows, its exact extremes are added at the end, and every row is counted over that. Only when the first rows
were no picture of the whole (sorted data, a column that was empty at first), which shows in a bin that holds too much,
are such columns counted once more, over the quantiles of a sample of all rows, which the first pass kept.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mlops_runtime import _native
from mlops_runtime.core.errors import EmptyInputError, SchemaError, problem
from mlops_runtime.monitoring.state.categories import CategoricalFit
from mlops_runtime.monitoring.state.edges import closed, holds_several, quantile_edges
from mlops_runtime.monitoring.state.live import numeric_summary
from mlops_runtime.monitoring.state.summary import ColumnSummary, NumericSummary
from mlops_runtime.monitoring.state.table import Layout, as_table, holds_of, is_time, kinds_of

__all__ = ["Fitted", "fit_columns"]

Edges = NDArray[Any]

_HEAD_ROWS = 65_536
_HEAD_VALUES = 1 << 20  # over all columns: what is held at once is 8 MiB of values, however wide the table
_SAMPLE_VALUES = 1 << 18  # over all columns, each held twice at most with its rank: 8 MiB
_FEWEST_ROWS = 4096
_FIRST_ROUNDED = 2**53  # from here on float64 does not hold every integer


@dataclass(frozen=True, slots=True)
class Fitted:
    """What came of a fit: a summary a column, and the columns whose type is not monitored."""

    columns: dict[str, ColumnSummary]
    skipped: tuple[str, ...]


def fit_columns(batches: Iterable[object], *, bins: int, categorical: Collection[str] = ()) -> Fitted:
    """Summarise Arrow-able batches of one schema; see `Baseline.fit`.

    batches: iterated once, or twice when the first rows are no picture of the whole. The summaries do not depend on how
    the rows are cut into batches. Raises EmptyInputError for no batch, SchemaError when the batches' schemas differ.
    """
    start = _start(_alike(batches), bins, categorical)
    _count(start.tables, start.layout, start.fits)
    columns = {name: fit.summary() for name, fit in start.fits.items()}
    poor = {name: fit for name, fit in start.fits.items() if isinstance(fit, _NumericFit) and fit.is_poor}
    columns |= _fit_again(batches, start.layout, poor)
    return Fitted(columns, start.skipped)


class _Start(NamedTuple):
    """Where a fit begins: what to count how, and every table, of which none is held longer than it is read."""

    layout: Layout
    fits: dict[str, _NumericFit | CategoricalFit]
    skipped: tuple[str, ...]
    tables: Iterator[pa.Table]


def _start(tables: Iterator[pa.Table], bins: int, categorical: Collection[str]) -> _Start:
    """Look at the first rows."""
    first = next(tables, None)
    if first is None:
        raise EmptyInputError("Baseline.fit: expected at least one batch, got none — check what the data is read from")
    found = kinds_of(first.schema, categorical)
    layout = Layout.of(first.schema, {name: kind for name, kind in found.items() if kind is not None})
    head_rows = _rows_of(_HEAD_VALUES, layout)
    head, tables = _head(first, tables, head_rows)
    view = layout.view(head)
    fits: dict[str, _NumericFit | CategoricalFit] = {}
    unsigned = set[str]()
    for column, name in enumerate(layout.names):
        if found[name] == "numeric":
            plan = _Plan(bins, head_rows, _rows_of(_SAMPLE_VALUES, layout), is_time(first.schema.field(name).type))
            fits[name] = _NumericFit(_edges_of(head, layout, view, column, bins), plan)
        else:
            arrow = first.schema.field(name).type
            unsigned |= {name} if pa.types.is_uint64(arrow) else set()
            fits[name] = CategoricalFit(holds_of(arrow), is_unsigned=name in unsigned)
    skipped = tuple(name for name, kind in found.items() if kind is None)
    return _Start(layout, fits, skipped, _as_signed(tables, unsigned))


def _fit_again(batches: Iterable[object], layout: Layout, poor: dict[str, _NumericFit]) -> dict[str, ColumnSummary]:
    """Count the columns whose first edges were poor over better ones."""
    if not poor:
        return {}
    again = {name: fit.with_edges_of_all() for name, fit in poor.items()}
    places = {place: name for place, name in enumerate(layout.names) if name in again}
    conversions = [layout.conversions.get(place, ()) for place in places]
    narrow = Layout(tuple(places.values()), {place: steps for place, steps in enumerate(conversions) if steps})
    _count(_alike(batches), narrow, again)
    return {name: fit.summary() for name, fit in again.items()}


def _count(tables: Iterable[pa.Table], layout: Layout, fits: Mapping[str, _NumericFit | CategoricalFit]) -> None:
    row = 0
    for table in tables:
        view = layout.view(table)
        for column, name in enumerate(layout.names):
            fits[name].update(view, column, row)
        row += table.num_rows


def _alike(batches: Iterable[object]) -> Iterator[pa.Table]:
    """Yield the batches as tables. SchemaError when one has another schema than the first."""
    schema: pa.Schema | None = None
    for batch in batches:
        table = as_table(batch)
        if schema is not None and not table.schema.equals(schema):
            expected, got = (", ".join(f"{field.name} {field.type}" for field in one) for one in (schema, table.schema))
            next_step = "cast the batches to one schema"
            raise SchemaError(problem(expected=expected, got=got, where="Baseline.fit, a batch", next_step=next_step))
        schema = table.schema
        yield table


def _rows_of(values: int, layout: Layout) -> int:
    return min(_HEAD_ROWS, max(values // max(len(layout.names), 1), _FEWEST_ROWS))


def _head(first: pa.Table, tables: Iterator[pa.Table], rows: int) -> tuple[pa.Table, Iterator[pa.Table]]:
    """Return the first rows, and all tables again."""
    taken = [first]
    while sum(table.num_rows for table in taken) < rows:
        table = next(tables, None)
        if table is None:
            break
        taken.append(table)
    head = taken[0] if len(taken) == 1 else pa.concat_tables(taken).unify_dictionaries()
    return head.slice(0, rows), _released(taken, tables)


def _released(taken: list[pa.Table], tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """Yield what was taken, letting go of it, and then the others."""
    while taken:
        yield taken.pop(0)
    yield from tables


def _as_signed(tables: Iterator[pa.Table], names: Collection[str]) -> Iterator[pa.Table]:
    """Yield the tables with the bits of these uint64 columns taken for int64, as keys are counted."""
    for table in tables:
        signed = table
        for name in names:
            chunks = [chunk.view(pa.int64()) for chunk in table.column(name).chunks]
            place = table.column_names.index(name)
            signed = signed.set_column(place, name, pa.chunked_array(chunks, pa.int64()))
        yield signed


def _edges_of(head: pa.Table, layout: Layout, view: _native.ArrowTable, column: int, bins: int) -> Edges:
    sample, moments = _native.QuantileSample(max(view.num_rows, 1)), _native.Moments()
    sample.update(view, column, 0)
    moments.update(view, column)
    values: Edges = sample.sorted_values()
    kind = view.type_of(column)
    low, high = moments.extremes()
    if kind in ("int64", "uint64") and max(-low, high) >= _FIRST_ROUNDED:
        values = np.sort(layout.chosen(head).column(column).drop_null().to_numpy().astype(kind, copy=False))
    return quantile_edges(values, low, high, bins=bins)


@dataclass(frozen=True, slots=True)
class _Plan:
    """How a numeric column is fitted: head, of how many first rows its edges are; sampled, how many values it keeps."""

    bins: int
    head: int
    sampled: int
    is_time: bool


class _NumericFit:
    """Counts of a numeric column over given edges, and a sample of all its values."""

    def __init__(self, edges: Edges, plan: _Plan) -> None:
        self._empty = NumericSummary.blank(edges, is_time=plan.is_time)
        self._histogram, self._moments = _native.Histogram(edges), _native.Moments()
        self._sample = _native.QuantileSample(plan.sampled)
        self._plan = plan

    def update(self, view: _native.ArrowTable, column: int, first_row: int) -> None:
        self._histogram.update(view, column)
        self._moments.update(view, column)
        self._sample.update(view, column, first_row)

    def summary(self) -> NumericSummary:
        return _with_extremes(self._counted())

    @property
    def is_poor(self) -> bool:
        """Whether a bin of more than one value holds twice its share and more than sampling explains."""
        counted = self._counted()
        limit = counted.finite * (2.0 / self._plan.bins + 16.0 / self._plan.head)
        return counted.rows > self._plan.head and bool((counted.counts[holds_several(counted.edges)] > limit).any())

    def with_edges_of_all(self) -> _NumericFit:
        counted = self._counted()
        values = _as_type(self._sample.sorted_values(), counted)
        edges = quantile_edges(values, counted.minimum, counted.maximum, bins=self._plan.bins)
        return _NumericFit(edges, self._plan)

    def _counted(self) -> NumericSummary:
        return numeric_summary(self._histogram, self._moments, self._empty)


def _as_type(values: NDArray[np.float64], counted: NumericSummary) -> Edges:
    """Return the sample in the type of the edges: of integers the nearest that float64 holds, which is near enough."""
    if counted.edges.dtype.kind == "f":
        return values
    low, high = int(counted.minimum), int(counted.maximum)
    return np.array([min(max(int(value), low), high) for value in values.tolist()], counted.edges.dtype)


def _with_extremes(counted: NumericSummary) -> NumericSummary:
    """Close the open ends: values beyond the edges move into bins that end at the exact extremes."""
    if counted.finite == 0:
        return counted
    edges, counts = closed(counted.edges, counted.counts, counted.minimum, counted.maximum)
    return replace(counted, edges=edges, counts=counts)
