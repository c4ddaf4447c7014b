"""What a program makes: columns of the dense matrix, columns of the sparse one, and bags of ids."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlops_runtime.core.errors import ShapeError, problem
from mlops_runtime.features.columns import Reading
from mlops_runtime.features.encoders import Bag, Encoder
from mlops_runtime.features.expression import Expression
from mlops_runtime.features.vocabulary import FittedVocabulary

__all__ = ["BagOutput", "DenseCounts", "DenseOutput", "Matrices", "Output", "RaggedIds", "SparseOutput"]


@dataclass(frozen=True, slots=True)
class DenseOutput:
    """One column of the dense matrix: an expression, clamped to the range of float32.

    missing: in how many of the fitted rows its source was missing.
    """

    name: str
    expression: Expression
    missing: int

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its columns: one."""
        return (self.name,)

    @property
    def reads(self) -> tuple[Reading, ...]:
        """How it reads its columns."""
        return self.expression.reads

    @property
    def vocabularies(self) -> tuple[FittedVocabulary, ...]:
        """The vocabulary it looks keys up in, if any."""
        return self.expression.vocabularies


@dataclass(frozen=True, slots=True)
class DenseCounts:
    """`len(names)` columns of the dense matrix: column j says how often the id `first_id` + j occurs in the row's bag.

    binary: 1 when it occurs at all. Raises ShapeError when the ids go beyond the bag's.
    """

    name: str
    names: tuple[str, ...]
    bag: Bag
    first_id: int
    binary: bool

    def __post_init__(self) -> None:
        if not 0 <= self.first_id <= self.first_id + len(self.names) <= self.bag.cardinality:
            raise ShapeError(
                problem(
                    expected=f"ids below {self.bag.cardinality}",
                    got=f"{len(self.names)} columns from id {self.first_id}",
                    where=f"counts `{self.name}`",
                    next_step="name one column for each id of the bag",
                )
            )

    @property
    def reads(self) -> tuple[Reading, ...]:
        """How it reads its column."""
        return self.bag.reads

    @property
    def vocabularies(self) -> tuple[FittedVocabulary, ...]:
        """The vocabulary it looks tokens up in, if any."""
        return self.bag.vocabularies


@dataclass(frozen=True, slots=True)
class SparseOutput:
    """One column of the sparse matrix: an id per row. missing: in how many of the fitted rows the value was missing."""

    name: str
    encoder: Encoder
    missing: int

    @property
    def cardinality(self) -> int:
        """How many ids there are: the largest id + 1."""
        return self.encoder.cardinality

    @property
    def reads(self) -> tuple[Reading, ...]:
        """How it reads its columns."""
        return self.encoder.reads

    @property
    def vocabularies(self) -> tuple[FittedVocabulary, ...]:
        """The vocabulary it looks keys up in, if any."""
        return self.encoder.vocabularies


@dataclass(frozen=True, slots=True)
class BagOutput:
    """Any number of ids per row, for an embedding bag (mean pooling)."""

    name: str
    bag: Bag

    @property
    def cardinality(self) -> int:
        """How many ids there are: the largest id + 1."""
        return self.bag.cardinality

    @property
    def reads(self) -> tuple[Reading, ...]:
        """How it reads its column."""
        return self.bag.reads

    @property
    def vocabularies(self) -> tuple[FittedVocabulary, ...]:
        """The vocabulary it looks tokens up in, if any."""
        return self.bag.vocabularies


Output = DenseOutput | DenseCounts | SparseOutput | BagOutput


@dataclass(frozen=True, slots=True)
class RaggedIds:
    """Ids of all rows one after another: row i has ids[offsets[i]:offsets[i + 1]].

    ids: int64[nnz]. offsets: int64[N + 1], from 0 to nnz.
    """

    ids: NDArray[np.int64]
    offsets: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Matrices:
    """What a program makes of N rows: dense float32[N, d], sparse int64[N, s] (or int32), C-contiguous, and bags."""

    dense: NDArray[np.float32]
    sparse: NDArray[Any]
    bags: Mapping[str, RaggedIds] = field(default_factory=dict)

    def first(self, rows: int, dense_width: int, sparse_width: int, ids: str) -> Matrices:
        """Return a view of the first rows, as buffers of these widths and this type of ids.

        Raises ShapeError when they are smaller, or otherwise shaped.
        """
        dense = _first("dense", self.dense, rows, dense_width, "float32")
        return Matrices(dense, _first("sparse", self.sparse, rows, sparse_width, ids))


def _first(name: str, matrix: NDArray[Any], rows: int, width: int, dtype: str) -> NDArray[Any]:
    if matrix.ndim == 2 and len(matrix) >= rows and matrix.shape[1] == width and matrix.dtype == dtype:
        return matrix[:rows]
    raise ShapeError(
        problem(
            expected=f"{dtype}[{rows} or more, {width}]",
            got=f"{matrix.dtype}{list(matrix.shape)}",
            where=f"out.{name}",
            next_step="pass what an earlier transform of as many rows returned",
        )
    )
