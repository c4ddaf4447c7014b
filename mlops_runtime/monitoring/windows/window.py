"""A closed window: whose rows, of when, and what their columns came to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from mlops_runtime.core.errors import SchemaError, problem
from mlops_runtime.monitoring.multivariate.state import MultivariateState, merge_states
from mlops_runtime.monitoring.points import Span
from mlops_runtime.monitoring.report.drift import DriftReport, build_report
from mlops_runtime.monitoring.state.baseline import Baseline
from mlops_runtime.monitoring.state.summary import ColumnSummary

__all__ = ["Window", "merge_summaries"]

Summaries = Mapping[str, ColumnSummary]


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """What one key's rows in a stretch of time came to; frozen.

    span: of a window by time its panes', of one by rows that of its rows' times. key: names and values, for example
    tenant, model, segment; empty for all rows. number: of its newest pane. rows: how many the statistics rest on.
    baseline: digest of the baseline whose edges and categories they are counted over. weighted: panes weigh unlike
    (`Decayed`), and rows and counts are scaled to the effective number of rows. multivariate: what the rows came to
    over all columns together, where that was asked for; of a weighted window there is none.
    """

    span: Span
    key: Mapping[str, str]
    number: int
    rows: int
    summaries: Summaries = field(repr=False)
    baseline: str
    weighted: bool = False
    multivariate: MultivariateState | None = field(default=None, repr=False)

    @property
    def identity(self) -> tuple[object, ...]:
        """What the parts of one window share, wherever they were counted."""
        return self.span, self.number, tuple(sorted(self.key.items())), self.baseline, self.weighted

    def report(self, baseline: Baseline) -> DriftReport:
        """Compare the window with the baseline it was counted over. Raises SchemaError for another one."""
        if baseline.digest != self.baseline:
            raise _unlike("the baseline it was counted over", baseline.digest[:16], self, "use the store's baseline")
        return build_report(baseline.columns, self.summaries, rows=self.rows)

    def merge(self, other: Window) -> Window:
        """Return the window of both parts, exactly, as when two servers counted one window's rows.

        By rows the parts, which must be of one stream, have spans of their own, and the whole has both. Raises
        SchemaError for parts of different windows, and for weighted ones, whose counts do not add: roll the merged
        panes instead.
        """
        if self.identity[1:] != other.identity[1:] or self.weighted:
            raise _unlike("an unweighted part of the same window", repr(other), self, "roll merged panes (`roll`)")
        span = Span(min(self.span.start, other.span.start), max(self.span.end, other.span.end))
        summaries = merge_summaries(self.summaries, other.summaries)
        together = merge_states(self.multivariate, other.multivariate)
        return replace(self, span=span, rows=self.rows + other.rows, summaries=summaries, multivariate=together)


def merge_summaries(one: Summaries, other: Summaries) -> dict[str, ColumnSummary]:
    """Return the sums, column by column."""
    return {name: summary.merge(other[name]) for name, summary in one.items()}  # type: ignore[arg-type]


def _unlike(expected: str, got: str, window: Window, next_step: str) -> SchemaError:
    return SchemaError(problem(expected=expected, got=got, where=f"window {window.number}", next_step=next_step))
