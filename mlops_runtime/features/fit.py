"""Fitting: one pass over the data into states that merge, then a frozen program."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mlops_runtime.core.errors import ConfigError, EmptyInputError, SchemaError, problem
from mlops_runtime.data import Schema
from mlops_runtime.features.columns import InputColumns, check_readings
from mlops_runtime.features.fitting import Collectors, TargetFitter, View, make_fitter
from mlops_runtime.features.fitting.packing import pack, refusal, unpack
from mlops_runtime.features.outputs import BagOutput, DenseCounts, DenseOutput, Matrices, Output, SparseOutput
from mlops_runtime.features.program import FeatureProgram
from mlops_runtime.features.spec import FeatureSpec

if TYPE_CHECKING:
    from mlops_runtime.data import Source

__all__ = ["FitState", "Fitted", "fit_program", "fit_source", "fit_transform"]

_LARGEST = float(np.finfo(np.float32).max)
_BATCH_ROWS = 1 << 15  # a batch of 40 columns fits the caches, and few columns are worth a thread each


class Fitted(NamedTuple):
    """A program, and the matrices to train a model with: those of the rows that it was fitted on."""

    program: FeatureProgram
    matrices: Matrices


def fit_program(spec: FeatureSpec, table: pa.Table, schema: Schema) -> FeatureProgram:
    """Fit a specification on a conformed table, in one pass over each column.

    schema: of the table; the program keeps the part it reads. Raises SchemaError when a feature names an unknown column
    or one of the wrong kind, EmptyInputError for a table without rows.

    >>> from mlops_runtime.data import Column
    >>> from mlops_runtime.features import NumericFeature
    >>> table = pa.table({"age": [20.0, None, 40.0]})
    >>> spec = FeatureSpec(features=(NumericFeature(column="age", scale="none"),))
    >>> fit_program(spec, table, Schema((Column("age", "number"),))).transform(table).dense.tolist()
    [[20.0, 0.0], [30.0, 1.0], [40.0, 0.0]]
    """
    state = FitState(spec, schema)
    state.update(table, first_row=0)
    return state._finish_last()


def fit_source(spec: FeatureSpec, source: Source) -> FeatureProgram:
    """Fit a specification on a source of any size, batch by batch; errors as for `fit_program`.

    Beside a few batches, memory holds the statistics: some 60 bytes for each different key, 2 MiB for each sample.
    """
    state = FitState(spec, source.schema)
    for batch in source.batches(_BATCH_ROWS):
        state.update(batch.table, first_row=batch.first_row, ordinals=batch.ordinals)
    pa.default_memory_pool().release_unused()  # what decoding took, before keys are sorted
    return state._finish_last()


def fit_transform(spec: FeatureSpec, table: pa.Table, schema: Schema, *, first_row: int = 0) -> Fitted:
    """Fit a specification on a conformed table and transform its rows, as a model is to be trained on them.

    They differ from `program.transform(table)` in the target encodings alone, which are out of fold: no row sees its
    own target. first_row: the ordinal of the first row, by which rows are dealt to folds. Errors as for `fit_program`.
    """
    state = FitState(spec, schema)
    state.update(table, first_row=first_row)
    program = state.finish()
    return Fitted(program, state.transform(program, table, first_row=first_row))


class FitState:
    """What a fit has seen so far. States of parts of a table merge to the state of the whole, in any order.

    Each part has to say the ordinal of its first row. A part can be fitted in another thread or process: a state
    travels by `to_bytes` (which pickling uses too). Raises SchemaError when a feature cannot read its columns.
    """

    def __init__(self, spec: FeatureSpec, schema: Schema) -> None:
        for feature in spec.features:
            check_readings(schema, feature.reads, where=f"feature `{feature.output_name}`")
        self._spec = spec
        self._schema = schema.select(dict.fromkeys((*spec.columns, *spec.target_columns)))
        self._collectors = Collectors()
        self._fitters = [make_fitter(feature, schema, self._collectors) for feature in spec.features]
        self._rows = 0

    def update(self, table: pa.Table, *, first_row: int, ordinals: NDArray[np.int64] | None = None) -> None:
        """Add a conformed table; `first_row` is its first row's ordinal in the whole data set.

        ordinals: int64[rows], ascending, of all rows, when they do not follow each other.
        """
        columns = InputColumns(self._schema, self._collectors.reads)
        rows = np.arange(first_row, first_row + table.num_rows) if ordinals is None else ordinals
        view = View(columns, columns.arrow(table), rows)
        self._collectors.update(view)
        self._rows += table.num_rows

    def merge(self, other: FitState) -> None:
        """Add what another state of the same specification has seen."""
        if other._spec != self._spec or other._schema != self._schema:
            raise ConfigError(
                problem(
                    expected="a state of the same specification and schema",
                    got="another one",
                    where="FitState.merge",
                    next_step="fit all parts with one FeatureSpec",
                )
            )
        self._collectors.merge(other._collectors)
        self._rows += other._rows

    def finish(self) -> FeatureProgram:
        """Freeze the program. Raises EmptyInputError when no row was seen, or none with a target that is encoded."""
        return self._program(output for fitter in self._fitters for output in fitter.freeze())

    def _finish_last(self) -> FeatureProgram:
        """Do as `finish` for the last time: the statistics of a feature are let go before the next one is frozen."""
        self._collectors = Collectors()
        fitters, self._fitters = self._fitters[::-1], []
        return self._program(output for _ in range(len(fitters)) for output in fitters.pop().freeze())

    def _program(self, frozen: Iterable[Output]) -> FeatureProgram:
        if self._rows == 0:
            raise EmptyInputError(
                problem(expected="rows to fit on", got="none", where="features fit", next_step="check the input")
            )
        outputs = list(frozen)
        return FeatureProgram(
            self._schema.select(self._spec.columns),
            tuple(output for output in outputs if isinstance(output, DenseOutput | DenseCounts)),
            tuple(output for output in outputs if isinstance(output, SparseOutput)),
            tuple(output for output in outputs if isinstance(output, BagOutput)),
            self._rows,
        )

    def transform(self, program: FeatureProgram, table: pa.Table, *, first_row: int) -> Matrices:
        """Transform rows that were fitted, with target encodings out of fold; `program` is what `finish` returned."""
        matrices = program.transform(table)
        ordinals = np.arange(first_row, first_row + table.num_rows)
        view = View(program.columns, program.columns.arrow(table), ordinals)
        for fitter in self._fitters:
            if isinstance(fitter, TargetFitter):
                encoded = np.clip(fitter.out_of_fold(view), -_LARGEST, _LARGEST)
                matrices.dense[:, program.dense_names.index(fitter.name)] = encoded
        return matrices

    def to_bytes(self) -> bytes:
        """Return the state for `from_bytes`, in this or another process. Equal states need not give equal bytes."""
        return pack(self._spec, self._schema, self._rows, [collector.to_bytes() for collector in self._collectors])

    @classmethod
    def from_bytes(cls, data: bytes) -> FitState:
        """Return the state that `to_bytes` wrote. Raises IntegrityError for anything else."""
        header, parts = unpack(data)
        try:
            state = cls(header.spec, header.schema_of_columns)
            for collector, part in zip(state._collectors, parts, strict=True):
                collector.restore(part)
        except (SchemaError, ValueError, pa.ArrowException, OSError) as error:
            raise refusal(str(error)) from error
        state._rows = header.rows
        return state

    def __getstate__(self) -> bytes:
        return self.to_bytes()

    def __setstate__(self, data: bytes) -> None:
        self.__dict__.update(FitState.from_bytes(data).__dict__)
