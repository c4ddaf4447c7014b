"""Live data, read by what it is compared with: its kinds, its rules; and what of it cannot be read so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from mlops_runtime.cli.reference import Reference
from mlops_runtime.core.errors import SchemaError
from mlops_runtime.data import BadRow, Column, Source, conform, open_source

__all__ = ["Current", "open_current"]


@dataclass(frozen=True, slots=True)
class Current:
    """Live data, opened, of the columns that its reference has too; what of that it is judged by; notes on the rest."""

    paths: tuple[str, ...]
    source: Source
    reference: Reference
    notes: tuple[str, ...]

    def without_unreadable(self) -> Current:
        """Return the data without the columns that hold a value not of their kind, each with a note; self if none does.

        A pass over the data, for when reading it has failed.
        """
        schema, refusals = self.source.schema, dict[str, str]()
        if self.source.decimal_commas:  # which stand in the decoded texts
            return self
        for batch in self.source.decoded():
            if isinstance(batch, BadRow):
                continue
            for name in frozenset(schema.names) & frozenset(batch.table.column_names) - frozenset(refusals):
                try:
                    conform(batch.table, schema.select([name]), where=batch.file, first_row=batch.first_row)
                except SchemaError as error:
                    refusals[name] = str(error)
        if not refusals:
            return self
        kept = schema.select([name for name in schema.names if name not in refusals])
        return replace(self, source=open_source(self.paths, schema=kept), notes=(*self.notes, *refusals.values()))


def open_current(
    paths: Sequence[str], reference: Reference, *, time: str | None = None, segments: Sequence[str] = ()
) -> Current:
    """Open live data by the kinds of its reference; nothing but headers and footers is read.

    time: the column of each row's time, which is not judged itself. segments: columns to be read besides.
    Raises as `open_source`, and SchemaError when one of these columns is not there.
    """
    present = open_source(paths).columns
    undue = (reference.scores - frozenset(present)) | {time}
    judged = [name for name in reference.schema.names if name not in undue]
    due = reference.select(judged)
    kinds = {name: Column(name, "string") for name in segments}
    kinds |= {column.name: column for column in due.schema.columns if column.name in present}
    kinds |= {time: Column(time, "timestamp")} if time is not None else {}
    notes = [f"column `{name}`: only in the reference" for name in judged if name not in present]
    if not reference.chosen:
        notes += [f"column `{name}`: its type is not monitored" for name in reference.baseline.skipped]
        notes += [f"column `{name}`: only in the current data" for name in present if name not in kinds]
    schema = replace(reference.schema, columns=tuple(kinds.values()))
    source = open_source(paths, schema=schema) if kinds else open_source(paths)
    return Current(tuple(paths), source, due, tuple(notes))
