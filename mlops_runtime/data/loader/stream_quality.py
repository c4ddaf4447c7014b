"""How well a stream is shuffled, against an order that any permutation of all rows could be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from mlops_runtime.data.loader.samplers import Sequential
from mlops_runtime.data.loader.stream_plan import StreamSampler, most_rows

__all__ = ["ShuffleQuality", "shuffle_quality"]


@dataclass(frozen=True, slots=True)
class ShuffleQuality:
    """What a window of W of the G row groups costs, where the window has R of the N rows and a batch B.

    A row's place in the epoch is as random as in a full shuffle: what is lost is that rows of one row group are free of
    each other. They come within one window:

    apart: the mean distance of two rows of one row group in the order, (R + 1) / 3; apart_full: in a full shuffle,
    (N + 1) / 3. apart_worst: their largest distance, R - 1.
    groups_in_batch: how many row groups the rows of a batch come from, on average: the sum over a window's groups of
    1 - (1 - n / R)^B for a group of n rows.
    correlation: the largest that two values of a column in one window can have, (1/W - 1/G) G / (G - 1): where each row
    group holds one value (sorted data). For other columns it is this times the share of the column's variance that
    lies between row groups. effective_rows: rows of a batch of independent rows whose mean would vary as much in that
    worst case, B / (1 + (B - 1) correlation).

    W and R are those of an average window of a full number of groups. Source: Kish, Survey Sampling (1965), 5.4.
    """

    rows: int
    row_groups: int
    window_row_groups: int
    window_rows: float
    batch_rows: int
    apart: float
    apart_full: float
    apart_worst: int
    groups_in_batch: float
    correlation: float
    effective_rows: float

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return asdict(self)


def shuffle_quality(sizes: Sequence[int], sampler: StreamSampler, batch_rows: int) -> ShuffleQuality:
    """Report how well row groups of these sizes are shuffled; `Sequential` mixes nothing, as a window of one group.

    >>> from mlops_runtime.data.loader import Windowed
    >>> quality = shuffle_quality([1000] * 64, Windowed(16), 256)
    >>> round(quality.correlation, 3), round(quality.groups_in_batch, 1), round(quality.effective_rows)
    (0.048, 16.0, 19)
    """
    rows, groups = int(sum(sizes)), len(sizes)
    width = min(groups, 1 if isinstance(sampler, Sequential) else sampler.row_groups)
    window_rows = width * rows / groups
    batch = min(batch_rows, rows)
    worst = (1 / width - 1 / groups) * groups / max(1, groups - 1)
    share = np.asarray(sizes, np.float64) * groups / rows / width  # of each group in a window of average ones
    return ShuffleQuality(
        rows=rows,
        row_groups=groups,
        window_row_groups=width,
        window_rows=window_rows,
        batch_rows=batch,
        apart=(window_rows + 1) / 3,
        apart_full=(rows + 1) / 3,
        apart_worst=most_rows(sizes, sampler) - 1,
        groups_in_batch=float(width * (1 - (1 - np.minimum(share, 1.0)) ** batch).mean()),
        correlation=worst,
        effective_rows=batch / (1 + (batch - 1) * worst),
    )
