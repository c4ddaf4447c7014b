"""What is taken of rows besides counts, where that is asked for: all columns together, and every number."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from mlops_runtime.monitoring.multivariate import MultivariateMonitor, MultivariateReference
from mlops_runtime.monitoring.report.drift import DriftReport
from mlops_runtime.monitoring.report.exact import with_exact_distances
from mlops_runtime.monitoring.state.table import as_table
from mlops_runtime.monitoring.statistics.samples import HeldColumns

__all__ = ["RowStatistics"]


@dataclass(slots=True)
class RowStatistics:
    """Takes rows for two parts of a report, each only if there is what to compare with.

    together: of all columns. numbers: every one of the reference, for exact distances; those of the rows are held, too.
    """

    together: MultivariateReference | None = None
    numbers: HeldColumns | None = None
    _monitor: MultivariateMonitor | None = field(init=False)
    _held: HeldColumns = field(init=False)

    def __post_init__(self) -> None:
        self.reset()

    @property
    def is_wanted(self) -> bool:
        """Whether there is anything to take."""
        return self.together is not None or self.numbers is not None

    def update(self, table: object) -> None:
        """Take rows. Raises SchemaError, before anything is taken, when a column of `together` is not there."""
        if self._monitor is not None:
            self._monitor.update(table)
        if self.numbers is not None:
            self._held.offer(as_table(table))

    def merge(self, other: RowStatistics) -> None:
        """Add what another one took. Raises SchemaError when it compares with another reference."""
        if self._monitor is not None and other._monitor is not None:
            self._monitor.merge(other._monitor)
        self._held.extend(other._held)

    def reset(self) -> None:
        """Forget the rows."""
        self._monitor = None if self.together is None else MultivariateMonitor(self.together)
        self._held = HeldColumns()

    def add_to(self, report: DriftReport) -> DriftReport:
        """Return the report with what was asked for."""
        if self.numbers is not None:
            report = with_exact_distances(report, self.numbers, self._held)
        return report if self._monitor is None else replace(report, multivariate=self._monitor.report())
