"""CSV files as part of a data set: their columns' types, their rows whole or piece by piece."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Mapping, Sequence

import pyarrow as pa

from mlops_runtime.data.conform import is_text
from mlops_runtime.data.csv_decode import TEXT, CsvDecoder
from mlops_runtime.data.csv_errors import invalid_utf8, survey
from mlops_runtime.data.csv_rejects import CsvRejects
from mlops_runtime.data.data_file import Piece
from mlops_runtime.data.header import read_header
from mlops_runtime.data.infer import ColumnFacts, facts_of
from mlops_runtime.data.schema import ColumnKind, Schema
from mlops_runtime.data.stored_file import StoredFile
from mlops_runtime.data.text_type import TextType

__all__ = ["CsvFile"]

_DECLARED: dict[ColumnKind, pa.DataType] = {"number": pa.float64(), "integer": pa.int64()}  # other kinds come as texts


class CsvFile:
    """A CSV file.

    rules: decides the kinds of its columns and which texts are missing. A column it lacks is what all its texts can be
    read as: numbers followed much later by a text are texts throughout, as written in the file; so are digits of which
    some begin with a zero.
    tolerant: rows of another width, and rows that are no UTF-8, are handed out as bad rows instead of being an error.
    Raises DataError for binary content, a quote that is never closed, invalid UTF-8 and ragged rows; EmptyInputError
    without a header.
    """

    def __init__(self, stored: StoredFile, rules: Schema, *, tolerant: bool) -> None:
        self.stored = stored
        self._rules = rules
        self._tolerant = tolerant
        with stored.open() as stream:
            self._header = read_header(stream, stored.where)
        self.names = self._header.names
        self._types = {column.name: _DECLARED.get(column.kind, TEXT) for column in rules.columns}
        self._facts: dict[str, ColumnFacts] = {}
        self._notes: dict[str, str] = {}
        self._quotes: bool | None = None
        self._rows: int | None = None
        self.read_as_text(self._header.codes)

    @property
    def codes(self) -> frozenset[str]:
        """Columns of digits of which some begin with a zero, in the first lines."""
        return self._header.codes

    @property
    def decimal_point(self) -> str:
        """What stands before the decimals of its numbers: a point or a comma."""
        return self._header.decimal_point

    def read_as_text(self, codes: Collection[str]) -> None:
        """Read these columns as they are written, unless the rules say what they are: another file holds codes."""
        known, ruled = frozenset(self.names), frozenset(self._rules.names)
        for name in codes:
            if name in known and name not in ruled:
                self._types[name] = TEXT
                self._notes[name] = f"column `{name}` has numbers with leading zeros: read as text"

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader should know: of the header, and of columns whose facts were asked for."""
        return (*self._header.notes, *(note for name, note in self._notes.items() if name in self._facts))

    def facts(self, names: Collection[str]) -> dict[str, ColumnFacts]:
        """Return the facts of these columns.

        Those that the rules leave open, and that were not read before, cost a pass over the file, block by block.
        """
        wanted = self._wanted(names)
        unknown = [name for name in wanted if name not in self._types]
        if unknown:
            self._survey_texts(unknown)
        for name in wanted:
            self._facts.setdefault(name, ColumnFacts(self._types[name], 0, None))
        return {name: self._facts[name] for name in wanted}

    def read(self, names: Collection[str]) -> pa.Table:
        """Decode these columns whole; facts that this shows are remembered."""
        wanted = self._wanted(names) or self.names[:1]
        with self._decoder() as decoder:
            types = {name: self._types[name] for name in wanted if name in self._types}
            table = decoder.whole(wanted, types)
            clock_times = [field.name for field in table.schema if pa.types.is_time(field.type)]
            if clock_times:  # a time of day is a text: Arrow would rewrite "07:30" as "07:30:00"
                table = decoder.whole(wanted, {**types, **dict.fromkeys(clock_times, TEXT)})
            if any(pa.types.is_binary(getattr(field.type, "value_type", field.type)) for field in table.schema):
                raise invalid_utf8(decoder.path, self.stored.where)
        self._rows = table.num_rows
        for name in table.column_names:
            if name not in types:
                self._learn(name, table.column(name))
        return table

    def pieces(self, names: Collection[str], rows: int, *, raw: bool = False) -> Iterator[Piece]:
        """Decode these columns, at most `rows` rows at a time; the facts of those without a rule must be known.

        raw, or a tolerant file: all as texts, bad rows handed out beside them.
        """
        wanted = self._wanted(names) or self.names[:1]
        types = {} if raw else {name: self._types.get(name, TEXT) for name in wanted}
        for piece in self._decoded(wanted, types, tolerant=raw or self._tolerant):
            yield from _cut(piece, rows)

    @property
    def known_rows(self) -> int | None:
        """The number of rows, once a pass has shown it."""
        return self._rows

    def count(self) -> int:
        """Return the number of rows, bad ones included: remembered from the last pass, else of one more."""
        if self._rows is None:
            for _ in self._decoded(self.names[:1], {}, tolerant=True):
                pass
        return self._rows or 0

    def _wanted(self, names: Collection[str]) -> list[str]:
        wanted = frozenset(names)
        return [name for name in self.names if name in wanted]

    @contextlib.contextmanager
    def _decoder(self) -> Iterator[CsvDecoder]:
        with self.stored.brought_here() as path:
            if self._quotes is None:
                self._quotes = survey(path, self._header, self.stored.where)
            yield CsvDecoder(path, self.stored.where, self._header, self._rules, self._quotes)

    def _decoded(self, names: Sequence[str], types: Mapping[str, pa.DataType], *, tolerant: bool) -> Iterator[Piece]:
        """Decode these columns block by block, as texts where `types` is silent; count the rows."""
        with self._decoder() as decoder:
            if tolerant:
                yield from self._tolerant_pieces(decoder, names)
                return
            done = 0
            for block in decoder.blocks(names, {name: types.get(name, TEXT) for name in names}):
                yield Piece(block, done)
                done += block.num_rows
            self._rows = done

    def _tolerant_pieces(self, decoder: CsvDecoder, names: Sequence[str]) -> Iterator[Piece]:
        rejects = CsvRejects(decoder.path, self._header, self.stored.name)
        done = 0
        for block in decoder.tolerant_blocks(names, rejects):
            good, numbers = rejects.place(block)
            first = int(numbers[0]) if len(numbers) else done
            whole = len(numbers) == 0 or int(numbers[-1]) - first + 1 == len(numbers)
            yield Piece(good, first, None if whole else numbers, rejects.take())
            done = rejects.next_row
        last = rejects.take(everything=True)
        if last:
            yield Piece(pa.table({name: pa.array([], TEXT) for name in names}), done, None, last)
        self._rows = done + len(last)

    def _survey_texts(self, names: Sequence[str]) -> None:
        found = {name: TextType(self._rules, decimal_point=self._header.decimal_point) for name in names}
        rows = 0
        for piece in self._decoded(names, {}, tolerant=self._tolerant):
            rows += piece.table.num_rows
            for name, texts in found.items():
                for chunk in piece.table.column(name).chunks:
                    texts.update(chunk)
        for name, texts in found.items():
            is_written = texts.type == pa.utf8()
            facts = ColumnFacts(
                TEXT if is_written else texts.type, rows, 0 if is_written else texts.missing, texts.exact
            )
            self._decide(name, facts, texts)

    def _learn(self, name: str, values: pa.ChunkedArray) -> None:
        texts = TextType(self._rules, decimal_point=self._header.decimal_point)
        if is_text(values.type):
            for chunk in values.chunks:
                texts.update(chunk)
        self._decide(name, facts_of(values), texts)

    def _decide(self, name: str, facts: ColumnFacts, texts: TextType) -> None:
        """Settle what a column is: numbers behind odd spaces are numbers, though they are decoded as texts."""
        self._types[name] = TEXT if is_text(facts.type) else facts.type
        self._facts[name] = ColumnFacts(pa.float64(), facts.rows, 0) if texts.spaced else facts
        if is_text(facts.type) and not texts.spaced and 0 < texts.others <= texts.numbers:
            self._notes[name] = f"column `{name}` is mostly numbers but also holds {texts.example!r}: read as text"


def _cut(piece: Piece, rows: int) -> Iterator[Piece]:
    """Split a piece so that none has more than `rows` rows; its bad rows go with the first."""
    if piece.table.num_rows <= rows:
        yield piece
        return
    for start in range(0, piece.table.num_rows, rows):
        numbers = None if piece.numbers is None else piece.numbers[start : start + rows]
        first = piece.first_row + start if numbers is None else int(numbers[0])
        yield Piece(piece.table.slice(start, rows), first, numbers, piece.bad if start == 0 else ())
