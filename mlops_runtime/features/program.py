"""The fitted feature program: immutable, hashed, executed by the same native kernels everywhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mlops_runtime._native import DensePlan, SparsePlan
from mlops_runtime.core.digest import sha256_bytes
from mlops_runtime.data import Schema
from mlops_runtime.features.columns import native_table
from mlops_runtime.features.vocabulary import FittedVocabulary

__all__ = ["DenseOutput", "FeatureProgram", "Matrices", "SparseOutput"]


@dataclass(frozen=True, slots=True)
class DenseOutput:
    """One column of the dense matrix.

    value: float32((x - center) * scale) with x = `fill` where missing or infinite. indicator: 1 where x is missing.
    missing: how many of the fitted rows were.
    """

    name: str
    column: str
    kind: Literal["value", "indicator"]
    fill: float
    center: float
    scale: float
    missing: int


@dataclass(frozen=True, slots=True)
class SparseOutput:
    """One column of the sparse matrix: the ids of `column` in `vocabulary`."""

    name: str
    column: str
    vocabulary: FittedVocabulary
    missing: int


@dataclass(frozen=True, slots=True)
class Matrices:
    """What a program makes of N rows: dense float32[N, d] and sparse int64[N, s], both C-contiguous."""

    dense: NDArray[np.float32]
    sparse: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class FeatureProgram:
    """A fitted program. Get one from `fit_program` or `from_files`; two programs are equal when their digests are.

    schema: the input columns it reads. rows: how many rows it was fitted on.
    """

    schema: Schema
    dense: tuple[DenseOutput, ...]
    sparse: tuple[SparseOutput, ...]
    rows: int

    @property
    def dense_names(self) -> tuple[str, ...]:
        """The names of the dense matrix's columns."""
        return tuple(output.name for output in self.dense)

    @property
    def sparse_names(self) -> tuple[str, ...]:
        """The names of the sparse matrix's columns."""
        return tuple(output.name for output in self.sparse)

    @property
    def cardinalities(self) -> tuple[int, ...]:
        """For each sparse column how many ids there are: its largest id + 1."""
        return tuple(output.vocabulary.cardinality for output in self.sparse)

    @property
    def categories(self) -> frozenset[str]:
        """The input columns that are read as codes or texts."""
        return frozenset(output.column for output in self.sparse)

    def transform(self, table: pa.Table) -> Matrices:
        """Run the program on a conformed table of any number of rows. Safe to call from many threads.

        Raises SchemaError when the table lacks an input column.
        """
        columns = native_table(table, self.schema, self.categories)
        rows = columns.num_rows
        dense = self._dense_plan.run(columns) if self.dense else np.empty((rows, 0), np.float32)
        sparse = self._sparse_plan.run(columns) if self.sparse else np.empty((rows, 0), np.int64)
        return Matrices(dense, sparse)

    @cached_property
    def _dense_plan(self) -> DensePlan:
        return DensePlan(
            self._positions(self.dense),
            np.array([output.kind == "indicator" for output in self.dense], np.uint8),
            *(np.array([getattr(output, name) for output in self.dense]) for name in ("fill", "center", "scale")),
        )

    @cached_property
    def _sparse_plan(self) -> SparsePlan:
        return SparsePlan(self._positions(self.sparse), [output.vocabulary.native for output in self.sparse])

    def _positions(self, outputs: tuple[DenseOutput, ...] | tuple[SparseOutput, ...]) -> NDArray[np.int32]:
        return np.array([self.schema.names.index(output.column) for output in outputs], np.int32)

    @cached_property
    def document(self) -> bytes:
        """`program.json`: canonical JSON that names the digest of every table."""
        from mlops_runtime.features.program_file import write_document

        return write_document(self)

    @cached_property
    def digest(self) -> str:
        """The program's identity: the SHA-256 of its document, and through it of its tables' logical content."""
        return sha256_bytes(self.document)

    def to_files(self) -> dict[str, bytes]:
        """Return `program.json` and one `tables/NNN.arrow` per sparse column."""
        from mlops_runtime.features.program_file import table_name

        tables = {table_name(i): output.vocabulary.to_arrow() for i, output in enumerate(self.sparse)}
        return {"program.json": self.document, **tables}

    @classmethod
    def from_files(cls, files: Mapping[str, bytes]) -> FeatureProgram:
        """Read what `to_files` wrote, checking everything. Raises IntegrityError when it is anything else."""
        from mlops_runtime.features.program_file import read_program

        return read_program(files)

    def describe(self) -> list[dict[str, Any]]:
        """Return one plain dict per output, for tables and model cards."""
        dense = [
            {
                "name": output.name,
                "column": output.column,
                "kind": output.kind,
                "missing_share": output.missing / self.rows if self.rows else 0.0,
                "fill": output.fill,
                "center": output.center,
                "scale": output.scale,
            }
            for output in self.dense
        ]
        sparse = [
            {
                "name": output.name,
                "column": output.column,
                "kind": "category",
                "missing_share": output.missing / self.rows if self.rows else 0.0,
                "ids": output.vocabulary.cardinality,
                "rare_keys": len(output.vocabulary.keys) - output.vocabulary.kept,
                "top": output.vocabulary.keys.slice(0, min(3, output.vocabulary.kept)).to_pylist(),
            }
            for output in self.sparse
        ]
        return [*dense, *sparse]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FeatureProgram) and other.digest == self.digest

    def __hash__(self) -> int:
        return hash(self.digest)
