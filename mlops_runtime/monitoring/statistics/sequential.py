"""Verdicts that hold their level however often one looks: evidence over windows as a bet that only drift can win.

A 5 % test repeated on every window is sure to alarm in the end. Here, each column has an e-value: what a gambler would
have made of 1 who bets on drift, window by window, at odds that are fair when there is none. Without drift its chance
of ever reaching 1 / level is at most level (Ville's inequality): one may look after every window, for ever.

- The odds: without drift, the next window's rows fall into the cells as the reference's and all earlier rows did
  (Dirichlet-multinomial, so the reference's own sampling error is accounted for, also with millions of live rows).
- The bet: from window s on, the shares are others, drawn from a Dirichlet around the reference's; a mixture over four
  concentrations (large to small shifts) and over the start s with weights 1 / (s (s + 1)). So drift that begins late is
  not drowned by the quiet past. Old starts are thinned out, which only lowers the e-value.
- Many columns: the e-BH procedure, false discovery rate `level` under any dependence; without any drift the chance of
  ever alarming on any column is at most `level`.

As everywhere, a column has drifted only when the change is also large enough to matter.
Source: Ville (1939); Gûnel & Dickey, Biometrika 61 (1974), for the bet; Shin, Ramdas, Rinaldo, New England J. Stat.
Data Sci. 2 (2024), for mixing over starts; Wang & Ramdas, J. Royal Stat. Soc. B 84 (2022), for e-BH.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Self

from mlops_runtime.core.errors import ConfigError, problem
from mlops_runtime.monitoring.points import Point, Span
from mlops_runtime.monitoring.state.summary import ColumnSummary
from mlops_runtime.monitoring.statistics.sequential_state import field_of, refuse
from mlops_runtime.monitoring.statistics.watched_column import SequentialColumn, WatchedColumn

__all__ = ["SequentialColumn", "SequentialVerdict", "sequential_points"]

_FORMAT = 1


class SequentialVerdict:
    """Judges columns after every window, at a level that holds over all looks together.

    reference: the baseline's columns. Windows must be disjoint and come in order; a column may be absent from one, and
    one that counts none of a window's rows has drifted. An alarm lasts as long as the last 300 rows show it; then the
    column starts afresh: the reference alone is its past again.

    >>> import pyarrow as pa
    >>> from mlops_runtime.monitoring import Baseline, Monitor
    >>> baseline = Baseline.fit(pa.table({"x": [float(i % 50) for i in range(10_000)]}))
    >>> verdict = SequentialVerdict(baseline.columns)
    >>> for shift in (0.0, 0.0, 20.0):
    ...     window = Monitor(baseline).update(pa.table({"x": [i % 50 + shift for i in range(100)]}))
    ...     print(verdict.update(window.summaries())["x"].drifted)
    False
    False
    True
    """

    def __init__(self, reference: Mapping[str, ColumnSummary], *, level: float = 0.05) -> None:
        if not 0.0 < level < 1.0:
            raise ConfigError(
                problem(expected="0 < level < 1", got=str(level), where="SequentialVerdict", next_step="0.05 is usual")
            )
        self._level = level
        self._columns = {name: WatchedColumn(summary) for name, summary in reference.items()}

    @property
    def level(self) -> float:
        """The chance, at most, of ever alarming on any column without drift."""
        return self._level

    def update(self, window: Mapping[str, ColumnSummary]) -> dict[str, SequentialColumn]:
        """Count a window's columns and return the verdict on every column of the reference."""
        self._columns = self._with_window(window)
        found = self._judged(self._columns)
        for name, column in self._columns.items():
            column.settle(found[name])
        return found

    def verdicts(self, running: Mapping[str, ColumnSummary] | None = None) -> dict[str, SequentialColumn]:
        """Return the verdict on every column as of now.

        running: what the window that is not over has counted so far. It is judged as a window and not remembered: look
        at it as often as you like, and `update` with all of it in the end.
        """
        return self._judged(self._columns if running is None else self._with_window(running))

    def _with_window(self, window: Mapping[str, ColumnSummary]) -> dict[str, WatchedColumn]:
        rows = max((summary.rows for summary in window.values()), default=0)
        return {
            name: column.with_window(window[name], rows=rows) if name in window else column
            for name, column in self._columns.items()
        }

    def _judged(self, columns: Mapping[str, WatchedColumn]) -> dict[str, SequentialColumn]:
        found = {name: column.evidence() for name, column in columns.items()}
        limit = _e_benjamini_hochberg([one.log_e for one in found.values()], self._level)
        return {name: columns[name].judge(one, limit) for name, one in found.items()}

    def to_dict(self) -> dict[str, Any]:
        """Return what was counted, as plain values; the reference is not in it."""
        columns = {name: one.to_dict() for name, one in self._columns.items()}
        return {"format": _FORMAT, "level": self._level, "columns": columns}

    @classmethod
    def from_dict(cls, values: object, reference: Mapping[str, ColumnSummary]) -> Self:
        """Read what `to_dict` wrote. Raises SchemaError for anything else, and when it is of another reference."""
        where = "sequential state"
        if (version := field_of(values, "format", int, where)) != _FORMAT:
            refuse(f"format {_FORMAT}", str(version), where)
        level = field_of(values, "level", float, where)
        if not 0.0 < level < 1.0:
            refuse("0 < level < 1", str(level), where)
        columns = field_of(values, "columns", dict, where)
        if columns.keys() != reference.keys():
            refuse(f"columns {', '.join(reference)}", ", ".join(map(str, columns)), where)
        verdict = cls(reference, level=level)
        for name, column in verdict._columns.items():
            column.restore(columns[name], where=f"{where}, column `{name}`")
        return verdict


def sequential_points(
    verdicts: Mapping[str, SequentialColumn], span: Span, labels: Mapping[str, str] | None = None
) -> list[Point]:
    """Return, with the label `column`, the points `log_e` and `sequential_drifted` (0 or 1) of each column.

    span: the latest window's. labels: added to each point.
    """
    points = []
    for name, one in verdicts.items():
        own = {**(labels or {}), "column": name}
        values = {"log_e": one.log_e, "sequential_drifted": float(one.drifted)}
        points += [Point(metric, value, span, one.rows, labels=own) for metric, value in values.items()]
    return points


def _e_benjamini_hochberg(log_e: list[float], level: float) -> float:
    """Return the least ln e-value that is rejected; infinite when none is.

    >>> [round(math.exp(_e_benjamini_hochberg([math.log(e), 0.0], 0.05))) for e in (41.0, 40.001)]
    [41, 40]
    >>> _e_benjamini_hochberg([math.log(39.0), 0.0], 0.05)
    inf
    """
    columns = len(log_e)
    met = [one for rank, one in enumerate(sorted(log_e, reverse=True), 1) if one >= math.log(columns / (rank * level))]
    return met[-1] if met else math.inf
