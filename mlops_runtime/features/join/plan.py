"""What a join will make: its columns, checked before a row is read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from mlops_runtime.core.errors import ConfigError, SchemaError, problem
from mlops_runtime.data import Schema
from mlops_runtime.data.schema import listed, repeated_names
from mlops_runtime.features.tables import FeatureTable

__all__ = ["JoinPlan", "Naming", "plan_join"]

Naming = Literal["full", "plain"]


@dataclass(frozen=True, slots=True)
class JoinPlan:
    """time: the entity rows' moments. names: of each table's features, in the order of the tables, in the result."""

    time: str
    tables: tuple[FeatureTable, ...]
    names: tuple[tuple[str, ...], ...]


def plan_join(entities: Schema, tables: Sequence[FeatureTable], *, time: str, names: Naming) -> JoinPlan:
    """Check that the tables can be joined to entity rows of these columns.

    names: "full" calls every feature `table__feature`, so that what a column is called never depends on what else is
    joined; "plain" calls it as its table does. Raises ConfigError for names that would be there twice, SchemaError for
    columns that are not there, or a time that is none.
    """
    if names not in ("full", "plain"):
        raise ConfigError(
            problem(expected='names="full" or "plain"', got=repr(names), where="join", next_step="choose one")
        )
    if repeated := repeated_names(table.name for table in tables):
        raise _twice("feature tables with names of their own", repeated, "rename one of them")
    if entities.column(time).kind != "timestamp":
        raise SchemaError(
            problem(
                expected=f"times in column `{time}`",
                got=f"values of kind {entities.column(time).kind}",
                where="entity rows",
                next_step=f"open them with schema=Schema((Column({time!r}, 'timestamp'),)), or cast the column",
            )
        )
    for table in tables:
        entities.select(table.joins_on)
    chosen = tuple(tuple(_names(table, names)) for table in tables)
    every = (*entities.names, *(name for of_table in chosen for name in of_table))
    if repeated := repeated_names(every):
        advice = "rename a column of the entity rows" if names == "full" else 'use names="full"'
        raise _twice("distinct names of columns in the result", repeated, advice)
    return JoinPlan(time, tuple(tables), chosen)


def _names(table: FeatureTable, names: Naming) -> Iterable[str]:
    return map(table.output_name, table.feature_names) if names == "full" else table.feature_names


def _twice(expected: str, repeated: Sequence[str], next_step: str) -> ConfigError:
    return ConfigError(problem(expected=expected, got=f"{listed(repeated)} twice", where="join", next_step=next_step))
