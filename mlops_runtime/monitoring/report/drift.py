"""The drift report: per column its statistics and a verdict."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from mlops_runtime.monitoring.multivariate.report import MultivariateReport
from mlops_runtime.monitoring.report.evidence import BinShares, moved_bins
from mlops_runtime.monitoring.state.summary import ColumnSummary, NumericSummary
from mlops_runtime.monitoring.statistics.comparison import Comparison, compare_summaries
from mlops_runtime.monitoring.statistics.result import Statistic
from mlops_runtime.monitoring.statistics.verdict import FALSE_DISCOVERY_RATE, MIN_ROWS, Verdict, judge

__all__ = ["ColumnDrift", "DatasetDrift", "DriftReport", "build_report", "write_p"]

_KEYS = (
    "kind",
    "drifted",
    "reason",
    "psi",
    "ks",
    "js",
    "wasserstein",
    "total_variation",
    "new_share",
    "missing_share",
    "missing_share_reference",
    "p_value",
    "effect",
    "effect_name",
    "strength",
)


@dataclass(frozen=True, slots=True)
class ColumnDrift:
    """One column.

    p_value: over all tests of the column. effect: of its strongest test, named by `effect_name`; strength: that effect
    over its floor (>= 1 is large enough to matter). statistics: by name, with method and limits (`comparison.py`); what
    cannot be computed is not there, and None as a property. reference, current: the counts.
    """

    name: str
    kind: str
    drifted: bool
    reason: str
    p_value: float
    effect: float
    effect_name: str
    strength: float
    statistics: Mapping[str, Statistic] = field(repr=False)
    reference: ColumnSummary = field(repr=False)
    current: ColumnSummary = field(repr=False)

    @property
    def psi(self) -> float | None:
        """Population stability index over the reference's deciles, or categories, in nats."""
        return self.value("psi")

    @property
    def ks(self) -> float | None:
        """Kolmogorov-Smirnov distance; of numbers only."""
        return self.value("ks")

    @property
    def js(self) -> float | None:
        """Jensen-Shannon distance, 0 to 1."""
        return self.value("js")

    @property
    def wasserstein(self) -> float | None:
        """Wasserstein-1 distance in units of the reference's spread; of numbers only."""
        return self.value("wasserstein")

    @property
    def total_variation(self) -> float | None:
        """The mass that has to move, 0 to 1."""
        return self.value("total_variation")

    @property
    def new_share(self) -> float | None:
        """Share of values in categories that the reference does not have; of categories only."""
        return self.value("new_share")

    @property
    def missing_share(self) -> float | None:
        """Share of the current rows without a value; None without rows."""
        return _missing_share(self.current)

    @property
    def missing_share_reference(self) -> float | None:
        """Share of the reference's rows without a value; None without rows."""
        return _missing_share(self.reference)

    @property
    def moved(self) -> tuple[BinShares, ...]:
        """The bins that changed most; none when a side is empty."""
        return moved_bins(self.reference, self.current)

    def value(self, name: str) -> float | None:
        """Return one statistic's value; None when it could not be computed."""
        found = self.statistics.get(name)
        return None if found is None else found.value

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values: the schema's keys, then each statistic whole, then the bins that moved."""
        return {
            **{key: getattr(self, key) for key in _KEYS},
            "n_reference": self.reference.rows,
            "n_current": self.current.rows,
            "statistics": {name: _strict(asdict(one)) for name, one in self.statistics.items()},
            "moved": [_strict(asdict(bin_)) for bin_ in self.moved],
        }


@dataclass(frozen=True, slots=True)
class DatasetDrift:
    """The whole table: it has drifted when a column has."""

    drifted: bool
    share_drifted: float
    n_reference: int
    n_current: int


@dataclass(frozen=True, slots=True)
class DriftReport:
    """What a comparison found; columns are sorted by severity, drifted ones first.

    verdict: what holds the level of the verdicts: "one look" at these data, or "sequential", any number of looks while
    they come (`report/verdicts.py`). level: the chance, at most, that any column alarms without drift. multivariate:
    all columns together, where that was asked for.
    """

    dataset: DatasetDrift
    columns: tuple[ColumnDrift, ...]
    notes: tuple[str, ...] = ()
    verdict: Literal["one look", "sequential"] = "one look"
    level: float = FALSE_DISCOVERY_RATE
    multivariate: MultivariateReport | None = None

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

    @property
    def any_drifted(self) -> bool:
        """Whether a column has drifted, or all of them together."""
        return self.dataset.drifted or (self.multivariate is not None and self.multivariate.drifted)

    def to_dict(self) -> dict[str, Any]:
        """Return the stable schema: `columns.<name>.…`, `dataset.…`, `notes`, `verdict`, `level`, `multivariate`."""
        return {
            "columns": {column.name: column.to_dict() for column in self.columns},
            "dataset": asdict(self.dataset),
            "notes": list(self.notes),
            "verdict": self.verdict,
            "level": self.level,
            "multivariate": None if self.multivariate is None else self.multivariate.to_dict(),
        }


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
        p_value=verdict.p_value,
        effect=verdict.effect,
        effect_name=verdict.effect_name,
        strength=verdict.strength,
        statistics=found.statistics,
        reference=before,
        current=now,
    )


_ABSENT = Verdict(True, 0.0, 1.0, "absent", 100.0, "absent from the current data")


def _missing_share(summary: ColumnSummary) -> float | None:
    return summary.missing / summary.rows if summary.rows else None


def _strict(values: dict[str, Any]) -> dict[str, Any]:
    """Return what JSON can hold: infinite numbers become None."""
    return {key: None if isinstance(one, float) and not math.isfinite(one) else one for key, one in values.items()}


def write_p(p_value: float) -> str:
    """Write a p-value for a human; what is beyond any argument is not spelled out.

    >>> write_p(0.01234), write_p(1e-300)
    ('0.012', '<1e-16')
    """
    return "<1e-16" if p_value < 1e-16 else f"{p_value:.2g}"
