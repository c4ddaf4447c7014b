"""One column watched over windows: its counts, the bets on when drift began, and what the evidence comes to.

The mathematics of `sequential.py`, whose docstring says what is bet on and at which odds.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlops_runtime.monitoring.state.summary import ColumnSummary
from mlops_runtime.monitoring.statistics.cells import Cells
from mlops_runtime.monitoring.statistics.distances import psi, total_variation
from mlops_runtime.monitoring.statistics.effects import DISTANCE_FLOOR, Effect, share_effect, shift_effect
from mlops_runtime.monitoring.statistics.sequential_state import ColumnState, stays
from mlops_runtime.monitoring.statistics.special import log_gamma

__all__ = ["BetEvidence", "SequentialColumn", "WatchedColumn"]

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

_CONCENTRATIONS = np.array([8.0, 32.0, 128.0, 512.0])
# What a cell that is empty in the reference counts as. With half a row (Jeffreys) the bet would win merely because a
# column that never misses a value goes on missing none; this small, only what does turn up counts.
_UNSEEN = 1e-3
_RECENT_ROWS = 300


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

    @property
    def p_value(self) -> float:
        """1 / the e-value, at most 1: without drift it is ever p or less, at any look, with a chance of at most p."""
        return math.exp(-max(0.0, self.log_e))


@dataclass(frozen=True, slots=True)
class BetEvidence:
    """ln of the mixture's e-value, and the start that contributes most."""

    log_e: float
    start: int


class WatchedColumn:
    """One column's counts so far, and what had been counted before each start that is still in the race."""

    def __init__(self, reference: ColumnSummary) -> None:
        self._cells = Cells.of(reference)
        counts = self._cells.reference
        self._null: F64 = np.where(counts == 0, _UNSEEN, counts).astype(np.float64)
        self._bets = _CONCENTRATIONS[:, None] * self._null / self._null.sum()
        self._afresh()

    def _afresh(self) -> None:
        self._windows = 0
        self._total = np.zeros(len(self._null), np.int64)
        self._before: dict[int, I64] = {}
        self._absent = self._alarmed = False

    def with_window(self, summary: ColumnSummary, *, rows: int) -> WatchedColumn:
        """Return the column after one more window. rows: of the window; a column that counted none of them is absent.

        Counts are replaced, never changed, so that the two share what they have in common.
        """
        after = copy.copy(self)
        after._absent = summary.rows == 0 < rows
        after._total = self._total + self._cells.count(summary)
        after._windows = newest = self._windows + 1
        before = {**self._before, self._windows: self._total}
        after._before = {start: one for start, one in before.items() if stays(start, newest)}
        return after

    def settle(self, found: SequentialColumn) -> None:
        """Note the verdict on the windows so far; a column whose alarm is over starts afresh."""
        if self._alarmed and found.reason == _OVER:
            self._afresh()
        self._alarmed = self._alarmed or found.drifted

    def evidence(self) -> BetEvidence:
        """Return the mixture's e-value, and the start that contributes most."""
        if not self._before:
            return BetEvidence(0.0, 0)
        starts, before = np.array(list(self._before)), np.array(list(self._before.values()))
        odds = _log_chance(self._null + self._total) - _log_chance(self._null + before)
        since = (self._total - before)[:, None, :]
        bets = _log_chance(self._bets + since) - _log_chance(self._bets)
        logs = _log_mean(bets - odds[:, None]) - np.log((starts + 1.0) * (starts + 2.0))
        yet_to_start = -math.log(self._windows + 1.0)
        return BetEvidence(_log_sum(np.append(logs, yet_to_start)), int(starts[int(np.argmax(logs))]))

    def judge(self, evidence: BetEvidence, limit: float) -> SequentialColumn:
        """Weigh the evidence against the limit, and the change against what matters, then and of late."""
        since = self._total - self._before.get(evidence.start, self._total)
        strongest = _strongest(self._cells, since)
        significant, large = evidence.log_e >= limit, strongest.strength >= 1.0
        lasts = large and _strongest(self._cells, self._of_late(evidence.start)).strength >= 1.0
        drifted = significant and lasts
        quiet = (
            (_OVER if large or self._alarmed else "significant, but too small to matter") if significant else "stable"
        )
        if self._absent:
            drifted, strongest = True, _ABSENT
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

    def _of_late(self, start: int) -> I64:
        """Return the last 300 rows or, in whole windows, a few more; all since `start` where those are fewer."""
        newest = self._total
        for later in sorted((one for one in self._before if one >= start), reverse=True):
            newest = self._total - self._before[later]
            if newest.sum() >= _RECENT_ROWS:
                break
        return newest

    def to_dict(self) -> dict[str, Any]:
        """Return what was counted, as plain values."""
        before = {str(start): counts.tolist() for start, counts in self._before.items()}
        state = {"windows": self._windows, "absent": self._absent, "alarmed": self._alarmed}
        return {**state, "total": self._total.tolist(), "before": before}

    def restore(self, values: object, *, where: str) -> None:
        """Take over what `to_dict` wrote. Raises SchemaError for anything else."""
        state = ColumnState.read(values, cells=len(self._null), where=where)
        self._windows, self._absent, self._alarmed = state.windows, state.absent, state.alarmed
        self._total, self._before = state.total, state.before


_OVER = "the change is over"
_ABSENT = Effect("absent", 1.0, 100.0, "absent from the current data")


def _strongest(cells: Cells, since: I64) -> Effect:
    """Return what changed most: the distribution of values (what noise comes to taken off), or a share of the rest."""
    before, values = cells.reference, cells.values
    found = [Effect("none", 0.0, 0.0, "")]
    if before[:values].any() and since[:values].any():
        for distance in (total_variation, psi):
            one = distance(before[:values], since[:values])
            found.append(shift_effect(one.name, one.excess, DISTANCE_FLOOR))
    if before.any() and since.any():
        shares = ((one[values:] / one.sum()).tolist() for one in (before, since))
        found += [share_effect(name, *pair) for name, *pair in zip(cells.special, *shares, strict=True)]
    return max(found, key=lambda one: one.strength)


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
