"""A report whose distances of numbers are those of all their values, not of counts in bins."""

from __future__ import annotations

from dataclasses import replace

from mlops_runtime.monitoring.report.drift import ColumnDrift, DriftReport
from mlops_runtime.monitoring.state.summary import NumericSummary
from mlops_runtime.monitoring.statistics.cumulative import reference_scale
from mlops_runtime.monitoring.statistics.result import Statistic
from mlops_runtime.monitoring.statistics.samples import HeldColumns, exact_distances

__all__ = ["with_exact_distances"]


def with_exact_distances(report: DriftReport, reference: HeldColumns, current: HeldColumns) -> DriftReport:
    """Return the report with exact `ks` and `wasserstein`, in the report's units, and `anderson_darling` besides.

    reference, current: what the report's counts are of. One column is sorted at a time. Verdicts stay: they rest on the
    counts, as in every other report. A column that is not of comparable integers keeps its limits, and gets a note.
    """
    both = frozenset(reference.names) & frozenset(current.names)
    found: dict[str, ColumnDrift] = {}
    notes = []
    for column in report.columns:
        if column.name in both and isinstance(column.reference, NumericSummary):
            try:
                found[column.name] = _exact(column, column.reference, reference, current)
            except ValueError as error:
                notes.append(f"column `{column.name}`: no exact distances: {error}")
    columns = tuple(found.get(column.name, column) for column in report.columns)
    return replace(report, columns=columns, notes=(*report.notes, *notes))


def _exact(column: ColumnDrift, summary: NumericSummary, reference: HeldColumns, current: HeldColumns) -> ColumnDrift:
    before, now = reference.sample(column.name), current.sample(column.name)
    if before.count == 0 or now.count == 0:
        return column
    found = exact_distances(before, now)
    statistics = {**column.statistics, "ks": found.ks, "anderson_darling": found.anderson_darling}
    if "wasserstein" in statistics:
        binned, scale = statistics["wasserstein"], reference_scale(summary)
        statistics["wasserstein"] = _scaled(found.wasserstein, scale, null=binned.null)
    return replace(column, statistics=statistics)


def _scaled(found: Statistic, scale: float, *, null: float) -> Statistic:
    """Return a distance in reference spreads; of a constant, which has none, it is 0."""
    value = found.value / scale if scale else 0.0
    method = f"{found.method}, in reference spreads"
    return replace(found, method=method, value=value, low=value, high=value, null=null)
