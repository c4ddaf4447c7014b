"""Oracle of the gather kernel: one index into the rows for each field.

>>> rows = np.arange(32, dtype=np.uint8).reshape(2, 16)
>>> gather_fields(rows, np.array([1, 0, 1]), {"x": (8, np.dtype(np.uint8), 2)})
{'x': array([[24, 25],
       [ 8,  9],
       [24, 25]], dtype=uint8)}
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["gather_fields"]


def gather_fields(
    rows: NDArray[np.uint8], ordinals: NDArray[np.int64], fields: Mapping[str, tuple[int, np.dtype[Any], int]]
) -> dict[str, NDArray[Any]]:
    """Return [n, width] of each field, of the rows with these ordinals.

    rows: uint8[N, row_bytes], C-contiguous. ordinals: int64[n] of [0, N). fields: offset in a row, dtype, width.
    """
    return {
        name: np.ascontiguousarray(rows[ordinals, offset : offset + dtype.itemsize * width]).view(dtype)
        for name, (offset, dtype, width) in fields.items()
    }
