"""Tables that the multivariate tests share."""

from __future__ import annotations

import numpy as np
import pyarrow as pa


def correlated(rng: np.random.Generator, rows: int, correlation: float = 0.6, *, width: int = 8) -> pa.Table:
    """Standard normal columns, the first two correlated; another sign of `correlation` shows in no single column."""
    values = rng.normal(size=(rows, width))
    values[:, 1] = correlation * values[:, 0] + np.sqrt(1.0 - correlation**2) * values[:, 1]
    return pa.table({f"x{number}": values[:, number] for number in range(width)})


def mixed(rng: np.random.Generator, rows: int) -> pa.Table:
    """Heavy tails, a log-normal, tiny and offset scales, categories, missing values."""
    tails, letters = rng.standard_t(3, size=(rows, 3)), np.array(list("abcdef"))[rng.integers(0, 6, rows)]
    return pa.table(
        {
            "tails": tails[:, 0],
            "tiny": tails[:, 1] * 1e-5,
            "offset": pa.array(tails[:, 2] + 1e9, mask=rng.random(rows) < 0.5),
            "skewed": np.exp(rng.normal(size=rows)),
            "letters": letters,
            "rare": np.where(rng.random(rows) < 0.5, None, letters),
            "whole": pa.array(rng.integers(0, 3, rows), pa.int8()),
        }
    )
