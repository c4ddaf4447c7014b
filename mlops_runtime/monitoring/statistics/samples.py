"""Exact distances of two samples of a column, from all their values: for when bins and their limits are not enough."""

from __future__ import annotations

import math
from dataclasses import dataclass

from mlops_runtime import _native
from mlops_runtime.monitoring.state.table import Layout, as_table
from mlops_runtime.monitoring.statistics.result import Statistic
from mlops_runtime.monitoring.statistics.special import kolmogorov_tail

__all__ = ["SampleDistances", "exact_distances", "sorted_column"]


@dataclass(frozen=True, slots=True)
class SampleDistances:
    """Two samples of one column. ks: with its asymptotic p-value, conservative where values are tied (Stephens 1970).

    wasserstein: in units of the values. cramer_von_mises: T of Anderson (1962). anderson_darling: A² of Pettitt (1976).
    """

    ks: Statistic
    wasserstein: Statistic
    cramer_von_mises: Statistic
    anderson_darling: Statistic


def sorted_column(table: object, name: str) -> _native.SortedSample:
    """Sort a numeric column of an Arrow-able table, once for any number of comparisons.

    Missing and infinite values are counted and left out; times are microseconds since 1970. Memory: 4 or 8 bytes a row,
    twice that while it sorts. Raises KeyError for an unknown column, ValueError for one that holds no numbers.
    """
    chosen = as_table(table).select([name])
    return _native.SortedSample(Layout.of(chosen.schema, {name: "numeric"}).view(chosen), 0)


def exact_distances(reference: _native.SortedSample, current: _native.SortedSample) -> SampleDistances:
    """Compare two sorted samples. Raises ValueError when one has no value, or they are not of comparable types.

    >>> import pyarrow as pa
    >>> early, late = pa.table({"x": [1.0, 2.0, 3.0]}), pa.table({"x": [2.0, 3.0, 4.0]})
    >>> exact_distances(sorted_column(early, "x"), sorted_column(late, "x")).wasserstein.value
    1.0
    """
    n, m = reference.count, current.count
    ks, wasserstein, cramer_von_mises, anderson_darling = reference.distances(current)
    root = math.sqrt(n * m / (n + m))
    p_value = min(1.0, kolmogorov_tail((root + 0.12 + 0.11 / root) * ks))
    mean = 1.0 / 6.0 * (1.0 + 1.0 / (n + m))  # of T without drift

    def exact(name: str, method: str, value: float, *, null: float = 0.0, p_value: float | None = None) -> Statistic:
        return Statistic(name, method, value, value, value, "exact", n, m, null=null, p_value=p_value)

    return SampleDistances(
        ks=exact("ks", "sup |F - G| over all values", ks, p_value=p_value),
        wasserstein=exact("wasserstein", "integral of |F - G| over all values", wasserstein),
        cramer_von_mises=exact("cramer_von_mises", "two-sample T", cramer_von_mises, null=mean),
        anderson_darling=exact("anderson_darling", "two-sample A²", anderson_darling, null=1.0),
    )
