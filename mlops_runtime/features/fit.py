"""Fitting: one pass over the data into states that merge, then a frozen program."""

from __future__ import annotations

import pyarrow as pa

from mlops_runtime.core.errors import ConfigError, EmptyInputError, SchemaError, problem
from mlops_runtime.data import Column, Schema
from mlops_runtime.features.columns import InputColumns, Reading
from mlops_runtime.features.program import FeatureProgram
from mlops_runtime.features.spec import Feature, FeatureSpec, NumericFeature
from mlops_runtime.features.states import CategoryState, NumericState

__all__ = ["FitState", "fit_program"]


def fit_program(spec: FeatureSpec, table: pa.Table, schema: Schema) -> FeatureProgram:
    """Fit a specification on a conformed table, in one pass over each column.

    schema: of the table; the program keeps the part it reads. Raises SchemaError when a feature names an unknown column
    or one of the wrong kind, EmptyInputError for a table without rows.

    >>> from mlops_runtime.data import Column
    >>> table = pa.table({"age": [20.0, None, 40.0]})
    >>> spec = FeatureSpec(features=(NumericFeature(column="age", scale="none"),))
    >>> fit_program(spec, table, Schema((Column("age", "number"),))).transform(table).dense.tolist()
    [[20.0, 0.0], [30.0, 1.0], [40.0, 0.0]]
    """
    state = FitState(spec, schema)
    state.update(table, first_row=0)
    return state.finish()


class FitState:
    """What a fit has seen so far. States of parts of a table merge to the state of the whole, bit for bit."""

    def __init__(self, spec: FeatureSpec, schema: Schema) -> None:
        self._spec = spec
        self._schema = schema.select(spec.columns)
        self._numeric: dict[str, NumericState] = {}
        self._category: dict[str, CategoryState] = {}
        for feature in spec.features:
            _check_kind(feature, self._schema.column(feature.column))
            if isinstance(feature, NumericFeature):
                self._numeric[feature.column] = NumericState(feature)
            else:
                self._category[feature.column] = CategoryState(feature)
        self._rows = 0

    def update(self, table: pa.Table, *, first_row: int) -> None:
        """Add a conformed table; `first_row` is its first row's ordinal in the whole data set."""
        inputs = InputColumns(self._schema, [Reading(name, "code") for name in self._category])
        columns = inputs.native(table)
        for position, name in enumerate(self._schema.names):
            if name in self._numeric:
                self._numeric[name].update(columns, position, first_row)
            else:
                self._category[name].update(columns, inputs.position(Reading(name, "code")))
        self._rows += columns.num_rows

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
        for name, numeric in self._numeric.items():
            numeric.merge(other._numeric[name])
        for name, category in self._category.items():
            category.merge(other._category[name])
        self._rows += other._rows

    def finish(self) -> FeatureProgram:
        """Freeze the program. Raises EmptyInputError when no row was seen."""
        if self._rows == 0:
            raise EmptyInputError(
                problem(expected="rows to fit on", got="none", where="features fit", next_step="check the input")
            )
        dense = tuple(output for state in self._numeric.values() for output in state.freeze())
        sparse = tuple(
            state.freeze(integer=self._schema.column(name).kind != "string") for name, state in self._category.items()
        )
        return FeatureProgram(self._schema, dense, sparse, (), self._rows)


def _check_kind(feature: Feature, column: Column) -> None:
    refused, instead = ("string", "category") if isinstance(feature, NumericFeature) else ("timestamp", "numeric")
    if column.kind == refused:
        raise SchemaError(
            problem(
                expected=f"a column that a {feature.kind} feature can read",
                got=f"`{column.name}` of kind {column.kind}",
                where="feature spec",
                next_step=f"make it a {instead} feature",
            )
        )
