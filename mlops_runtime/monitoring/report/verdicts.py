"""For how many looks verdicts hold: for one, or, in a report that is looked at again and again, for all together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from mlops_runtime.monitoring.report.drift import ColumnDrift, DriftReport
from mlops_runtime.monitoring.statistics.effects import percent
from mlops_runtime.monitoring.statistics.sequential import SequentialColumn

__all__ = ["each_in_words", "level_in_words", "with_verdicts"]


def with_verdicts(report: DriftReport, found: Mapping[str, SequentialColumn], *, level: float) -> DriftReport:
    """Return a report with sequential verdicts, by column, in the place of those for one look.

    level: the one that they hold.

    p_value is then 1 / the e-value; effect, strength and reason are about the rows since the drift began, as far as the
    evidence says, not about all rows; the statistics stay.
    """
    judged = (_judged(column, found[column.name]) for column in report.columns)
    columns = tuple(sorted(judged, key=lambda column: (not column.drifted, -column.strength, column.name)))
    drifted = sum(column.drifted for column in columns)
    dataset = replace(report.dataset, drifted=drifted > 0, share_drifted=drifted / max(len(columns), 1))
    return replace(report, dataset=dataset, columns=columns, verdict="sequential", level=level)


def level_in_words(report: DriftReport) -> str:
    """Say how often the verdicts of a report alarm without drift, and for how many looks that holds.

    >>> from mlops_runtime.monitoring.report.drift import build_report
    >>> level_in_words(build_report({}, {}, rows=0))
    'for one look: without drift it alarms with a chance of at most 5 %; each later look is another test'
    """
    chance = f"without drift it alarms with a chance of at most {percent(report.level)}"
    if report.verdict == "sequential":
        return f"sequential: {chance} over all looks together, however many"
    return f"for one look: {chance}; each later look is another test"


def each_in_words(report: DriftReport) -> str:
    """Say the same of one among several windows or segments, in few words."""
    looks = "over all looks together" if report.verdict == "sequential" else "for one look"
    return f"each at {percent(report.level)} {looks}"


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
