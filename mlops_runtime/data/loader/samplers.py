"""Which sample comes when: what a loader is told, as plain values with an identity."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlops_runtime.core.errors import DataError, ShapeError, problem

__all__ = ["Sampler", "Sequential", "Shuffled", "Stratified", "Weighted", "digest_of"]


@dataclass(frozen=True, slots=True)
class Sequential:
    """Every row once, in the order of the table."""

    def to_dict(self) -> dict[str, Any]:
        """Return the specification as JSON values, which the order's identity is made of."""
        return {"kind": "sequential"}


@dataclass(frozen=True, slots=True)
class Shuffled:
    """Every row once, in a random order of its own each epoch: a keyed permutation, of which nothing is stored."""

    def to_dict(self) -> dict[str, Any]:
        """Return the specification as JSON values, which the order's identity is made of."""
        return {"kind": "shuffled"}


@dataclass(frozen=True, slots=True, eq=False)
class Weighted:
    """Rows drawn with replacement, each as often as its weight says.

    weights: float64[rows of the table], finite, none below 0, not all 0. samples: draws in an epoch; default as many as
    there are rows. Raises ShapeError or DataError for other weights.
    """

    weights: NDArray[np.float64]
    samples: int | None = None

    def __post_init__(self) -> None:
        weights = np.asarray(self.weights, np.float64)
        if weights.ndim != 1:
            raise ShapeError(_refused("weights float64[rows]", f"shape {weights.shape}", "Weighted"))
        if not np.isfinite(weights).all() or (weights < 0).any() or not weights.any():
            raise DataError(_refused("finite weights of at least 0, not all 0", "others", "Weighted"))
        if self.samples is not None and self.samples < 1:
            raise DataError(_refused("samples of at least 1", repr(self.samples), "Weighted"))
        object.__setattr__(self, "weights", _own(weights))

    def to_dict(self) -> dict[str, Any]:
        """Return the specification as JSON values, which the order's identity is made of."""
        return {"kind": "weighted", "weights": digest_of(self.weights, "<f8"), "samples": self.samples}


@dataclass(frozen=True, slots=True, eq=False)
class Stratified:
    """Every row once; what an epoch has given at any time holds each stratum in its proportion, to within one row.

    So does any stretch of it, such as a batch, to within two. Within a stratum the order is random.
    strata: int64[rows of the table], a number for each row's stratum: a class, a region. Raises ShapeError for another
    shape, DataError for numbers that are not whole.
    """

    strata: NDArray[np.int64]

    def __post_init__(self) -> None:
        strata = np.asarray(self.strata)
        if strata.ndim != 1:
            raise ShapeError(_refused("strata int64[rows]", f"shape {strata.shape}", "Stratified"))
        if strata.dtype.kind not in "iub":
            raise DataError(_refused("whole numbers as strata", f"{strata.dtype}", "Stratified"))
        object.__setattr__(self, "strata", _own(strata.astype(np.int64)))

    def to_dict(self) -> dict[str, Any]:
        """Return the specification as JSON values, which the order's identity is made of."""
        return {"kind": "stratified", "strata": digest_of(self.strata, "<i8")}


Sampler = Sequential | Shuffled | Weighted | Stratified


def digest_of(values: NDArray[Any], little_endian: str) -> str:
    """Return the SHA-256 of an array's values in the given dtype, wherever and however they are stored."""
    return hashlib.sha256(np.ascontiguousarray(values, little_endian).data).hexdigest()


def _own(values: NDArray[Any]) -> NDArray[Any]:
    """A copy that nobody can change: the identity must stay true."""
    copy = values.copy()
    copy.flags.writeable = False
    return copy


def _refused(expected: str, got: str, where: str) -> str:
    return problem(expected=expected, got=got, where=where, next_step="correct the sampler")
