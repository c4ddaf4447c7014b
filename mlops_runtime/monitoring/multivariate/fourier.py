"""Random Fourier features: cosines and sines of random projections, whose mean tells a distribution from another.

Projections are whole numbers in units of 2^-30 turns, cosines come from a table of whole numbers: the sum over rows is
an exact integer, the same for any order, thread count, instruction set and batching.
Source: Rahimi and Recht, Random Features for Large-Scale Kernel Machines (2007); Gretton et al., JMLR 13 (2012).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlops_runtime.monitoring.multivariate.components import blocks
from mlops_runtime.monitoring.multivariate.encoding import UNIT
from mlops_runtime.monitoring.multivariate.products import product
from mlops_runtime.monitoring.state.arrays import array_of, plain

__all__ = ["COSINE_UNIT", "FourierFeatures"]

F64 = NDArray[np.float64]
I16 = NDArray[np.int16]
I64 = NDArray[np.int64]

COSINE_UNIT = 1 << 20
_FREQUENCIES = 128
_TURN_BITS = 30
_TABLE_BITS = 12
_ANGLES = 2.0 * np.pi * np.arange(1 << _TABLE_BITS) / (1 << _TABLE_BITS)
_COSINES = np.rint(np.cos(_ANGLES) * COSINE_UNIT).astype(np.int32)
_SINES = np.rint(np.sin(_ANGLES) * COSINE_UNIT).astype(np.int32)
_PAIRS = 4096


@dataclass(frozen=True, slots=True, eq=False)
class FourierFeatures:
    """frequencies: int32[width, k], turns per deviation in units of 2^-18; 2 k features a row."""

    frequencies: NDArray[np.int32]

    @property
    def size(self) -> int:
        """Features of a row."""
        return 2 * int(self.frequencies.shape[1])

    @classmethod
    def fit(cls, rows: I16, rng: np.random.Generator) -> FourierFeatures:
        """Draw frequencies of a Gaussian kernel as wide as the median distance of two rows (of 4,096 random pairs)."""
        first, second = rng.integers(0, len(rows), (2, _PAIRS))
        gaps = np.sqrt(((rows[first].astype(np.float64) - rows[second]) ** 2).sum(axis=1)) / UNIT
        bandwidth = float(np.median(gaps[gaps > 0.0])) if (gaps > 0.0).any() else 1.0
        drawn = rng.standard_normal((rows.shape[1], _FREQUENCIES)) / (2.0 * np.pi * bandwidth)
        return cls(np.rint(drawn * ((1 << _TURN_BITS) // UNIT)).astype(np.int32))

    def of(self, rows: I16) -> NDArray[np.int32]:
        """Return int32[n, size]: cosines, then sines, in units of 2^-20."""
        whole = product(rows.astype(np.float64), self.frequencies.astype(np.float64))  # exact: below 2^53
        turns = whole.astype(np.int64)
        turns >>= _TURN_BITS - _TABLE_BITS
        turns &= (1 << _TABLE_BITS) - 1
        return np.concatenate([_COSINES.take(turns), _SINES.take(turns)], axis=1)

    def sums(self, rows: I16) -> I64:
        """Return int64[size], exact for 2^43 rows."""
        total = np.zeros(self.size, np.int64)
        for block in blocks(rows):
            total += self.of(block).sum(axis=0, dtype=np.int64)
        return total

    def covariance(self, rows: I16) -> F64:
        """Return float64[size, size] of the features, of n >= 2 rows."""
        products = np.zeros((self.size, self.size))
        for block in blocks(rows):
            features = self.of(block) / COSINE_UNIT
            products += features.T @ features
        mean = self.sums(rows) / COSINE_UNIT / len(rows)
        centred: F64 = (products - len(rows) * np.outer(mean, mean)) / (len(rows) - 1)
        return centred

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {"frequencies": plain(self.frequencies)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], *, width: int, where: str) -> FourierFeatures:
        """Read what `to_dict` wrote. Raises KeyError, TypeError or ValueError for anything else."""
        return cls(array_of(values["frequencies"], "i4", (width, None), where=where))
