"""Arrow IPC files and streams, validated before anything reads them.

They are read, not mapped: a mapped file that another process cuts short ends the process that reads it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Sequence

import pyarrow as pa

from mlops_runtime.core.errors import DataError
from mlops_runtime.data.data_file import Piece, joined
from mlops_runtime.data.infer import ColumnFacts, decoded_type, facts_of
from mlops_runtime.data.stored_file import READ_ERRORS, StoredFile, damaged

__all__ = ["ArrowFile"]

_MAGIC = b"ARROW1"
_KIND = "Arrow IPC"
_WHOLE = 1 << 62


class ArrowFile:
    """An Arrow IPC file or stream; its columns' facts cost a pass, which holds one of its record batches at a time.

    Raises DataError when it is truncated or damaged.
    """

    notes: tuple[str, ...] = ()

    def __init__(self, stored: StoredFile) -> None:
        self.stored = stored
        self._rows: int | None = None
        self._facts: dict[str, ColumnFacts] = {}
        with self._open(()) as reader:
            self.names = tuple(reader.schema.names)
            self._types = {field.name: field.type for field in reader.schema}

    def facts(self, names: Collection[str]) -> dict[str, ColumnFacts]:
        """Return the facts of these columns: a pass over all batches."""
        wanted = self._wanted(names)
        unknown = [name for name in wanted if name not in self._facts]
        if unknown:
            found = {name: ColumnFacts(decoded_type(self._types[name]), 0, 0) for name in unknown}
            for piece in self.pieces(unknown, _WHOLE):
                found = {name: _extended(facts, piece.table.column(name)) for name, facts in found.items()}
            self._facts |= found
        return {name: self._facts[name] for name in wanted}

    def read(self, names: Collection[str]) -> pa.Table:
        """Decode these columns whole; their facts are remembered."""
        tables = [piece.table for piece in self.pieces(names, _WHOLE)]
        empty = {name: pa.nulls(0, self._types[name]) for name in self._wanted(names)}
        table = joined(tables) if tables else pa.table(empty)
        self._facts |= {name: facts_of(table.column(name)) for name in table.column_names}
        return table

    def pieces(self, names: Collection[str], rows: int, *, raw: bool = False) -> Iterator[Piece]:
        """Decode these columns, at most `rows` rows at a time."""
        wanted = self._wanted(names)
        done = 0
        with self._open(wanted or self.names[:1]) as reader:
            batches = _batches(reader)
            while True:
                with self._checked(done):
                    batch = next(batches, None)
                    if batch is None:
                        break
                    table = pa.Table.from_batches([batch]).select(wanted)
                    table.validate(full=True)
                for start in range(0, table.num_rows, rows):
                    yield Piece(table.slice(start, rows), done + start)
                done += table.num_rows
        self._rows = done

    @property
    def known_rows(self) -> int | None:
        """The number of rows, once a pass has shown it."""
        return self._rows

    def count(self) -> int:
        """Return the number of rows."""
        if self._rows is None:
            with self._checked(0), self._open(self.names[:1]) as reader:
                self._rows = sum(batch.num_rows for batch in _batches(reader))
        return self._rows

    def _wanted(self, names: Collection[str]) -> list[str]:
        wanted = frozenset(names)
        return [name for name in self.names if name in wanted]

    @contextlib.contextmanager
    def _open(self, wanted: Sequence[str]) -> Iterator[pa.RecordBatchFileReader | pa.RecordBatchStreamReader]:
        """Open it for these columns, all when there is none here; of a file, the others' bytes are not read."""
        options = pa.ipc.IpcReadOptions(included_fields=[self.names.index(name) for name in wanted])
        with self.stored.open() as source:
            with self._checked(0):
                is_file = source.read(len(_MAGIC)) == _MAGIC
                source.seek(0)
                reader = (pa.ipc.open_file if is_file else pa.ipc.open_stream)(source, options=options)
            with reader:
                yield reader

    @contextlib.contextmanager
    def _checked(self, row: int) -> Iterator[None]:
        """Say which file, and after how many rows, when it turns out to be damaged."""
        try:
            yield
        except DataError:
            raise
        except READ_ERRORS as error:
            where = f"{self.stored.where}, after row {row:,}" if row else self.stored.where
            raise damaged(where, _KIND, error) from error


def _batches(reader: pa.RecordBatchFileReader | pa.RecordBatchStreamReader) -> Iterator[pa.RecordBatch]:
    if isinstance(reader, pa.RecordBatchFileReader):
        for number in range(reader.num_record_batches):
            yield reader.get_batch(number)
    else:
        yield from reader


def _extended(facts: ColumnFacts, values: pa.ChunkedArray) -> ColumnFacts:
    found = facts_of(values)
    missing = None if facts.missing is None or found.missing is None else facts.missing + found.missing
    return ColumnFacts(facts.type, facts.rows + found.rows, missing, facts.exact and found.exact)
