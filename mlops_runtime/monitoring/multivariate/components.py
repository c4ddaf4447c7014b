"""Principal components of the reference: how far a row lies along them, and what they leave of it.

Axes are whole numbers in units of 2^-14, so that a row's coordinates and its residual are exact integers, whichever
library multiplies, in any order: a mean over rows does not depend on how they were cut into batches.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlops_runtime.core.digest import from_hex_float, hex_float
from mlops_runtime.monitoring.multivariate.encoding import UNIT
from mlops_runtime.monitoring.multivariate.products import product
from mlops_runtime.monitoring.state.arrays import array_of, plain

__all__ = ["BLOCK_ROWS", "Components", "blocks", "rounded"]

F64 = NDArray[np.float64]
I16 = NDArray[np.int16]
I64 = NDArray[np.int64]

BLOCK_ROWS = 2048
_AXIS_UNIT = 1 << 14
_PAIRED = 12
_KEPT = 64
_LEAST_VARIANCE = 1e-4


def rounded(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the values to the next float32: what an eigensolver's last digits, and its threads, make no difference to.

    >>> rounded(np.array([1.0, 0.1])).tolist()
    [1.0, 0.10000000149011612]
    """
    return values.astype(np.float32).astype(np.float64)


def blocks(rows: I16) -> Iterator[I16]:
    """Give the rows a few thousand at a time: what is made of them stays in the caches."""
    for start in range(0, len(rows), BLOCK_ROWS):
        yield rows[start : start + BLOCK_ROWS]


@dataclass(frozen=True, slots=True, eq=False)
class Components:
    """centre: int64[width]. axes: int16[width, k], leading axes first, k <= 64, of which `retained` are the model.

    variances: float64[k] of the coordinates, rest_variance of what all k of them leave, in squared deviations.
    """

    centre: I64
    axes: I16
    retained: int
    variances: F64
    rest_variance: float

    @classmethod
    def fit(cls, rows: I16, *, share: float) -> Components:
        """Keep as many axes as hold `share` of the variance, never all of them; at least one.

        rows: int16[n, width], n >= 2. The second moments are exact sums of products.
        """
        n, width = rows.shape
        total, products = np.zeros(width), np.zeros((width, width))
        for block in blocks(rows):
            values = block.astype(np.float64)
            total += values.sum(axis=0)
            products += values.T @ values  # whole numbers below 2^53 for 2^22 rows
        centre = np.rint(total / n).astype(np.int64)
        covariance = (products - np.outer(total, total) / n) / ((n - 1) * UNIT**2)
        values, vectors = np.linalg.eigh(covariance)
        values, vectors = rounded(np.maximum(values[::-1], 0.0)), vectors[:, ::-1]
        held = np.cumsum(values) / max(float(values.sum()), _LEAST_VARIANCE)
        retained = int(min(np.searchsorted(held, share) + 1, max(1, width - 1)))
        varying = int((values > _LEAST_VARIANCE).sum())  # the others' axes are any that rounding gives
        kept = min(width, max(retained, min(varying, _KEPT)))
        vectors = vectors * np.sign(vectors[np.abs(vectors).argmax(axis=0), np.arange(width)])
        axes = np.rint(vectors[:, :kept] * (_AXIS_UNIT - 1)).astype(np.int16)
        rest = max(float(values[kept:].sum()), _LEAST_VARIANCE)
        return cls(centre, axes, retained, np.maximum(values[:kept], _LEAST_VARIANCE), rest)

    def coordinates(self, rows: I16) -> F64:
        """Return float64[n, k]: whole numbers in units of 1/4096 of a deviation."""
        return np.rint(product(self._centred(rows), self.axes.astype(np.float64)) / _AXIS_UNIT)

    @property
    def degrees(self) -> int:
        """How many coordinates of `distances` vary in the reference."""
        return len(self.variances) + (1 if self.rest_variance > _LEAST_VARIANCE else 0)

    def residuals(self, rows: I16) -> I64:
        """Return int64[n]: each row's distance from its projection on the model, in units of 1/4096 of a deviation."""
        parts = [self._left(block, self.coordinates(block)[:, : self.retained]) for block in blocks(rows)]
        whole: I64 = np.rint(np.sqrt(np.concatenate([*parts, np.zeros(0)]))).astype(np.int64)
        return whole

    def distances(self, rows: I16) -> F64:
        """Return float64[n]: Mahalanobis in all k components, with what they leave of a row as one more coordinate.

        A component that hardly varies counts as one of a hundredth of a deviation.
        """
        parts = [np.zeros(0)]
        for block in blocks(rows):
            coordinates = self.coordinates(block)
            squares = (coordinates**2 / (self.variances * UNIT**2)).sum(axis=1)
            if len(self.variances) < len(self.centre):
                left = self._centred(block) - product(coordinates, self.axes.T.astype(np.float64)) / _AXIS_UNIT
                squares += (left**2).sum(axis=1) / (self.rest_variance * UNIT**2)
            parts.append(np.sqrt(squares))
        return np.concatenate(parts)

    def design(self, rows: I16) -> F64:
        """Return float64[n, p]: the columns, and the squares and products of the leading twelve coordinates.

        Products are what tells apart two data sets whose columns, one by one, are alike.
        """
        leading = self.coordinates(rows)[:, :_PAIRED] / np.sqrt(self.variances[:_PAIRED]) / UNIT
        first, second = np.triu_indices(leading.shape[1])
        return np.concatenate([rows / UNIT, leading[:, first] * leading[:, second]], axis=1)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "centre": plain(self.centre),
            "axes": plain(self.axes),
            "retained": self.retained,
            "variances": plain(self.variances),
            "rest_variance": hex_float(self.rest_variance),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], *, width: int, where: str) -> Components:
        """Read what `to_dict` wrote. Raises KeyError, TypeError or ValueError for anything else."""
        axes = array_of(values["axes"], "i2", (width, None), where=where)
        variances = array_of(values["variances"], "f8", (axes.shape[1],), where=where)
        retained, rest = int(values["retained"]), from_hex_float(values["rest_variance"])
        if not (1 <= retained <= axes.shape[1] and rest > 0.0 and (variances > 0.0).all()):
            raise ValueError("components whose variances are not positive")
        return cls(array_of(values["centre"], "i8", (width,), where=where), axes, retained, variances, rest)

    def _centred(self, rows: I16) -> F64:
        return rows.astype(np.float64) - self.centre

    def _left(self, rows: I16, coordinates: F64) -> F64:
        """Return float64[n], what the coordinates leave of each row's squared length: whole numbers, exact."""
        squares: F64 = np.maximum(0.0, (self._centred(rows) ** 2).sum(axis=1) - (coordinates**2).sum(axis=1))
        return squares
