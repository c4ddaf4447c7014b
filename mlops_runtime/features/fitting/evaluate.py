"""Steps applied to numbers at hand, by the kernel that will execute them: statistics see the very bits it gives."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import ArrayLike, NDArray

from mlops_runtime import _native
from mlops_runtime._native import ArrowTable, Moments
from mlops_runtime.features.expression import Step

__all__ = ["apply_steps", "moments_of"]


def apply_steps(steps: tuple[Step, ...], values: ArrayLike) -> NDArray[np.float64]:
    """Return what the steps make of each value.

    >>> apply_steps((Step("impute", [2.0]), Step("sqrt")), [4.0, np.nan]).tolist()
    [2.0, 1.4142135623730951]
    """
    return _expression(steps).evaluate(_table(values))


def moments_of(steps: tuple[Step, ...], values: ArrayLike) -> Moments:
    """Return the exact moments of what the steps make of the values."""
    moments = Moments()
    moments.update(_table(values), _expression(steps))
    return moments


def _expression(steps: tuple[Step, ...]) -> _native.Expression:
    return _native.Expression([0], "column", [(step.name, step.parameters) for step in steps])


def _table(values: ArrayLike) -> ArrowTable:
    return ArrowTable(pa.table({"x": pa.array(np.asarray(values, np.float64))}))
