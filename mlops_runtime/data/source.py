"""A data set as a source of conformed rows: streamed in batches, or read whole, with one schema and one identity."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa

from mlops_runtime.core.errors import EmptyInputError, problem
from mlops_runtime.data.batch import BadRow, Batch
from mlops_runtime.data.csv_file import CsvFile
from mlops_runtime.data.data_file import OpenFile, Piece
from mlops_runtime.data.decide import Decision, Request, decide
from mlops_runtime.data.filters import digest_of_filters, matching_rows, may_match
from mlops_runtime.data.finish import PartitionValues, finish
from mlops_runtime.data.manifest import DataFile, Manifest, TableVersion
from mlops_runtime.data.parquet_file import ParquetFile
from mlops_runtime.data.part import Part, no_parts
from mlops_runtime.data.prefetch import prefetched
from mlops_runtime.data.schema import Schema

__all__ = ["Dataset", "Source"]

_BATCH_ROWS = 131_072
_BATCH_BYTES = 1 << 24  # at eight bytes a value: wide tables come in fewer rows


@dataclass(frozen=True, slots=True)
class Dataset:
    """A conformed table, its schema, what it was read from, and what a reader should know about it."""

    table: pa.Table
    schema: Schema
    manifest: Manifest
    notes: tuple[str, ...]


class Source:
    """The files of a data set, opened by `open_source`, in the order that gives their rows the ordinals.

    Nothing is kept but what the files' headers and footers say; every call of `batches` reads anew. The schema is
    decided once, from footers where the format has them: CSV files cost a pass for columns that no schema declares (as
    texts, block by block, in bounded memory), Arrow files one over their values.
    """

    def __init__(
        self,
        files: Sequence[OpenFile],
        request: Request,
        partitions: PartitionValues,
        notes: Sequence[str],
        on_bad_row: Callable[[BadRow], None] | None,
        table: TableVersion | None,
    ) -> None:
        self._files = files
        self._request = request
        self._partitions = partitions
        self._notes = tuple(notes)
        self._on_bad_row = on_bad_row
        self._table = table
        codes = {name for file in files if isinstance(file, CsvFile) for name in file.codes}
        for file in files:
            if isinstance(file, CsvFile):
                file.read_as_text(codes)

    @property
    def files(self) -> tuple[str, ...]:
        """The files' names, relative to the data set, in order."""
        return tuple(file.stored.name for file in self._files)

    @property
    def paths(self) -> tuple[Path, ...]:
        """Where those of the files lie that are on this machine."""
        return tuple(file.stored.local for file in self._files if file.stored.local is not None)

    @property
    def table(self) -> TableVersion | None:
        """The Delta or Iceberg table that says which files these are; None for bare files."""
        return self._table

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of every file's columns, in order of first appearance, then those that stand in the paths."""
        in_files = (name for file in self._files for name in file.names)
        return tuple(dict.fromkeys((*in_files, *self._partitions.schema.names)))

    @property
    def decimal_commas(self) -> frozenset[str]:
        """The names of the CSV files whose numbers have a decimal comma, which `decoded` leaves there."""
        files = (file for file in self._files if isinstance(file, CsvFile))
        return frozenset(file.stored.name for file in files if file.decimal_point == ",")

    @property
    def schema(self) -> Schema:
        """What the tables of `batches` and `read` hold. SchemaError as `decide` says."""
        return self._decision.schema

    @property
    def arrow_schema(self) -> pa.Schema:
        """The Arrow types of those tables, the same in every batch."""
        return pa.schema([(name, self._decision.types[name]) for name in self.schema.names])

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader should know: about the files, about differences between them, about columns."""
        return (*self._notes, *self._decision.notes)

    @property
    def known_rows(self) -> int | None:
        """How many rows the files have, read or not; None while only a pass over them could tell."""
        rows = [file.known_rows for file in self._files]
        return None if None in rows else sum(number or 0 for number in rows)

    @property
    def filter_digest(self) -> str | None:
        """What tells the filters from others, in lower-case hex; None without filters, when every row is read."""
        return digest_of_filters(self._decision.conditions) if self._request.filters else None

    @property
    def row_groups_skipped(self) -> int:
        """How many Parquet row groups hold no row that meets the filters, and are not read."""
        self._decision  # noqa: B018 - chooses the row groups
        parquet = [file for file in self._files if isinstance(file, ParquetFile)]
        return sum(file.all_groups - len(file.groups) for file in parquet)

    def select(self, columns: Sequence[str]) -> Source:
        """Return these files as a source of fewer columns, in this order, of the kinds they have here.

        Raises SchemaError for a column that `schema` lacks.
        """
        rules = self._decision.decoded
        request = replace(self._request, rules=rules, columns=self.schema.select(columns).names)
        return Source(self._files, request, self._partitions, self._notes, self._on_bad_row, self._table)

    def batches(self, rows: int = _BATCH_ROWS, *, only: int | None = None) -> Iterator[Batch]:
        """Yield conformed rows, at most `rows` or about 16 MiB at a time; a thread decodes up to two batches ahead.

        Rows are in order, each batch is of one file, and all have the same Arrow schema. Memory is bounded by a few
        batches (of CSV: by blocks of 4 MiB). Bad rows go to `on_bad_row`, before the batch that follows.
        only: the position of the file whose rows are wanted, in the order of `files`; None for all.
        Raises DataError for damaged files, SchemaError for values that cannot be read as their column's kind.
        """
        for batch, bad in prefetched(lambda: self._conformed(rows, only)):
            for row in bad:
                if self._on_bad_row is not None:
                    self._on_bad_row(row)
            if batch.table.num_rows:
                yield batch

    def decoded(self, rows: int = _BATCH_ROWS) -> Iterator[Batch | BadRow]:
        """Yield rows as they are in the files, and rows that cannot be decoded, for a check that judges every value.

        CSV columns come as texts, nothing is inferred or conformed, filters are not applied, and the columns of the
        files may differ. A bad row comes before the batch whose last row follows it.
        """
        for batch, bad in prefetched(lambda: self._raw(rows)):
            yield from bad
            if batch.table.num_rows:
                yield batch

    def parts(self) -> tuple[Part, ...]:
        """Return the row groups, in order, without those that `row_groups_skipped` counts and those without rows.

        ConfigError when a file is not Parquet.
        """
        self._decision  # noqa: B018 - chooses the row groups
        parts, start = [], 0
        for index, file in enumerate(self._files):
            if not isinstance(file, ParquetFile):
                raise no_parts(file.stored.where)
            groups = ((group, file.rows_of(group)) for group in file.groups)
            parts += [Part(index, group, start + rows.start, len(rows)) for group, rows in groups if rows]
            start += file.count()
        return tuple(parts)

    def part_batches(self, part: Part, rows: int = _BATCH_ROWS) -> Iterator[Batch]:
        """Yield the conformed rows of one of `parts`, at most `rows` at a time, with one thread; see `batches`.

        Safe to call from many threads at once, each with a part of its own.
        """
        decision, file = self._decision, self._files[part.file]
        assert isinstance(file, ParquetFile)
        wanted = frozenset(decision.decoded.names) - frozenset(self._partitions.schema.names)
        with file.stored.unchanged():
            for piece in file.pieces_of(part.group, wanted, rows):
                start = part.first_row - file.rows_of(part.group).start
                batch, _ = _with_ordinals(piece, start, file.stored.name)
                yield self._finished(batch, part.file, piece.first_row)

    def read(self) -> Dataset:
        """Read everything that `batches` would yield, with the same schema and values, and the manifest.

        CSV files are decoded once, with all threads. Raises EmptyInputError when there is no row, and as `batches`.
        """
        with ThreadPoolExecutor(1) as pool:  # hashing releases the GIL: it runs beside the decoder
            digests = [pool.submit(file.stored.sha256).result for file in self._files]
            streamed = self._on_bad_row is not None
            tables = [batch.table for batch in self.batches()] if streamed else self._read_whole()
            manifest = self._manifest(digests)
        if not sum(table.num_rows for table in tables):
            raise self._empty()
        table = tables[0] if len(tables) == 1 else pa.concat_tables(tables).unify_dictionaries()
        return Dataset(table, self.schema, manifest, self.notes)

    def manifest(self) -> Manifest:
        """Return the files' hashes, rows and partition values: a pass over the bytes, and one to count rows of CSV."""
        return self._manifest([file.stored.sha256 for file in self._files])

    @functools.cached_property
    def _decision(self) -> Decision:
        partitions = self._partitions
        types = {name: partitions.table.schema.field(name).type for name in partitions.schema.names}
        decision = decide(self._files, self._request, partitions.schema, types)
        for file in self._files:
            if isinstance(file, ParquetFile):
                file.groups = [group for group in range(file.all_groups) if self._may_match(file, group, decision)]
        return decision

    def _may_match(self, file: ParquetFile, group: int, decision: Decision) -> bool:
        for condition in decision.conditions:
            name = condition.column.name
            if name in self._partitions.schema.names:
                continue
            if name not in file.names:
                return False
            bounds = file.bounds(group, name)
            if not may_match(condition, bounds, file.type_of(name), trim=decision.decoded.trim):
                return False
        return True

    def _needed(self, file: OpenFile) -> list[str]:
        """The columns that may be wanted of a file whose facts are not known yet."""
        wanted = frozenset(self._request.names or file.names) - frozenset(self._partitions.schema.names)
        return [name for name in file.names if name in wanted]

    def _conformed(self, rows: int, only: int | None) -> Iterator[tuple[Batch, tuple[BadRow, ...]]]:
        for batch, bad, index, row in self._pieces(rows, self._decision.decoded.names, only, raw=False):
            yield self._finished(batch, index, row), bad

    def _finished(self, batch: Batch, index: int, row: int) -> Batch:
        """Conform decoded rows of a file, of which the first is its row `row`, and keep those that meet the filters."""
        decision = self._decision
        where = self._files[index].stored.where
        table = finish(batch.table, decision, self._partitions, index, where=where, first_row=row)
        clean = replace(batch, table=table)
        if decision.conditions:
            clean = clean.filter(matching_rows(table, decision.conditions))
        return replace(clean, table=clean.table.select(list(decision.schema.names)))

    def _raw(self, rows: int) -> Iterator[tuple[Batch, tuple[BadRow, ...]]]:
        for batch, bad, index, _ in self._pieces(rows, self._request.names, None, raw=True):
            yield replace(batch, table=self._partitions.added(batch.table, index)), bad

    def _pieces(
        self, rows: int, names: Sequence[str] | None, only: int | None, *, raw: bool
    ) -> Iterator[tuple[Batch, tuple[BadRow, ...], int, int]]:
        """Yield undecided rows with their ordinals, bad rows, the file's position, and the first row's number in it."""
        start = 0
        for index, file in enumerate(self._files):
            wanted = frozenset(names or file.names) - frozenset(self._partitions.schema.names)
            fitting = min(rows, max(1, _BATCH_BYTES // (8 * max(1, len(wanted)))))
            if only in (None, index):
                with file.stored.unchanged():
                    for piece in file.pieces(wanted, fitting, raw=raw):
                        yield *_with_ordinals(piece, start, file.stored.name), index, piece.first_row
            if index == only:
                return
            start += file.count()

    def _read_whole(self) -> list[pa.Table]:
        raw = {}
        for index, file in enumerate(self._files):
            if isinstance(file, CsvFile):
                with file.stored.explained():
                    raw[index] = file.read(self._needed(file))
        decision = self._decision
        tables = []
        for index, file in enumerate(self._files):
            with file.stored.unchanged():
                decoded = raw.pop(index) if index in raw else file.read(decision.decoded.names)
            table = finish(decoded, decision, self._partitions, index, where=file.stored.where, first_row=0)
            if decision.conditions:
                table = table.filter(pa.array(matching_rows(table, decision.conditions)))
            tables.append(table.select(list(decision.schema.names)))
        return tables

    def _manifest(self, digests: Sequence[Callable[[], str]]) -> Manifest:
        entries = []
        for file, sha256 in zip(self._files, digests, strict=True):
            with file.stored.unchanged():
                entries.append(DataFile(file.stored.name, sha256(), file.count(), dict(file.stored.partition)))
        return Manifest(tuple(entries), self._table)

    def _empty(self) -> EmptyInputError:
        where = self._files[0].stored.where if len(self._files) == 1 else f"data set of {len(self._files)} files"
        whole = "rows below the header" if all(isinstance(file, CsvFile) for file in self._files) else "rows"
        expected = "rows that meet the filters" if self._request.filters else whole
        return EmptyInputError(
            problem(expected=expected, got="none", where=where, next_step="check that the export finished")
        )


def _with_ordinals(piece: Piece, start: int, file: str) -> tuple[Batch, tuple[BadRow, ...]]:
    """Count a piece's rows from the data set's first row instead of its file's, which has the ordinal `start`."""
    numbers = None if piece.numbers is None else piece.numbers + start
    bad = tuple(replace(row, ordinal=row.ordinal + start) for row in piece.bad)
    return Batch(piece.table, piece.first_row + start, file, numbers), bad
