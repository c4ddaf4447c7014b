"""Which cells of a column are watched over time: few, and fixed by the reference alone, so that looks add up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlops_runtime.monitoring.state.summary import CategoricalSummary, ColumnSummary, NumericSummary
from mlops_runtime.monitoring.statistics.groups import equal_mass_groups

__all__ = ["Cells"]

I64 = NDArray[np.int64]

_MAX_CATEGORIES = 16
_MIN_SHARE = 0.01
_SPECIAL: tuple[str, ...] = ("missing share", "+inf share", "-inf share")


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """How to sum a column's counts into cells: those of its values first, those of what is not a value after them.

    groups: int64[slots], the cell of each histogram slot or category. values: how many cells values fall into.
    special: names of the rest. reference: int64[cells], rows.
    """

    groups: I64
    values: int
    special: tuple[str, ...]
    reference: I64

    @classmethod
    def of(cls, reference: ColumnSummary) -> Cells:
        """Choose the cells: a reference's equal-mass groups, or its categories that hold at least 1 % of the rows."""
        if isinstance(reference, NumericSummary):
            groups, special = equal_mass_groups(reference.counts), _SPECIAL
            values = int(groups.max()) + 1
        else:
            groups, special = _frequent(reference), _SPECIAL[:1]
            values = int(groups.max(initial=0)) + 1
        return cls(groups, values, special, _sum(reference, groups, values))

    def count(self, summary: ColumnSummary) -> I64:
        """Return int64[cells]: a summary's rows by cell. It must be over the reference's edges or categories."""
        return _sum(summary, self.groups, self.values)


def _frequent(reference: CategoricalSummary) -> I64:
    """Return the cell of each category; cell 0 holds the rare ones, and later also those without a name."""
    order = np.argsort(-reference.counts, kind="stable")[:_MAX_CATEGORIES]
    kept = order[reference.counts[order] >= _MIN_SHARE * reference.present]
    groups = np.zeros(len(reference.counts), np.int64)
    groups[kept] = np.arange(1, len(kept) + 1)
    return groups


def _sum(summary: ColumnSummary, groups: I64, values: int) -> I64:
    cells = np.zeros(values, np.int64)
    np.add.at(cells, groups, summary.counts)
    if isinstance(summary, CategoricalSummary):
        cells[0] += summary.other + summary.new
        return np.append(cells, summary.missing)
    return np.append(cells, [summary.missing, summary.positive_infinite, summary.negative_infinite])
