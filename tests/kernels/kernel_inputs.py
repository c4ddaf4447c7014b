"""Awkward inputs that the kernel tests share."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from mlops_runtime import _native


def awkward_floats(n: int, seed: int = 0) -> np.ndarray:
    """Normal values of many magnitudes, with NaN, infinities, zeros of both signs and subnormals among them."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=n) * 10.0 ** rng.integers(-12, 12, size=n)
    special = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 5e-324, -2.2e-308, 2.0**53 + 2, 0.1])
    where = rng.random(n) < 0.1
    values[where] = rng.choice(special, size=int(where.sum()))
    return values


def column(values: object, *, name: str = "x") -> _native.ArrowTable:
    """One column as an ArrowTable; `values` is an array, a chunked array or anything pyarrow.array takes."""
    arrow = values if isinstance(values, pa.Array | pa.ChunkedArray) else pa.array(values)
    return _native.ArrowTable(pa.table({name: arrow}))
