"""What a summary that is read must hold: counts that add up, and so on; else a SchemaError says where."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mlops_runtime.core.errors import SchemaError, problem

__all__ = ["REFIT", "require", "require_total"]

REFIT = "fit the baseline again"


def require(holds: bool, where: str, expected: str, got: str) -> None:
    """Raise SchemaError unless it holds."""
    if not holds:
        raise SchemaError(problem(expected=expected, got=got, where=where, next_step=REFIT))


def require_total(counts: NDArray[np.int64], special: int, rows: int, where: str) -> None:
    """Raise SchemaError unless the counts, none below 0, and `special` add up to `rows`."""
    counted = int(counts.sum()) + special
    whole = counted == rows and special >= 0 and bool((counts >= 0).all())
    require(whole, where, f"counts that add up to {rows} rows", str(counted))
