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
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from mlops_runtime.core.errors import ConfigError, SchemaError, problem
from mlops_runtime.monitoring.points import Point, Span
from mlops_runtime.monitoring.state.summary import ColumnSummary
from mlops_runtime.monitoring.statistics.cells import Cells
from mlops_runtime.monitoring.statistics.distances import psi, total_variation
from mlops_runtime.monitoring.statistics.effects import DISTANCE_FLOOR, Effect, share_effect, shift_effect
from mlops_runtime.monitoring.statistics.special import log_gamma

__all__ = ["SequentialColumn", "SequentialVerdict", "sequential_points"]

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

_CONCENTRATIONS = np.array([8.0, 32.0, 128.0, 512.0])
_KEPT_STARTS = 4
# What a cell that is empty in the reference counts as. With half a row (Jeffreys) the bet would win merely because a
# column that never misses a value goes on missing none; this small, only what does turn up counts.
_UNSEEN = 1e-3


@dataclass(frozen=True, slots=True)
class SequentialColumn:
    """What is known of one column after the latest window.

    log_e: natural logarithm of its e-value; 3 (e-value 20) is what one column alone needs at a level of 5 %. since: the
    window, from 1, from which on the evidence is strongest; rows: how many have come since then. effect: the
    strongest change over those rows, as multiples of its floor in `strength`.
    """

    drifted: bool
    log_e: float
    since: int
    rows: int
    effect: float
    effect_name: str
    strength: float
    reason: str


class SequentialVerdict:
    """Judges columns after every window, at a level that holds over all looks together.

    reference: the baseline's columns. Windows must be disjoint and come in order; a column may be absent from one.
    After an alarm was dealt with, start afresh: what was counted since is then the past again.

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
        self._columns = {name: _Watched(Cells.of(summary)) for name, summary in reference.items()}

    def update(self, window: Mapping[str, ColumnSummary]) -> dict[str, SequentialColumn]:
        """Count a window's columns and return the verdict on every column of the reference."""
        for name, column in self._columns.items():
            if name in window:
                column.add(window[name])
        return self.verdicts()

    def verdicts(self) -> dict[str, SequentialColumn]:
        """Return the verdict on every column as of now."""
        found = {name: column.evidence() for name, column in self._columns.items()}
        limit = _e_benjamini_hochberg([one.log_e for one in found.values()], self._level)
        return {name: self._columns[name].judge(one, limit) for name, one in found.items()}

    def to_dict(self) -> dict[str, Any]:
        """Return what was counted, as plain values; the reference is not in it."""
        return {"level": self._level, "columns": {name: one.to_dict() for name, one in self._columns.items()}}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], reference: Mapping[str, ColumnSummary]) -> Self:
        """Read what `to_dict` wrote. Raises SchemaError when it is of another reference."""
        verdict = cls(reference, level=float(values["level"]))
        if values["columns"].keys() != verdict._columns.keys():
            got = ", ".join(values["columns"])
            raise SchemaError(
                problem(expected=f"columns {', '.join(reference)}", got=got, where="sequential state", next_step=_REFIT)
            )
        for name, column in verdict._columns.items():
            column.restore(values["columns"][name], where=name)
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


_REFIT = "start afresh with this baseline"


@dataclass(frozen=True, slots=True)
class _Evidence:
    log_e: float
    start: int


class _Watched:
    """One column's counts so far, and what had been counted before each start that is still in the race."""

    def __init__(self, cells: Cells) -> None:
        self._cells = cells
        self._null: F64 = np.where(cells.reference == 0, _UNSEEN, cells.reference).astype(np.float64)
        self._bets = _CONCENTRATIONS[:, None] * self._null / self._null.sum()
        self._windows = 0
        self._total = np.zeros(len(self._null), np.int64)
        self._before: dict[int, I64] = {}

    def add(self, summary: ColumnSummary) -> None:
        """Count the next window."""
        self._before[self._windows] = self._total
        self._total = self._total + self._cells.count(summary)
        self._windows += 1
        newest = self._windows
        self._before = {start: one for start, one in self._before.items() if _stays(start, newest)}

    def evidence(self) -> _Evidence:
        """Return the mixture's e-value, and the start that contributes most."""
        if not self._before:
            return _Evidence(0.0, 0)
        starts, before = np.array(list(self._before)), np.array(list(self._before.values()))
        odds = _log_chance(self._null + self._total) - _log_chance(self._null + before)
        since = (self._total - before)[:, None, :]
        bets = _log_chance(self._bets + since) - _log_chance(self._bets)
        logs = _log_mean(bets - odds[:, None]) - np.log((starts + 1.0) * (starts + 2.0))
        yet_to_start = -math.log(self._windows + 1.0)
        return _Evidence(_log_sum(np.append(logs, yet_to_start)), int(starts[int(np.argmax(logs))]))

    def judge(self, evidence: _Evidence, limit: float) -> SequentialColumn:
        """Weigh the evidence against the limit, and the change against what matters."""
        since = self._total - self._before.get(evidence.start, self._total)
        strongest = max(_effects(self._cells, since), key=lambda one: one.strength)
        significant = evidence.log_e >= limit
        drifted = significant and strongest.strength >= 1.0
        quiet = "significant, but too small to matter" if significant else "stable"
        return SequentialColumn(
            drifted=drifted,
            log_e=evidence.log_e,
            since=evidence.start + 1,
            rows=int(since.sum()),
            effect=strongest.value,
            effect_name=strongest.name,
            strength=strongest.strength,
            reason=strongest.words if drifted else quiet,
        )

    def to_dict(self) -> dict[str, Any]:
        before = {str(start): counts.tolist() for start, counts in self._before.items()}
        return {"windows": self._windows, "total": self._total.tolist(), "before": before}

    def restore(self, values: Mapping[str, Any], *, where: str) -> None:
        counts = [values["total"], *values["before"].values()]
        if any(len(one) != len(self._total) for one in counts):
            got = f"{len(values['total'])} cells"
            where = f"sequential state, column `{where}`"
            raise SchemaError(problem(expected=f"{len(self._total)} cells", got=got, where=where, next_step=_REFIT))
        self._windows, self._total = int(values["windows"]), np.array(values["total"], np.int64)
        self._before = {int(start): np.array(one, np.int64) for start, one in values["before"].items()}


def _effects(cells: Cells, since: I64) -> list[Effect]:
    """Return what changed: the distribution of values (what noise comes to taken off), and the shares of the rest."""
    before, values = cells.reference, cells.values
    found = [Effect("none", 0.0, 0.0, "")]
    if before[:values].any() and since[:values].any():
        for distance in (total_variation, psi):
            one = distance(before[:values], since[:values])
            found.append(shift_effect(one.name, one.excess, DISTANCE_FLOOR))
    if before.any() and since.any():
        shares = before[values:] / before.sum(), since[values:] / since.sum()
        found += [share_effect(name, *pair) for name, *pair in zip(cells.special, *shares, strict=True)]
    return found


def _stays(start: int, newest: int) -> bool:
    """Whether a start stays in the race: all of the last few, then ever fewer, and always the first.

    >>> [start for start in range(40) if _stays(start, 40)]
    [0, 16, 24, 28, 32, 34, 36, 37, 38, 39]
    """
    return start == 0 or (start & -start) * _KEPT_STARTS > newest - start


def _log_chance(weights: F64) -> F64:
    """Return ln of the Dirichlet's normalising constant over the last axis."""
    found: F64 = log_gamma(weights).sum(axis=-1) - log_gamma(weights.sum(axis=-1))
    return found


def _log_mean(logs: F64) -> F64:
    most = logs.max(axis=-1, keepdims=True)
    found: F64 = np.log(np.mean(np.exp(logs - most), axis=-1)) + most[..., 0]
    return found


def _log_sum(logs: F64) -> float:
    return float(_log_mean(logs)) + math.log(len(logs))


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
