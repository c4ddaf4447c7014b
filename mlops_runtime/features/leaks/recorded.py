"""What a training set recorded: which of its columns hold which features of which table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mlops_runtime.core.errors import ConfigError, EmptyInputError, SchemaError, problem
from mlops_runtime.data import Frame, Source
from mlops_runtime.data.schema import listed, repeated_names
from mlops_runtime.features.tables import MISSING_TIME, FeatureTable, microseconds

__all__ = ["Recorded", "TrainingSet", "match_columns", "read_training"]

_WHERE = "training set"


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """The rows of a training set, conformed. times: int64[rows] microseconds. numbers: int64[rows] ordinals."""

    table: pa.Table
    entity_time: str
    times: NDArray[np.int64]
    numbers: NDArray[np.int64]

    def has_key(self, names: Sequence[str]) -> NDArray[np.bool_]:
        """Return bool[rows]: where all of these columns and the time are there."""
        present: NDArray[np.bool_] = self.times != MISSING_TIME
        for name in names:
            present &= ~pc.is_null(self.table.column(name), nan_is_null=True).to_numpy()
        return present


@dataclass(frozen=True, slots=True)
class Recorded:
    """A feature table, of the recorded features only, and the column of the training set for each of those."""

    table: FeatureTable
    columns: Mapping[str, str]

    def pairs(self, features: Iterable[str]) -> dict[str, str]:
        """Return, for each key and each of these features of the table, the column of the training set."""
        keys = zip(self.table.keys, self.table.joins_on, strict=True)
        return {**dict(keys), **{feature: self.columns[feature] for feature in features}}


def read_training(training: Source | Frame, entity_time: str, recorded: Sequence[Recorded]) -> TrainingSet:
    """Read the columns that are needed, of all rows.

    Raises SchemaError when `entity_time` holds no times, EmptyInputError for a data set without rows.
    """
    needed = dict.fromkeys([entity_time, *(name for one in recorded for name in one.pairs(one.columns).values())])
    kind = training.schema.column(entity_time).kind
    if kind != "timestamp":
        raise SchemaError(
            problem(
                expected=f"times in column `{entity_time}`",
                got=f"values of kind {kind}",
                where=_WHERE,
                next_step=f"open it with schema=Schema((Column({entity_time!r}, 'timestamp'),)), or cast the column",
            )
        )
    if isinstance(training, Source):
        table, numbers = _read_whole(training.select(list(needed)))
    else:
        table, numbers = training.table.select(list(needed)), np.arange(training.table.num_rows, dtype=np.int64)
    return TrainingSet(table, entity_time, microseconds(table.column(entity_time)), numbers)


def _read_whole(training: Source) -> tuple[pa.Table, NDArray[np.int64]]:
    batches = list(training.batches())
    if not batches:
        raise EmptyInputError(
            problem(expected="rows", got="none", where=_WHERE, next_step="check that the export finished")
        )
    table = pa.concat_tables([batch.table for batch in batches]).unify_dictionaries()
    return table, np.concatenate([batch.row_numbers() for batch in batches])


def match_columns(
    names: Sequence[str], tables: Sequence[FeatureTable], entity_time: str, renamed: Mapping[str, str]
) -> tuple[tuple[Recorded, ...], tuple[str, ...]]:
    """Return which columns hold which features, and notes about columns and features that nothing was found for.

    A feature is looked for under the name that `renamed` gives for its `table__feature`, then as `table__feature`, then
    by its own name if no other table has a feature of that name and no key or time is called so.
    Raises ConfigError for two tables of one name and for names in `renamed` that are not there, SchemaError for missing
    keys or no recorded feature at all.
    """
    _check(names, tables, entity_time, renamed)
    entity = {entity_time, *(name for table in tables for name in table.joins_on)}
    plain = Counter(feature for table in tables for feature in table.feature_names)
    found, notes = [], []
    for table in tables:
        columns = {}
        for feature in table.feature_names:
            full = table.output_name(feature)
            name = renamed.get(full, full)
            if name not in names and plain[feature] == 1 and feature not in entity:
                name = feature
            if name in names:
                columns[feature] = name
        if lost := [feature for feature in table.feature_names if feature not in columns]:
            notes.append(f"not in the training set, so not checked: {listed(lost)} of feature table `{table.name}`")
        if columns:
            found.append(Recorded(replace(table, features=tuple(columns)), columns))
    used = entity.union(*(one.columns.values() for one in found))
    if others := [name for name in names if name not in used]:
        notes.append(f"of no feature table, so not checked: {listed(others)}")
    if not found:
        raise _no_feature(names, tables)
    return tuple(found), tuple(notes)


def _check(names: Sequence[str], tables: Sequence[FeatureTable], time: str, renamed: Mapping[str, str]) -> None:
    if repeated := repeated_names(table.name for table in tables):
        raise _wrong("feature tables of different names", f"{listed(repeated)} twice", "rename one of them")
    missing = [name for name in dict.fromkeys((time, *_keys(tables))) if name not in names]
    if missing:
        raise SchemaError(
            problem(
                expected="the keys and the time of the feature tables",
                got=f"no {listed(missing)}",
                where=_WHERE,
                next_step=f"add them, or say what they are called with entity_keys; it has {listed(names)}",
            )
        )
    known = {table.output_name(feature) for table in tables for feature in table.feature_names}
    if unknown := sorted(set(renamed) - known):
        raise _wrong(f"renamed features among {listed(sorted(known))}", listed(unknown), "check the spelling")
    if absent := sorted(set(renamed.values()) - set(names)):
        raise _wrong(f"columns among {listed(names)}", listed(absent), "say what the training set calls the feature")


def _keys(tables: Sequence[FeatureTable]) -> Iterator[str]:
    for table in tables:
        yield from table.joins_on


def _wrong(expected: str, got: str, next_step: str) -> ConfigError:
    return ConfigError(problem(expected=expected, got=got, where=_WHERE, next_step=next_step))


def _no_feature(names: Sequence[str], tables: Sequence[FeatureTable]) -> SchemaError:
    every = [table.output_name(feature) for table in tables for feature in table.feature_names]
    return SchemaError(
        problem(
            expected=f"one of the features {listed(every)}",
            got=f"columns {listed(names)}",
            where=_WHERE,
            next_step="say what the training set calls its features (`columns`)",
        )
    )
