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


def hard_logarithms() -> np.ndarray:
    """Arguments of log1p: any bits, all around where its exponent changes, near -1, near 0, and what is not finite."""
    rng = np.random.default_rng(11)
    turns = np.ldexp(np.sqrt(0.5), np.arange(-52, 1024))[:, None]
    return np.concatenate(
        [
            rng.integers(0, 2**64, 100_000, np.uint64).view(np.float64),
            (turns * (1.0 + np.arange(-4, 5) * 2.0**-52)).ravel(),
            (turns[:60] - 1.0 + np.arange(-4, 5) * np.maximum(turns[:60], 0.5) * 2.0**-52).ravel(),
            -1.0 + 2.0 ** -rng.uniform(-1, 54, 10_000),
            rng.uniform(-1, 3, 100_000),
            rng.choice([-1.0, 1.0], 10_000) * 10.0 ** rng.uniform(-320, 0, 10_000),
            [0.0, -0.0, np.inf, -np.inf, np.nan, -1.0, np.nextafter(-1.0, -2.0), 2.0**53 + 2, 5e-324],
        ]
    )


def hard_exponents() -> np.ndarray:
    """Arguments of expm1: all around where its power of two changes, near 0 and its ends, and what is not finite."""
    rng = np.random.default_rng(12)
    turns = (np.arange(-190, 2052) / 2.0 * np.log(2.0))[:, None]
    return np.concatenate(
        [
            (turns + np.arange(-4, 5) * 2.0**-44).ravel(),
            rng.uniform(-65, 711, 100_000),
            rng.uniform(-1, 1, 100_000),
            rng.choice([-1.0, 1.0], 10_000) * 10.0 ** rng.uniform(-320, 1, 10_000),
            [0.0, -0.0, np.inf, -np.inf, np.nan, -64.0, 709.78, 709.79, 5e-324],
        ]
    )
