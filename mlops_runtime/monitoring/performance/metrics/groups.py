"""Metrics by group, and how far the groups are apart.

Sources: Hardt, Price and Srebro, Equality of Opportunity in Supervised Learning (2016); the differences are the
worst case over groups, as in fairlearn.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mlops_runtime.monitoring.performance.metrics.binary import BinaryStatistics
from mlops_runtime.monitoring.performance.metrics.interval import finite
from mlops_runtime.monitoring.performance.metrics.multiclass import MulticlassStatistics
from mlops_runtime.monitoring.performance.metrics.regression import RegressionStatistics
from mlops_runtime.monitoring.performance.metrics.sums import ratio

__all__ = ["MINIMUM_GROUP_ROWS", "Groups", "binary_groups", "multiclass_groups", "read_groups", "regression_groups"]

MINIMUM_GROUP_ROWS = 50

_MAX_GROUPS = 20
_BANDS = 4
_MISSING = "(missing)"


@dataclass(frozen=True, slots=True)
class Groups:
    """The groups of one sensitive column. index: int64[N] into `names`."""

    column: str
    names: tuple[str, ...]
    index: NDArray[np.int64]


def read_groups(values: pa.ChunkedArray, *, column: str) -> Groups:
    """Read a sensitive column: each value is a group, missing values are one; many numbers become quartile bands."""
    if pa.types.is_floating(values.type):
        values = pc.if_else(pc.is_nan(values), None, values)
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    is_number = pa.types.is_integer(values.type) or pa.types.is_floating(values.type)
    if is_number and pc.count_distinct(values).as_py() > _MAX_GROUPS:
        texts = _bands(values)
    else:
        texts = values.cast(pa.string())
    encoded = texts.fill_null(_MISSING).combine_chunks().dictionary_encode()
    names = encoded.dictionary.to_pylist()
    rank = {name: position for position, name in enumerate(sorted(names))}
    index = np.array([rank[name] for name in names], np.int64)[encoded.indices.to_numpy()]
    return Groups(column, tuple(sorted(names)), index)


def _bands(values: pa.ChunkedArray) -> pa.ChunkedArray:
    numbers = np.asarray(values.cast(pa.float64()).to_numpy(), np.float64)
    edges = np.unique(np.nanquantile(numbers, np.linspace(0, 1, _BANDS + 1)[1:-1]))
    names = [f"≤ {edges[0]:g}", *(f"> {low:g} to {high:g}" for low, high in itertools.pairwise(edges))]
    names.append(f"> {edges[-1]:g}")
    chosen = np.array([f"{at + 1}: {name}" for at, name in enumerate(names)])[np.searchsorted(edges, numbers)]
    return pa.chunked_array([pa.array(chosen, pa.string(), mask=np.isnan(numbers))])


def binary_groups(
    groups: Groups, positive: NDArray[np.bool_], probability: NDArray[np.floating], threshold: float
) -> dict[str, Any]:
    """Report each group's rates, AUC and calibration, and the differences of selection and error rates."""

    def measure(rows: NDArray[np.bool_]) -> dict[str, float]:
        return _binary_record(positive[rows], probability[rows], threshold)

    return _report(
        groups,
        measure,
        {
            "demographic_parity_difference": ("positive_rate",),
            "equal_opportunity_difference": ("true_positive_rate",),
            "equalised_odds_difference": ("true_positive_rate", "false_positive_rate"),
        },
    )


def _binary_record(
    positive: NDArray[np.bool_], probability: NDArray[np.floating], threshold: float
) -> dict[str, float]:
    statistics = BinaryStatistics(positive, probability, threshold)
    every = np.ones(len(positive))
    (true_negative, false_positive), (false_negative, true_positive) = statistics.confusion(every)
    measured = statistics.measure(every)
    return {
        "base_rate": float(positive.mean()),
        "positive_rate": (true_positive + false_positive) / len(positive),
        "true_positive_rate": ratio(true_positive, true_positive + false_negative),
        "false_positive_rate": ratio(false_positive, false_positive + true_negative),
        "roc_auc": measured["roc_auc"],
        "accuracy": measured["accuracy"],
        "ece": measured["ece"],
        "calibration_gap": float(probability.mean(dtype=np.float64) - positive.mean()),
    }


def multiclass_groups(groups: Groups, target: NDArray[np.intp], probability: NDArray[np.floating]) -> dict[str, Any]:
    """Report each group's metrics, and the difference of accuracy."""

    def measure(rows: NDArray[np.bool_]) -> dict[str, float]:
        return MulticlassStatistics(target[rows], probability[rows]).measure(np.ones(int(rows.sum())))

    return _report(groups, measure, {"accuracy_difference": ("accuracy",)})


def regression_groups(groups: Groups, target: NDArray[np.float64], prediction: NDArray[np.float64]) -> dict[str, Any]:
    """Report each group's errors, and the differences of their mean and size."""

    def measure(rows: NDArray[np.bool_]) -> dict[str, float]:
        return RegressionStatistics(target[rows], prediction[rows]).measure(np.ones(int(rows.sum())))

    return _report(groups, measure, {"mean_error_difference": ("mean_error",), "mae_difference": ("mae",)})


def _report(
    groups: Groups, measure: Callable[[NDArray[np.bool_]], dict[str, float]], differences: dict[str, tuple[str, ...]]
) -> dict[str, Any]:
    """Measure each group; the differences are over groups of at least MINIMUM_GROUP_ROWS rows, and name no others."""
    records: dict[str, dict[str, Any]] = {}
    for position, name in enumerate(groups.names):
        rows = groups.index == position
        enough = int(rows.sum()) >= MINIMUM_GROUP_ROWS
        measured = {key: finite(value) for key, value in measure(rows).items()}
        records[name] = {"n": int(rows.sum()), "enough_rows": enough, **measured}
    large = [record for record in records.values() if record["enough_rows"]]
    report: dict[str, Any] = {"groups": records, "minimum_rows": MINIMUM_GROUP_ROWS}
    for name, keys in differences.items():
        spreads = [_spread(large, key) for key in keys]
        report[name] = max((spread for spread in spreads if spread is not None), default=None)
    return report


def _spread(records: list[dict[str, Any]], key: str) -> float | None:
    """Return the greatest minus the least value; None unless two groups have one."""
    values = [record[key] for record in records if record[key] is not None]
    return max(values) - min(values) if len(values) > 1 else None
