"""Which bins moved: the evidence behind a column's verdict, and what its plot shows."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlops_runtime.monitoring.state.edges import interpolated_cdf, quantile
from mlops_runtime.monitoring.state.summary import CategoricalSummary, ColumnSummary, NumericSummary
from mlops_runtime.monitoring.statistics.groups import equal_mass_groups

__all__ = ["BinShares", "moved_bins", "plot_bins", "write_time"]

_PLOT_BINS = 48
_PLOT_CATEGORIES = 12
_TAIL = 0.005


@dataclass(frozen=True, slots=True)
class BinShares:
    """One bin: its share of the values that are present, before and now. low and high are None for a category."""

    label: str
    low: float | None
    high: float | None
    reference: float
    current: float


def moved_bins(reference: ColumnSummary, current: ColumnSummary, *, top: int = 5) -> tuple[BinShares, ...]:
    """Return the bins whose share changed most: the reference's deciles, or categories; none without values."""
    bins = [bin_ for bin_ in _evidence_bins(reference, current) if bin_.reference != bin_.current]
    return tuple(sorted(bins, key=lambda bin_: -abs(bin_.current - bin_.reference))[:top])


def plot_bins(reference: ColumnSummary, current: ColumnSummary) -> list[BinShares]:
    """Return what to draw: equal-width bins over the bulk of both samples, or the most frequent categories.

    The bulk is between the 0.5 % and 99.5 % quantiles of either side, and reaches beyond the reference's range by at
    most the width of the reference's own, so one outlier does not flatten the picture.
    """
    if isinstance(reference, NumericSummary) and isinstance(current, NumericSummary):
        return _equal_width(reference, current) if reference.finite and current.finite else []
    common = sorted(_evidence_bins(reference, current), key=lambda bin_: -(bin_.reference + bin_.current))
    return common[:_PLOT_CATEGORIES]


def _evidence_bins(reference: ColumnSummary, current: ColumnSummary) -> list[BinShares]:
    if isinstance(reference, NumericSummary) and isinstance(current, NumericSummary):
        return _deciles(reference, current) if reference.finite and current.finite else []
    if isinstance(reference, CategoricalSummary) and isinstance(current, CategoricalSummary):
        return _categories(reference, current) if reference.present and current.present else []
    return []


def _deciles(reference: NumericSummary, current: NumericSummary) -> list[BinShares]:
    groups, edges = equal_mass_groups(reference.counts), reference.edges
    bins = []
    for group in np.unique(groups):
        slots = np.flatnonzero(groups == group)
        low = -np.inf if slots[0] == 0 else float(edges[slots[0] - 1])
        high = np.inf if slots[-1] == len(edges) else float(edges[slots[-1]])
        before = float(reference.counts[slots].sum() / reference.finite)
        now = float(current.counts[slots].sum() / current.finite)
        bins.append(BinShares(_interval(low, high, is_time=reference.is_time), low, high, before, now))
    return bins


def _interval(low: float, high: float, *, is_time: bool) -> str:
    """Name the values in (low, high] by the least and the greatest of them."""
    least = np.nextafter(low, np.inf)
    if np.isinf(low):
        return f"< {_write(np.nextafter(high, np.inf), is_time=is_time)}"
    if np.isinf(high):
        return f"> {_write(low, is_time=is_time)}"
    last = _write(high, is_time=is_time)
    return f"= {last}" if least == high else f"{_write(least, is_time=is_time)} .. {last}"


def _write(value: float, *, is_time: bool) -> str:
    """Write a number with six digits, a time to the second and without a midnight."""
    return write_time(value).removesuffix(" 00:00:00") if is_time else f"{value + 0.0:.6g}"


def write_time(microseconds: float) -> str:
    """Write microseconds since 1970 as a time in UTC.

    >>> write_time(1_704_103_200_000_000.0)
    '2024-01-01 10:00:00'
    """
    return str(np.datetime64(int(microseconds) // 1_000_000, "s")).replace("T", " ")


def _categories(reference: CategoricalSummary, current: CategoricalSummary) -> list[BinShares]:
    labels = (*reference.categories, "(other)", "(new category)")
    before = np.append(reference.counts, [reference.other, reference.new]) / reference.present
    now = np.append(current.counts, [current.other, current.new]) / current.present
    shares = zip(labels, before.tolist(), now.tolist(), strict=True)
    return [BinShares(label, None, None, p, q) for label, p, q in shares if p or q]


def _is_whole(edges: NDArray[np.float64]) -> bool:
    """Whether the edges suggest whole numbers; an atom's left edge is the float below it."""
    above = np.nextafter(edges, np.inf)
    return bool(np.all((edges == np.round(edges)) | (above == np.round(above))))


def _grid(low: float, high: float, *, whole: bool) -> NDArray[np.float64]:
    """Return bin limits over [low, high]; for whole numbers, equally many in each bin."""
    if whole and high - low < 2**52:
        low, high = math.floor(low), math.ceil(high)
        width = math.ceil((high - low + 1) / _PLOT_BINS)
        return np.arange(low - 0.5, high + width, width)
    return np.linspace(low, high, _PLOT_BINS + 1) if low < high else np.array([low - 0.5, high + 0.5])


def _equal_width(reference: NumericSummary, current: NumericSummary) -> list[BinShares]:
    sides = (reference, current)
    ends = [(one.edges, one.counts, one.minimum, one.maximum) for one in sides]
    reach = quantile(*ends[0], 1.0 - _TAIL) - quantile(*ends[0], _TAIL)
    low = max(min(quantile(*one, _TAIL) for one in ends), reference.minimum - reach)
    high = min(max(quantile(*one, 1.0 - _TAIL) for one in ends), reference.maximum + reach)
    grid = _grid(float(low), float(high), whole=_is_whole(reference.edges))
    shares = [np.diff(np.interp(grid, *interpolated_cdf(*one), left=0.0, right=1.0)) for one in ends]
    return [
        BinShares(
            _interval(float(left), float(right), is_time=reference.is_time),
            float(left),
            float(right),
            float(p),
            float(q),
        )
        for left, right, p, q in zip(grid[:-1], grid[1:], *shares, strict=True)
    ]
