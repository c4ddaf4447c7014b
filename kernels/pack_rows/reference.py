"""Oracle of the pack_rows kernel: a structured array, written field by field."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["pack_rows"]


def pack_rows(offsets: Sequence[int], arrays: Sequence[NDArray[Any]], row_bytes: int) -> NDArray[np.uint8]:
    """Return uint8[n, row_bytes]: row i holds row i of each array at its offset, in bytes; 0 elsewhere.

    arrays: of as many rows each; they may not overlap in a row.

    >>> pack_rows([0, 4], [np.array([1, 2], np.int32), np.array([[3, 4], [5, 6]], np.uint8)], 8).tolist()
    [[1, 0, 0, 0, 3, 4, 0, 0], [2, 0, 0, 0, 5, 6, 0, 0]]
    """
    formats = [(array.dtype, array.shape[1:]) for array in arrays]
    names = [f"field{number}" for number in range(len(arrays))]
    record = np.dtype({"names": names, "formats": formats, "offsets": list(offsets), "itemsize": row_bytes})
    rows = np.zeros(len(arrays[0]) * row_bytes, np.uint8)
    for name, array in zip(names, arrays, strict=True):
        rows.view(record)[name] = array
    return rows.reshape(-1, row_bytes)
