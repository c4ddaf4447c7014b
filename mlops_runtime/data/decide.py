"""What a data set's columns are, over all its files: decided once, the same whether it is streamed or read whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from mlops_runtime.core.errors import SchemaError, problem
from mlops_runtime.data.data_file import OpenFile
from mlops_runtime.data.filters import Condition, Filters, read_filters
from mlops_runtime.data.infer import infer
from mlops_runtime.data.reconcile import Drift, FileColumns, arrow_type, reconcile
from mlops_runtime.data.schema import Column, Schema, listed, repeated_names

__all__ = ["Decision", "Request", "decide"]


@dataclass(frozen=True, slots=True)
class Request:
    """What the caller asked for. rules: columns whose kind is known. columns: what to read, None for everything."""

    rules: Schema
    columns: tuple[str, ...] | None
    filters: Filters
    drift: Drift

    @property
    def names(self) -> tuple[str, ...] | None:
        """Every column that has to be decoded, those that only filters look at included; None for all."""
        if self.columns is None:
            return None
        return tuple(dict.fromkeys((*self.columns, *(name for name, _, _ in self.filters))))


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer. schema: of the tables handed out. decoded: with the columns that only filters look at.

    types: the Arrow type of each decoded column, the same in every batch.
    """

    schema: Schema
    decoded: Schema
    types: Mapping[str, pa.DataType]
    conditions: tuple[Condition, ...]
    notes: tuple[str, ...]


def decide(
    files: Sequence[OpenFile], request: Request, partitions: Schema, partition_types: Mapping[str, pa.DataType]
) -> Decision:
    """Decide from the files' facts. partitions: the columns that stand in the files' paths, which hide the files' own.

    Raises SchemaError for columns that are nowhere, that no kernel reads, or that differ irreconcilably.
    """
    rules = request.rules
    ruled = frozenset(rules.names)
    facts = [_columns(file, request, partitions) for file in files]
    merged, notes = reconcile(facts, rules, request.drift)
    inferred = infer({name: found for name, found in merged.items() if name not in ruled})
    known = {column.name: column for column in (*inferred.columns, *rules.columns, *partitions.columns)}
    offered = [name for name in (*merged, *partitions.names) if name in known]
    order = request.names or tuple(offered)
    nowhere = frozenset(order) - frozenset(offered)
    if nowhere:
        raise _unusable(min(nowhere, key=order.index), inferred.excluded, files, partitions)
    _check_required(facts, [known[name] for name in order if name in merged and name in ruled])
    types = {name: arrow_type(known[name], merged[name].type) for name in order if name in merged}
    types |= {name: partition_types[name] for name in order if name in partition_types}
    decoded = Schema(tuple(known[name] for name in order), rules.trim, rules.null_tokens)
    hidden = [_hidden(name, file) for file in files for name in partitions.names if name in file.names]
    every_note = (*(note for file in files for note in file.notes), *hidden[:1], *notes, *inferred.notes)
    return Decision(
        schema=decoded if request.columns is None else decoded.select(request.columns),
        decoded=decoded,
        types=types,
        conditions=read_filters(request.filters, decoded),
        notes=tuple(dict.fromkeys(every_note)),
    )


def _columns(file: OpenFile, request: Request, partitions: Schema) -> FileColumns:
    in_paths = frozenset(partitions.names)
    names = frozenset(name for name in (request.names or file.names) if name not in in_paths)
    repeated = [name for name in repeated_names(file.names) if name in names]
    if repeated:
        raise SchemaError(
            problem(
                expected="one column of each name",
                got=f"{listed(repeated)} more than once",
                where=file.stored.where,
                next_step="rename or drop the duplicates",
            )
        )
    with file.stored.explained():
        facts = file.facts(names)
    return FileColumns(file.stored.name, facts, max((found.rows for found in facts.values()), default=0))


def _unusable(name: str, excluded: Mapping[str, str], files: Sequence[OpenFile], partitions: Schema) -> SchemaError:
    present = dict.fromkeys((*(name for file in files for name in file.names), *partitions.names))
    got = f"type {excluded[name]}" if name in excluded else f"columns {listed(present)}"
    return SchemaError(
        problem(
            expected=f"a usable column `{name}`",
            got=got,
            where=files[0].stored.where if len(files) == 1 else f"data set of {len(files)} files",
            next_step="check the spelling, or cast the column",
        )
    )


def _check_required(files: Sequence[FileColumns], declared: Sequence[Column]) -> None:
    for column in declared:
        without = [file.name for file in files if column.name not in file.facts]
        if without and not column.nullable:
            raise SchemaError(
                problem(
                    expected=f"column `{column.name}`, which is not nullable, in every file",
                    got=f"none in {listed(without, limit=3)}",
                    where="data set",
                    next_step="write those files again, or declare the column nullable",
                )
            )


def _hidden(name: str, file: OpenFile) -> str:
    return f"column `{name}` is read from the files' paths, not from the column in `{file.stored.name}`"
