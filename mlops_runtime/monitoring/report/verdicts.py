"""A report that is looked at again and again: the same statistics, with verdicts that hold over all looks together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from mlops_runtime.monitoring.report.drift import ColumnDrift, DriftReport
from mlops_runtime.monitoring.statistics.sequential import SequentialColumn

__all__ = ["with_verdicts"]


def with_verdicts(report: DriftReport, found: Mapping[str, SequentialColumn]) -> DriftReport:
    """Return a report with sequential verdicts, by column, in the place of those for one look.

    p_value is then 1 / the e-value; effect, strength and reason are about the rows since the drift began, as far as the
    evidence says, not about all rows; the statistics stay.
    """
    judged = (_judged(column, found[column.name]) for column in report.columns)
    columns = tuple(sorted(judged, key=lambda column: (not column.drifted, -column.strength, column.name)))
    drifted = sum(column.drifted for column in columns)
    dataset = replace(report.dataset, drifted=drifted > 0, share_drifted=drifted / max(len(columns), 1))
    return replace(report, dataset=dataset, columns=columns, verdict="sequential")


def _judged(column: ColumnDrift, found: SequentialColumn) -> ColumnDrift:
    of = f", of the last {found.rows:,} rows" if found.drifted and found.rows < column.current.rows else ""
    return replace(
        column,
        drifted=found.drifted,
        reason=found.reason + of,
        p_value=found.p_value,
        effect=found.effect,
        effect_name=found.effect_name,
        strength=found.strength,
    )
