"""The drift report: per column statistics and a verdict, for people (tables) and programs (`to_dict`)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from rich import box
from rich.markup import escape
from rich.table import Table

from mlops_runtime.monitoring.report.evidence import BinShares, moved_bins
from mlops_runtime.monitoring.state.summary import ColumnSummary, NumericSummary
from mlops_runtime.monitoring.statistics.comparison import Comparison, compare_summaries, percent
from mlops_runtime.monitoring.statistics.histograms import Bounded
from mlops_runtime.monitoring.statistics.verdict import MIN_ROWS, Verdict, judge

__all__ = ["ColumnDrift", "DatasetDrift", "DriftReport", "build_report", "write_p"]

_NOT_OF_CATEGORIES = frozenset({"ks", "wasserstein"})
_NOT_OF_NUMBERS = frozenset({"total_variation", "new_share"})


@dataclass(frozen=True, slots=True)
class ColumnDrift:
    """One column. Statistics are None where one side has no value to compare; see `statistics.py` for definitions.

    p_value: over all tests of the column. effect: of its strongest test, named by `effect_name`; strength: that effect
    over its floor (>= 1 is large enough to matter). limits: of the statistics that have them, the interval or certified
    bound, None where the statistic is None. reference, current: the counts.
    """

    name: str
    kind: str
    drifted: bool
    reason: str
    psi: float | None
    ks: float | None
    js: float | None
    wasserstein: float | None
    total_variation: float | None
    missing_share_reference: float | None
    missing_share: float | None
    new_share: float | None
    p_value: float
    effect: float
    effect_name: str
    strength: float
    n_reference: int
    n_current: int
    limits: Mapping[str, tuple[float, float] | None]
    reference: ColumnSummary = field(repr=False)
    current: ColumnSummary = field(repr=False)

    @property
    def moved(self) -> tuple[BinShares, ...]:
        """The bins that changed most; none when a side is empty."""
        return moved_bins(self.reference, self.current)

    @property
    def inapplicable(self) -> frozenset[str]:
        """The statistics that columns of this kind do not have."""
        return _NOT_OF_CATEGORIES if self.kind == "categorical" else _NOT_OF_NUMBERS

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values, without the counts; the interval of `psi` is `psi_low` and `psi_high`."""
        hidden = {"name", "limits", "reference", "current"}
        values = {key: getattr(self, key) for key in self.__dataclass_fields__ if key not in hidden}
        for name, limits in self.limits.items():
            low, high = limits or (None, None)
            values |= {f"{name}_low": low, f"{name}_high": high}
        return {**values, "moved": [_strict(asdict(bin_)) for bin_ in self.moved]}


@dataclass(frozen=True, slots=True)
class DatasetDrift:
    """The whole table: it has drifted when a column has."""

    drifted: bool
    share_drifted: float
    n_reference: int
    n_current: int


@dataclass(frozen=True, slots=True)
class DriftReport:
    """What a comparison found; columns are sorted by severity, drifted ones first."""

    dataset: DatasetDrift
    columns: tuple[ColumnDrift, ...]
    notes: tuple[str, ...] = ()

    def column(self, name: str) -> ColumnDrift:
        """Return one column. Raises KeyError when it is not in the report."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    @property
    def drifted(self) -> tuple[str, ...]:
        """Names of the drifted columns, worst first."""
        return tuple(column.name for column in self.columns if column.drifted)

    def to_dict(self) -> dict[str, Any]:
        """Return the stable schema: `columns.<name>.…`, `dataset.…`, `notes`."""
        columns = {column.name: column.to_dict() for column in self.columns}
        return {"columns": columns, "dataset": asdict(self.dataset), "notes": list(self.notes)}

    def tables(self) -> list[Table]:
        """Return terminal tables: every column by severity, then the bins that moved in the drifted ones."""
        tables = [self._overview()]
        if any(column.moved and column.drifted for column in self.columns):
            tables.append(self._evidence())
        return tables

    def _overview(self) -> Table:
        dataset = self.dataset
        title = f"{len(self.drifted)} of {len(self.columns)} columns drifted"
        sizes = f"{dataset.n_reference:,} reference rows, {dataset.n_current:,} current"
        headers = ("column", "PSI", "KS/TV", "JS", "W1", "missing", "p", "verdict")
        drawn = _table(f"{title} ({sizes})", headers)
        for column in self.columns:
            distance = column.ks if column.ks is not None else column.total_variation
            before, now = column.missing_share_reference, column.missing_share
            missing = percent(before or 0.0) if before == now else f"{_share(before)} -> {_share(now)}"
            numbers = (_number(value) for value in (column.psi, distance, column.js, column.wasserstein))
            mark = f"DRIFT: {column.reason}" if column.drifted else column.reason
            drawn.add_row(escape(column.name), *numbers, missing, write_p(column.p_value), escape(mark))
        return drawn

    def _evidence(self) -> Table:
        drawn = _table("What moved", ("column", "bin", "reference", "current"))
        for column in self.columns:
            for bin_ in column.moved[:3] if column.drifted else ():
                shares = (percent(bin_.reference), percent(bin_.current))
                drawn.add_row(escape(column.name), escape(bin_.label), *shares)
        return drawn


def build_report(
    reference: Mapping[str, ColumnSummary],
    current: Mapping[str, ColumnSummary],
    *,
    rows: int,
    notes: tuple[str, ...] = (),
) -> DriftReport:
    """Compare every column of `reference` with the counts in `current` and judge them together.

    rows: how many current rows there are; a column that counted none of them is absent, which is drift.
    """
    found = {name: compare_summaries(before, current[name]) for name, before in reference.items()}
    enough = {name for name, before in reference.items() if min(before.rows, current[name].rows) >= MIN_ROWS}
    verdicts = judge({name: one.tests if name in enough else () for name, one in found.items()})
    columns = []
    for name, before in reference.items():
        now, verdict = current[name], verdicts[name]
        if now.rows == 0 < rows:
            verdict = _ABSENT
        elif name not in enough:
            verdict = replace(verdict, reason=f"no verdict below {MIN_ROWS} rows ({min(before.rows, now.rows)})")
        columns.append(_column(name, before, now, found[name], verdict))
    columns.sort(key=lambda column: (not column.drifted, -column.strength, column.name))
    drifted = sum(column.drifted for column in columns)
    n_reference = max((summary.rows for summary in reference.values()), default=0)
    dataset = DatasetDrift(drifted > 0, drifted / max(len(columns), 1), n_reference, rows)
    return DriftReport(dataset, tuple(columns), notes)


def _column(name: str, before: ColumnSummary, now: ColumnSummary, found: Comparison, verdict: Verdict) -> ColumnDrift:
    return ColumnDrift(
        name=name,
        kind="time" if isinstance(before, NumericSummary) and before.is_time else before.kind,
        drifted=verdict.drifted,
        reason=verdict.reason,
        psi=found.psi,
        ks=found.ks.value if found.ks else None,
        js=found.js,
        wasserstein=found.wasserstein.value if found.wasserstein else None,
        total_variation=found.total_variation,
        missing_share_reference=_missing_share(before),
        missing_share=_missing_share(now),
        new_share=found.new_share,
        p_value=verdict.p_value,
        effect=verdict.effect,
        effect_name=verdict.effect_name,
        strength=verdict.strength,
        n_reference=before.rows,
        n_current=now.rows,
        limits=_limits(ks=found.ks, wasserstein=found.wasserstein),
        reference=before,
        current=now,
    )


_ABSENT = Verdict(True, 0.0, 1.0, "absent", 100.0, "absent from the current data")


def _missing_share(summary: ColumnSummary) -> float | None:
    return summary.missing / summary.rows if summary.rows else None


def _limits(**statistics: Bounded | None) -> dict[str, tuple[float, float] | None]:
    return {name: (found.low, found.high) if found else None for name, found in statistics.items()}


def _strict(values: dict[str, Any]) -> dict[str, Any]:
    """Infinite bin ends become None: JSON has no infinity."""
    return {key: None if isinstance(one, float) and not math.isfinite(one) else one for key, one in values.items()}


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _share(value: float | None) -> str:
    return "none" if value is None else percent(value)


def write_p(p_value: float) -> str:
    """Write a p-value for a human; what is beyond any argument is not spelled out.

    >>> write_p(0.01234), write_p(1e-300)
    ('0.012', '<1e-16')
    """
    return "<1e-16" if p_value < 1e-16 else f"{p_value:.2g}"


def _table(title: str, headers: tuple[str, ...]) -> Table:
    drawn = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, show_edge=False)
    drawn.padding = (0, 1, 0, 0)
    for header in headers:
        words = header in ("column", "bin", "verdict")
        drawn.add_column(header, justify="left" if words else "right", overflow="fold", min_width=len(header))
    return drawn
