"""The fitted feature program: immutable, hashed, executed by the same native kernels everywhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import pyarrow as pa

from mlops_runtime.core.digest import sha256_bytes
from mlops_runtime.core.errors import ConfigError, SchemaError, problem
from mlops_runtime.data import Schema
from mlops_runtime.data.schema import listed, repeated_names
from mlops_runtime.features.columns import InputColumns, check_readings
from mlops_runtime.features.native import NativeExecutor
from mlops_runtime.features.outputs import BagOutput, DenseCounts, DenseOutput, Matrices, Output, SparseOutput

__all__ = ["FeatureProgram"]


@dataclass(frozen=True, eq=False)
class FeatureProgram:
    """A fitted program. Get one from `fit_program` or `from_files`; two programs are equal when their digests are.

    schema: the input columns it reads. rows: how many rows it was fitted on. Raises ConfigError when two outputs share
    a name, SchemaError when an output reads a column that is not in the schema or not of a kind that it can read.
    """

    schema: Schema
    dense: tuple[DenseOutput | DenseCounts, ...]
    sparse: tuple[SparseOutput, ...]
    bags: tuple[BagOutput, ...]
    rows: int

    def __post_init__(self) -> None:
        for output in self.outputs:
            check_readings(self.schema, output.reads, where=f"output `{output.name}`")
            self._check_keys(output)
        repeated = repeated_names([*self.dense_names, *self.sparse_names, *self.bag_names])
        if repeated:
            raise ConfigError(
                problem(
                    expected="distinct output names",
                    got=f"{listed(repeated)} twice",
                    where="feature program",
                    next_step="give one of the features a `name`, or switch an indicator off",
                )
            )

    def _check_keys(self, output: Output) -> None:
        """Raise SchemaError when a vocabulary has keys of another type than the column."""
        for vocabulary in output.vocabularies:
            kind = self.schema.column(output.reads[0].column).kind
            if (vocabulary.dtype == "utf8") != kind.startswith("string"):
                raise SchemaError(
                    problem(
                        expected=f"a vocabulary for a column of kind {kind}",
                        got=f"{vocabulary.dtype} keys",
                        where=f"output `{output.name}`",
                        next_step="fit the program again",
                    )
                )

    @property
    def outputs(self) -> tuple[Output, ...]:
        """All outputs: dense, sparse, bags."""
        return (*self.dense, *self.sparse, *self.bags)

    @property
    def dense_names(self) -> tuple[str, ...]:
        """The names of the dense matrix's columns."""
        return tuple(name for output in self.dense for name in output.names)

    @property
    def sparse_names(self) -> tuple[str, ...]:
        """The names of the sparse matrix's columns."""
        return tuple(output.name for output in self.sparse)

    @property
    def bag_names(self) -> tuple[str, ...]:
        """The names of the bags."""
        return tuple(output.name for output in self.bags)

    @property
    def cardinalities(self) -> tuple[int, ...]:
        """For each sparse column how many ids there are: its largest id + 1."""
        return tuple(output.cardinality for output in self.sparse)

    @cached_property
    def columns(self) -> InputColumns:
        """Where the executors find each input column."""
        return InputColumns(self.schema, (reading for output in self.outputs for reading in output.reads))

    def transform(
        self, table: pa.Table, *, out: Matrices | None = None, ids: Literal["int64", "int32"] = "int64"
    ) -> Matrices:
        """Run the program on a conformed table of any number of rows. Safe to call from many threads.

        out: matrices of at least as many rows, written to; the result is a view of their first rows (bags are always
        new). ids: the type of the sparse matrix. Raises SchemaError when the table lacks an input column, ShapeError
        when `out` does not fit.
        """
        return self._executor.run(table, out, ids)

    @cached_property
    def _executor(self) -> NativeExecutor:
        return NativeExecutor(self.columns, self.dense, self.sparse, self.bags)

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
        """Return `program.json` and one `tables/NNN.arrow` per vocabulary and long list of parameters."""
        from mlops_runtime.features.program_file import write_files

        return write_files(self)

    @classmethod
    def from_files(cls, files: Mapping[str, bytes]) -> FeatureProgram:
        """Read what `to_files` wrote, checking everything. Raises IntegrityError when it is anything else."""
        from mlops_runtime.features.program_file import read_program

        return read_program(files)

    def describe(self) -> list[dict[str, Any]]:
        """Return one plain dict per output, for tables and model cards: its name, source, steps and missing share."""
        from mlops_runtime.features.describe import describe_output

        return [describe_output(output, self.rows) for output in self.outputs]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FeatureProgram) and other.digest == self.digest

    def __hash__(self) -> int:
        return hash(self.digest)
