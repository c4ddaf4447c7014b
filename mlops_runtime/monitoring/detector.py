"""Drift detection by the manners of scikit-learn: fit on a reference, update with what comes, ask for a report."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, Self, cast

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mlops_runtime.core.errors import ConfigError, ShapeError, problem
from mlops_runtime.monitoring.monitor import Monitor
from mlops_runtime.monitoring.multivariate import MultivariateReference
from mlops_runtime.monitoring.report.drift import DriftReport
from mlops_runtime.monitoring.rows import RowStatistics
from mlops_runtime.monitoring.state.baseline import Baseline
from mlops_runtime.monitoring.state.table import as_table
from mlops_runtime.monitoring.statistics.samples import HeldColumns

__all__ = ["DriftDetector"]


class DriftDetector:
    """Says whether data have drifted from a reference; memory does not grow with the data.

    Data are any Arrow-able object (pyarrow, polars, pandas, duckdb …) or a NumPy array [n, columns], whose columns are
    called x0, x1 and so on. bins: quantile bins of numeric columns. categorical: columns of whole numbers that are
    names, as of `Baseline.fit`. After `fit`, `baseline_` is what was learned; it travels in bundles
    (`Baseline.to_files`). multivariate: test all columns together, too; each batch must then have all of them. exact:
    exact Kolmogorov-Smirnov and Wasserstein distances, for which every number of both sides is held in memory. Not safe
    for concurrent updates: give each thread its own, and merge.

    >>> detector = DriftDetector().fit(np.random.default_rng(0).normal(size=(1000, 2)))
    >>> detector.update(np.random.default_rng(1).normal([0.0, 1.0], size=(500, 2))).report().drifted
    ('x1',)
    """

    baseline_: Baseline

    def __init__(
        self, *, bins: int = 256, categorical: Collection[str] = (), multivariate: bool = False, exact: bool = False
    ) -> None:
        self.bins, self.categorical = bins, categorical
        self.multivariate, self.exact = multivariate, exact

    def fit(self, reference: object, y: object = None) -> Self:
        """Learn the reference, and forget what was counted before. y: ignored, for pipelines.

        reference: a table or array, or batches of tables that can be read again. Raises ConfigError for unusable
        `bins` or `categorical`, SchemaError for what is no table, ShapeError for an array that is not [n, columns].
        """
        data = _as_data(reference)
        self.baseline_ = Baseline.fit(data, bins=self.bins, categorical=self.categorical)
        together = MultivariateReference.fit(data, categorical=self.categorical) if self.multivariate else None
        self._monitor, self._rows = (
            Monitor(self.baseline_),
            RowStatistics(together, _held(data) if self.exact else None),
        )
        return self

    @classmethod
    def of(cls, baseline: Baseline, *, multivariate: MultivariateReference | None = None) -> Self:
        """Return a fitted detector of a baseline, and of all its columns together, for example those of a bundle."""
        detector = cls(multivariate=multivariate is not None)
        detector.baseline_, detector._monitor = baseline, Monitor(baseline)
        detector._rows = RowStatistics(multivariate)
        return detector

    def update(self, batch: object) -> Self:
        """Count a batch. Raises as `Monitor.update` and `Monitor.update_matrix` do, and ConfigError before `fit`."""
        monitor = self._fitted()
        if self._rows.is_wanted:
            self._rows.update(_as_data(batch))
        if isinstance(batch, np.ndarray) and batch.ndim == 2 and batch.dtype in _FLOATS:
            monitor.update_matrix(batch, columns=_names(batch))
        else:
            monitor.update(_as_data(batch))
        return self

    def report(self) -> DriftReport:
        """Compare what was counted since `fit` or `reset` with the reference. Raises ConfigError before `fit`."""
        report = self._fitted().report()
        return self._rows.add_to(report)

    def merge(self, other: DriftDetector) -> Self:
        """Add what another detector of the same reference counted, exactly. Raises SchemaError for another one's."""
        self._fitted().merge(other._fitted())
        self._rows.merge(other._rows)
        return self

    def reset(self) -> Self:
        """Forget what was counted, not the reference. Raises ConfigError before `fit`."""
        self._fitted().reset()
        self._rows.reset()
        return self

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters of the constructor. deep: there is nothing deeper."""
        return {name: getattr(self, name) for name in ("bins", "categorical", "multivariate", "exact")}

    def set_params(self, **params: Any) -> Self:
        """Set parameters of the constructor, for the next `fit`. Raises ConfigError for one that there is not."""
        unknown = sorted(set(params) - set(self.get_params()))
        if unknown:
            expected, got = ", ".join(f"`{name}`" for name in self.get_params()), ", ".join(unknown)
            raise ConfigError(problem(expected=expected, got=got, where=_WHERE, next_step="leave it out"))
        for name, value in params.items():
            setattr(self, name, value)
        return self

    def _fitted(self) -> Monitor:
        if not hasattr(self, "_monitor"):
            raise ConfigError(
                problem(expected="a fitted detector", got="a new one", where=_WHERE, next_step="call fit(reference)")
            )
        return self._monitor


_WHERE = "DriftDetector"
_FLOATS = (np.float16, np.float32, np.float64)


def _held(data: object) -> HeldColumns:
    """Hold the numbers of a table, or of batches."""
    held, several = HeldColumns(), isinstance(data, Iterable) and not hasattr(data, "__arrow_c_stream__")
    for batch in cast("Iterable[object]", data) if several else (data,):
        held.offer(as_table(batch))
    return held


def _as_data(data: object) -> object:
    """Return an array as a table, anything else as it is."""
    if not isinstance(data, np.ndarray):
        return data
    if data.ndim != 2:
        raise ShapeError(
            problem(expected="[n, columns]", got=str(list(data.shape)), where=_WHERE, next_step="reshape(-1, 1)?")
        )
    return pa.table([pa.array(np.ascontiguousarray(data[:, place])) for place in range(data.shape[1])], _names(data))


def _names(data: NDArray[Any]) -> list[str]:
    return [f"x{place}" for place in range(data.shape[1])]
