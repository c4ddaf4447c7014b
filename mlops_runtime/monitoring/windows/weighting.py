"""Panes that weigh unlike: their weighted counts, as those of the effective number of rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mlops_runtime.monitoring.state.summary import CategoricalSummary, ColumnSummary, NumericSummary
from mlops_runtime.monitoring.state.unseen import Sample, merge_unseen

__all__ = ["effective_rows", "weigh"]

Whole = NDArray[np.object_]  # Python integers: a weighted count times a number of rows may pass 2**63


def effective_rows(rows: Sequence[int], weights: Sequence[int]) -> int:
    """Return Kish's effective number of rows, (sum w)^2 / sum w^2, rounded down; 0 without rows.

    >>> effective_rows([100, 100], [2, 2]), effective_rows([100, 100], [2, 1])
    (200, 180)
    """
    total = sum(n * weight for n, weight in zip(rows, weights, strict=True))
    return total**2 // max(1, sum(n * weight**2 for n, weight in zip(rows, weights, strict=True)))


def weigh(parts: Sequence[ColumnSummary], weights: Sequence[int]) -> ColumnSummary:
    """Return the weighted sum of a column's summaries, scaled to the effective number of rows.

    It is rounded to whole rows by largest remainders, so the counts add up and each is off by less than one row. The
    mean is that of the weighted values, to 2**-1074. What has no weight (minimum, maximum) is of all parts.
    """
    merged = parts[0]
    for part in parts[1:]:
        merged = merged.merge(part)  # type: ignore[arg-type]
    rows = effective_rows([part.rows for part in parts], weights)
    weighted = np.sum([_cells(part) * weight for part, weight in zip(parts, weights, strict=True)], axis=0)
    cells = _apportion(weighted, rows)
    counts, (one, two, missing) = cells[3:].astype(np.int64), cells[:3].tolist()
    if isinstance(merged, CategoricalSummary):
        unseen = _unseen(parts, weights, rows, max(1, int(weighted.sum())))
        return replace(merged, rows=rows, missing=missing, other=one, new=two, counts=counts, unseen=unseen)
    total, squares = _sums(parts, weights, int(counts.sum()), max(1, int(weighted[3:].sum())))
    return replace(
        merged,
        rows=rows,
        missing=missing,
        positive_infinite=one,
        negative_infinite=two,
        counts=counts,
        total=total,
        total_of_squares=squares,
    )


def _sums(parts: Sequence[ColumnSummary], weights: Sequence[int], above: int, below: int) -> tuple[int, int]:
    """Return the weighted sums times above / below: rounded towards 0, squares up, so no variance is below 0."""
    pairs = [(part, weight) for part, weight in zip(parts, weights, strict=True) if isinstance(part, NumericSummary)]
    total = above * sum(part.total * weight for part, weight in pairs)
    squares = above * sum(part.total_of_squares * weight for part, weight in pairs)
    return (-(-total // below) if total < 0 else total // below), -(-squares // below)


def _unseen(parts: Sequence[ColumnSummary], weights: Sequence[int], above: int, below: int) -> Sample:
    """Return the sample of unseen categories, their rows times above / below; what comes to no row is left out."""
    weighed: Sample = ()
    for part, weight in zip(parts, weights, strict=True):
        if isinstance(part, CategoricalSummary):
            weighed = merge_unseen(weighed, tuple(replace(one, rows=one.rows * weight) for one in part.unseen))
    scaled = (replace(one, rows=one.rows * above // below) for one in weighed)
    return tuple(one for one in scaled if one.rows > 0)


def _cells(summary: ColumnSummary) -> Whole:
    """Return every count of a summary: three that are special, then the bins or categories."""
    if isinstance(summary, NumericSummary):
        special = [summary.positive_infinite, summary.negative_infinite, summary.missing]
    else:
        special = [summary.other, summary.new, summary.missing]
    return np.array([*special, *summary.counts.tolist()], object)


def _apportion(weighted: Whole, rows: int) -> Whole:
    """Return integers in proportion to `weighted` that add up to `rows`; of equal remainders the first rounds up."""
    total = int(weighted.sum())
    if total == 0:
        return weighted
    cells: Whole = weighted * rows // total
    remainders = weighted * rows % total
    up = sorted(range(len(cells)), key=lambda place: (-remainders[place], place))[: rows - int(cells.sum())]
    cells[up] += 1
    return cells
