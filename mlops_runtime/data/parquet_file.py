"""Parquet files: row groups skipped by their statistics, columns by name, small dictionaries of texts kept as such."""

from __future__ import annotations

import collections
import contextlib
import itertools
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from mlops_runtime.core.errors import DataError, problem
from mlops_runtime.core.settings import settings
from mlops_runtime.data.conform import is_text
from mlops_runtime.data.data_file import Piece, joined
from mlops_runtime.data.infer import EXACT_LIMIT, ColumnFacts, decoded_type, facts_of
from mlops_runtime.data.lake_table import FieldIds
from mlops_runtime.data.parquet_footer import RowGroup, read_footer
from mlops_runtime.data.stored_file import READ_ERRORS, StoredFile, damaged

__all__ = ["ParquetFile"]

_BATCH_ROWS = 1 << 17
_DICTIONARY_BYTES = 1  # a row, compressed: a larger dictionary takes longer to take in than its texts in every row
_SMALL_FILE_ROWS = (
    1 << 16
)  # smaller files count as of this many: their types should be those of larger ones beside them
_LARGE_GROUP_BYTES = 1 << 26  # beyond this, the compressed columns of a row group are not held whole
_BUFFER_BYTES, _REMOTE_BUFFER_BYTES = 1 << 18, 1 << 20


class ParquetFile:
    """A Parquet file, known by its footer. groups: the row groups to read; all, until a filter rules some out.

    fields: how the columns of an Iceberg table's file are called, others are no part of it; None for their own names.
    Raises DataError when it is truncated or damaged; pages that carry a checksum are held against it.
    """

    notes: tuple[str, ...] = ()

    def __init__(self, stored: StoredFile, fields: FieldIds | None = None) -> None:
        self.stored = stored
        with self._checked(), stored.open() as source:
            self._groups = read_footer(source)
            plain = pq.ParquetFile(source)
            self._metadata = plain.metadata
            self._schema = plain.schema_arrow
        self._stored_names = _named(self._schema, fields, stored.where)  # by the names that others know them by
        self.names = tuple(self._schema.names if fields is None else self._stored_names)
        self.groups: Sequence[int] = range(self.all_groups)
        self._first_rows = tuple(itertools.accumulate((group.rows for group in self._groups), initial=0))
        self._dictionaries = _dictionaries(self._groups)

    @property
    def all_groups(self) -> int:
        """How many row groups there are."""
        return len(self._groups)

    def facts(self, names: Collection[str]) -> dict[str, ColumnFacts]:
        """Return the facts of these columns, from the footer; 64-bit integers without statistics cost a pass."""
        wanted = self._wanted(names)
        found = {name: self._from_footer(name) for name in wanted}
        unknown = [name for name, facts in found.items() if facts is None]
        if unknown:
            table = self.read(unknown)
            found |= {name: facts_of(table.column(name)) for name in unknown}
        return {name: facts for name, facts in found.items() if facts is not None}

    def bounds(self, group: int, name: str) -> tuple[Any, Any] | None:
        """Return a lower and an upper bound of a column's values in a row group, if the footer says so."""
        found = self._groups[group].columns.get(self._stored_names[name])
        return None if found is None else found.bounds(self.type_of(name))

    def type_of(self, name: str) -> pa.DataType:
        """Return the Arrow type of a column as it is stored."""
        return self._schema.field(self._stored_names[name]).type

    def read(self, names: Collection[str]) -> pa.Table:
        """Decode these columns of the chosen row groups."""
        tables = [piece.table for piece in self._pieces(names, _BATCH_ROWS, settings().thread_count)]
        if tables:
            return joined(tables)
        return pa.table({name: pa.nulls(0, self._decoded(name)) for name in self._wanted(names)})

    def pieces(self, names: Collection[str], rows: int, *, raw: bool = False) -> Iterator[Piece]:
        """Decode these columns of the chosen row groups, at most `rows` rows at a time.

        One thread is left to the caller, who works on the rows before: each that decodes has buffers of its own.
        """
        return self._pieces(names, rows, settings().thread_count - 1)

    def pieces_of(self, group: int, names: Collection[str], rows: int) -> Iterator[Piece]:
        """Decode these columns of one row group in the calling thread, at most `rows` rows at a time."""
        return self._pieces(names, rows, 1, [group])

    def rows_of(self, group: int) -> range:
        """Return the numbers, in the file, of the rows of a row group."""
        return range(self._first_rows[group], self._first_rows[group + 1])

    def _pieces(
        self, names: Collection[str], rows: int, threads: int, groups: Sequence[int] | None = None
    ) -> Iterator[Piece]:
        wanted, chosen = self._wanted(names), self.groups if groups is None else groups
        with self.stored.open() as source, self._checked():
            file = self._open(source, wanted, chosen)
            for run in _runs(chosen):
                first = self._first_rows[run[0]]
                for table in self._decode(file, run, wanted, rows, first, threads):
                    yield Piece(table, first)
                    first += table.num_rows

    @property
    def known_rows(self) -> int:
        """The number of rows, which the footer says."""
        return self.count()

    def count(self) -> int:
        """Return the number of rows, skipped row groups included."""
        return self._first_rows[-1]

    def _wanted(self, names: Collection[str]) -> list[str]:
        wanted = frozenset(names)
        return [name for name in self.names if name in wanted]

    def _rows(self, groups: Sequence[int]) -> int:
        return sum(self._groups[group].rows for group in groups)

    def _decoded(self, name: str) -> pa.DataType:
        return pa.dictionary(pa.int32(), pa.utf8()) if self._is_dictionary(name) else decoded_type(self.type_of(name))

    def _is_dictionary(self, name: str) -> bool:
        """Whether a column's texts are decoded as dictionaries: the same in every row group."""
        return is_text(self.type_of(name)) and self._stored_names[name] in self._dictionaries

    def _open(self, source: pa.NativeFile, names: Sequence[str], groups: Sequence[int]) -> pq.ParquetFile:
        large = max((self._groups[group].size for group in groups), default=0) > _LARGE_GROUP_BYTES
        here = self.stored.local is not None
        buffer = _BUFFER_BYTES if here else _REMOTE_BUFFER_BYTES
        return pq.ParquetFile(
            source,
            metadata=self._metadata,
            read_dictionary=[self._stored_names[name] for name in names if self._is_dictionary(name)],
            buffer_size=buffer if large else 0,
            pre_buffer=not here and not large,
            page_checksum_verification=True,
        )

    def _decode(
        self, file: pq.ParquetFile, run: Sequence[int], names: Sequence[str], rows: int, first: int, threads: int
    ) -> Iterator[pa.Table]:
        done, claimed = 0, self._rows(run)
        stored_names = [self._stored_names[name] for name in names]
        batches = file.iter_batches(rows, list(run), stored_names, use_threads=threads > 1)
        while True:
            try:
                batch = next(batches, None)
            except READ_ERRORS as error:
                raise damaged(self._place(file, run, names, first), "Parquet", error) from error
            if batch is None:
                break
            done += batch.num_rows
            yield pa.Table.from_batches([batch]).rename_columns(list(names))
        if done != claimed:
            where, got = f"{self.stored.where}, after row {first + done:,}", f"{done:,} rows of {claimed:,} claimed"
            raise damaged(where, "Parquet", ValueError(got))

    def _from_footer(self, name: str) -> ColumnFacts | None:
        """Return the facts of a column; None when its values have to be seen."""
        column_type = self._decoded(name)
        wide = pa.types.is_integer(column_type) and column_type.bit_width == 64
        missing, exact = 0, True
        for number, group in enumerate(self._groups):
            found = group.columns.get(self._stored_names[name])
            if found is None or found.missing is None:  # nested, or written without
                return None if wide else ColumnFacts(column_type, self.count(), None)
            missing += found.missing
            if wide and found.missing < group.rows:
                bounds = self.bounds(number, name)
                if bounds is None:
                    return None
                exact = exact and max(-bounds[0], bounds[1]) <= EXACT_LIMIT
        return ColumnFacts(column_type, self.count(), missing, exact)

    def _place(self, file: pq.ParquetFile, run: Sequence[int], names: Sequence[str], first: int) -> str:
        """Return where in a run of row groups, of which `first` is the first row, a column cannot be decoded."""
        for group in run:
            for name in names:
                try:
                    for _ in file.iter_batches(_BATCH_ROWS, [group], [self._stored_names[name]], use_threads=False):
                        pass
                except READ_ERRORS:
                    return f"{self.stored.where}, column `{name}` of row group {group}, after row {first:,}"
            first += self._groups[group].rows
        return self.stored.where

    @contextlib.contextmanager
    def _checked(self) -> Iterator[None]:
        """Say which file turns out to be damaged."""
        try:
            yield
        except DataError:
            raise
        except READ_ERRORS as error:
            raise damaged(self.stored.where, "Parquet", error) from error


def _named(schema: pa.Schema, fields: FieldIds | None, where: str) -> dict[str, str]:
    """Return the names in the file by the names that are used. DataError for a column that had to be in the file."""
    if fields is None:
        return {name: name for name in schema.names}
    by_id = {int((field.metadata or {}).get(b"PARQUET:field_id", -1)): field.name for field in schema}
    bare = by_id.keys() <= {-1}
    without = [fields.names[number] for number in fields.constant & fields.names.keys() - by_id.keys()]
    if bare or without:
        raise DataError(
            problem(
                expected="an Iceberg table's file, with its columns and their field ids",
                got="no field ids" if bare else f"no column `{min(without)}`, which its partition fixes",
                where=where,
                next_step="rewrite the file through the table (rewrite_data_files): it was added as it was",
            )
        )
    return {fields.names[number]: name for number, name in by_id.items() if number in fields.names}


def _dictionaries(groups: Sequence[RowGroup]) -> frozenset[str]:
    """Return the columns that are cheaper to decode as dictionaries: all pages refer to them, and they are small."""
    every = [item for group in groups for item in group.columns.items()]
    with_plain_pages = {name for name, column in every if column.has_plain_pages}
    stored: collections.Counter[str] = collections.Counter()
    for name, column in every:
        stored[name] += column.dictionary_bytes
    most = _DICTIONARY_BYTES * max(sum(group.rows for group in groups), _SMALL_FILE_ROWS)
    return frozenset(name for name, size in stored.items() if size <= most and name not in with_plain_pages)


def _runs(groups: Sequence[int]) -> Iterator[list[int]]:
    """Split ascending numbers into stretches without a gap.

    >>> list(_runs([0, 1, 4, 5, 7]))
    [[0, 1], [4, 5], [7]]
    """
    for _, run in itertools.groupby(enumerate(groups), key=lambda pair: pair[1] - pair[0]):
        yield [group for _, group in run]
