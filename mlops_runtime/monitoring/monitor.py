"""Watching live data: count every batch over the baseline's bins, report whenever asked."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mlops_runtime import _native
from mlops_runtime.core.errors import SchemaError, problem
from mlops_runtime.monitoring.report.drift import DriftReport, build_report
from mlops_runtime.monitoring.state.baseline import Baseline
from mlops_runtime.monitoring.state.live import LiveCounts
from mlops_runtime.monitoring.state.summary import CategoricalSummary, ColumnSummary
from mlops_runtime.monitoring.state.table import Layout, any_table, as_table, is_suitable, require_distinct

__all__ = ["Monitor", "PreparedBatch", "compare"]


@dataclass(frozen=True, slots=True)
class PreparedBatch:
    """A batch converted and looked up once, of which several monitors of one baseline count a part each."""

    view: _native.ArrowTable
    places: NDArray[np.int64]


class Monitor:
    """Counts batches against a baseline; memory does not grow with the data.

    merge of two monitors equals one monitor that saw both streams, bit for bit. Not safe for concurrent updates: give
    each thread its own and merge.
    """

    def __init__(self, baseline: Baseline) -> None:
        self._baseline = baseline
        self._schema: pa.Schema | None = None
        self._layout = Layout((), {})
        self._counts = LiveCounts(baseline.columns)
        self._places = self._counts.places(())
        self._rows = 0

    @property
    def rows(self) -> int:
        """Rows counted since the last reset."""
        return self._rows

    def reset(self) -> None:
        """Forget everything counted, for example at the end of a window."""
        self._rows = 0
        self._counts.reset()

    def update(self, table: object) -> Self:
        """Count a batch (any Arrow-able object); columns the baseline lacks are ignored, absent ones count no rows.

        Raises SchemaError, before anything is counted, for a string column where the baseline has numbers or the
        other way round.
        """
        batch = any_table(table)
        self._lay_out(batch.schema)
        for view in self._layout.views(batch):
            self._counts.update(view, self._places)
        self._rows += batch.num_rows
        return self

    def prepare(self, batch: pa.Table) -> PreparedBatch:
        """Return a batch as `update_part` of this baseline's monitors takes it. Raises SchemaError as `update` does."""
        self._lay_out(batch.schema)
        return PreparedBatch(self._layout.view(batch), self._places)

    def update_part(self, batch: PreparedBatch, begin: int, end: int) -> Self:
        """Count rows from `begin` up to `end`. Raises ValueError for rows that the batch does not have."""
        self._counts.update(batch.view, batch.places, begin, end)
        self._rows += end - begin
        return self

    def update_matrix(self, values: NDArray[np.floating[Any]], *, columns: Sequence[str] | None = None) -> Self:
        """Count a batch of numbers where they lie: nothing is copied, whatever the strides, writeable or not.

        values: float16, float32 or float64 [n, k], NaN where missing; bfloat16 (of ml_dtypes) is widened first.
        columns: the names of the k columns; by default all numeric columns of the baseline, in its order. Other columns
        count no rows.
        Raises ShapeError for another shape, SchemaError for another type, and for names that are not numeric columns.

        >>> baseline = Baseline.fit(pa.table({"x": [1.0, 2.0], "y": [0, 1]}))
        >>> Monitor(baseline).update_matrix(np.zeros((3, 2), np.float32)).rows
        3
        """
        self._counts.update_matrix(values, columns)
        self._rows += len(values)
        return self

    def _lay_out(self, schema: pa.Schema) -> None:
        if self._schema is not None and schema.equals(self._schema):
            return
        require_distinct(schema)
        wrong = _wrong_kinds(self._baseline, schema)
        if wrong:
            raise SchemaError("; ".join(wrong.values()))
        kinds = {name: summary.kind for name, summary in self._baseline.columns.items()}
        self._layout = Layout.of(schema, kinds)
        self._places, self._schema = self._counts.places(self._layout.names), schema

    def merge(self, other: Monitor) -> Self:
        """Add what another monitor of the same baseline counted. Raises SchemaError for another baseline."""
        same = other._baseline is self._baseline or other._baseline.to_files() == self._baseline.to_files()
        if not same:
            raise SchemaError("Monitor.merge: expected the same baseline, got another — merge like with like")
        self._counts.merge(other._counts)
        self._rows += other._rows
        return self

    def summaries(self) -> dict[str, ColumnSummary]:
        """Return the counts so far, by column."""
        return self._counts.summaries()

    def as_baseline(self) -> Baseline:
        """Return a baseline of what was counted so far, over the same edges and categories."""
        return Baseline(self.summaries(), self._baseline.skipped)

    def report(self) -> DriftReport:
        """Compare what was counted with the baseline."""
        return build_report(self._baseline.columns, self.summaries(), rows=self._rows)


def compare(
    reference: pa.Table, current: pa.Table, *, bins: int = 256, categorical: Collection[str] = ()
) -> DriftReport:
    """Compare two tables (any Arrow-able objects) column by column.

    Columns only one side has, or whose kind changed, do not stop the comparison: the report's `notes` name them, and a
    column that is gone or no longer of its kind has drifted. bins, categorical, errors: those of `Baseline.fit`.

    >>> same = pa.table({"x": [float(v) for v in range(100)]})
    >>> compare(same, same).dataset.drifted
    False
    """
    before, now = as_table(reference), as_table(current)
    baseline = Baseline.fit(before, bins=bins, categorical=categorical)
    wrong = _wrong_kinds(baseline, now.schema)
    notes = [f"column `{name}`: its type is not monitored" for name in baseline.skipped]
    notes += [f"column `{name}`: only in the reference" for name in _only_in(before, now)]
    notes += [f"column `{name}`: only in the current data" for name in _only_in(now, before)]
    monitor = Monitor(baseline).update(now.drop_columns(list(wrong)))
    return build_report(baseline.columns, monitor.summaries(), rows=now.num_rows, notes=(*notes, *wrong.values()))


def _only_in(table: pa.Table, other: pa.Table) -> list[str]:
    return [name for name in table.column_names if name not in set(other.column_names)]


def _wrong_kinds(baseline: Baseline, schema: pa.Schema) -> dict[str, str]:
    """Return an error message for each column whose kind is not the baseline's; an all-null column fits any kind."""
    wrong = {}
    for field in schema:
        summary = baseline.columns.get(field.name)
        if summary is None:
            continue
        holds = summary.holds if isinstance(summary, CategoricalSummary) else None
        if is_suitable(field.type, summary.kind, holds):
            continue
        wrong[field.name] = problem(
            expected=f"a {summary.kind} column" + (" of integers" if holds == "integer" else ""),
            got=str(field.type),
            where=f"column `{field.name}`",
            next_step="convert it, or fit the baseline again",
        )
    return wrong
