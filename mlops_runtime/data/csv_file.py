"""CSV files: decoded by pyarrow, with texts as dictionaries, and errors that name the line."""

from __future__ import annotations

import csv
import mmap
from collections.abc import Collection
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as arrow_csv

from mlops_runtime.core.errors import DataError, EmptyInputError, problem
from mlops_runtime.core.settings import settings
from mlops_runtime.data.conform import is_text
from mlops_runtime.data.header import CsvHeader, read_header
from mlops_runtime.data.schema import Schema

__all__ = ["read_csv"]

_TEXT = pa.dictionary(pa.int32(), pa.utf8())
_BLOCK_BYTES = 1 << 22
_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
_MAX_DICTIONARY = 1 << 14  # distinct texts in one block beyond which a dictionary costs more than it saves


def read_csv(
    path: Path, *, columns: Collection[str] | None, texts: Collection[str], rules: Schema
) -> tuple[pa.Table, tuple[str, ...]]:
    """Decode a CSV file (all columns, or those named) and return it with notes.

    texts: columns to keep as text whatever they look like. rules: gives the null tokens of numbers and times; those of
    texts are left to `conform`. A column whose first blocks are numbers and whose later ones are not is text
    throughout, as written in the file; so is a column of digits with leading zeros that `rules` does not call a number.
    Raises DataError for binary content, invalid UTF-8 and ragged rows; EmptyInputError when there are no rows.
    """
    has_quotes = _survey(path)
    header = read_header(path)
    wanted = [name for name in header.names if columns is None or name in columns]
    codes = [name for name in wanted if name in header.codes and name not in rules.names]
    texts = {*texts, *codes}
    table = _decode(path, header, wanted, texts, rules, has_quotes)
    clock_times = [field.name for field in table.schema if pa.types.is_time(field.type)]
    if clock_times:  # a time of day is a text: Arrow would rewrite "07:30" as "07:30:00"
        table = _decode(path, header, wanted, {*texts, *clock_times}, rules, has_quotes)
    for field in table.schema:
        if pa.types.is_binary(_value_type(field.type)):
            raise _invalid_utf8(path)
    notes = [*header.notes, *(f"column `{name}` has numbers with leading zeros: read as text" for name in codes)]
    for name in table.column_names:
        if name not in texts and is_text(table.column(name).type):
            table, note = _reconsider_text(table, name, rules)
            notes.extend(note)
    return table, tuple(notes)


def _value_type(data_type: pa.DataType) -> pa.DataType:
    return data_type.value_type if pa.types.is_dictionary(data_type) else data_type


def _survey(path: Path) -> bool:
    """Refuse binary content; return whether quotes occur, which decides if a value may span lines."""
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
        position = content.find(b"\0")
        if position >= 0:
            line = content[:position].count(b"\n") + 1
            raise DataError(
                problem(
                    expected="CSV text in UTF-8",
                    got=f"a NUL byte at offset {position} (line {line})",
                    where=str(path),
                    next_step="this is a binary or UTF-16 file: export it as CSV in UTF-8, or as Parquet",
                )
            )
        return content.find(b'"') >= 0


def _decode(
    path: Path, header: CsvHeader, wanted: list[str], texts: Collection[str], rules: Schema, has_quotes: bool
) -> pa.Table:
    tokens = [f"{before}{token}" for token in rules.null_tokens for before in (("", " ") if rules.trim else ("",))]
    try:
        table = arrow_csv.read_csv(
            path,
            read_options=arrow_csv.ReadOptions(
                block_size=_BLOCK_BYTES,
                column_names=list(header.names),
                skip_rows=header.skip_lines,
                use_threads=settings().thread_count > 1,
            ),
            parse_options=arrow_csv.ParseOptions(delimiter=header.delimiter, newlines_in_values=has_quotes),
            convert_options=arrow_csv.ConvertOptions(
                include_columns=wanted,
                column_types={name: _TEXT for name in texts if name in wanted},
                null_values=tokens,
                auto_dict_encode=True,
                auto_dict_max_cardinality=_MAX_DICTIONARY,
                decimal_point=header.decimal_point,
            ),
        )
    except pa.ArrowInvalid as error:
        raise _explain(path, header, error) from error
    if table.num_rows == 0:
        raise _no_rows(path)
    return table


def _explain(path: Path, header: CsvHeader, error: pa.ArrowInvalid) -> DataError:
    message = str(error)
    if "Empty CSV" in message or "Could not skip" in message:
        return _no_rows(path)
    if "UTF8" in message or "UTF-8" in message:
        return _invalid_utf8(path)
    ragged = _first_ragged_line(path, header)
    if ragged is not None:
        line, fields = ragged
        return DataError(
            problem(
                expected=f"{len(header.names)} fields in every row",
                got=f"{fields} in line {line}",
                where=str(path),
                next_step="correct that line; quote values that hold the delimiter",
            )
        )
    return DataError(
        problem(
            expected="CSV rows",
            got=message.splitlines()[0][:200],
            where=str(path),
            next_step="check for a quote that is never closed",
        )
    )


def _first_ragged_line(path: Path, header: CsvHeader) -> tuple[int, int] | None:
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as stream:
        reader = csv.reader(stream, delimiter=header.delimiter)
        try:
            for record in reader:
                if record and len(record) != len(header.names):
                    return reader.line_num, len(record)
        except csv.Error:
            return None
    return None


def _no_rows(path: Path) -> EmptyInputError:
    return EmptyInputError(
        problem(
            expected="rows below the header",
            got="none",
            where=str(path),
            next_step="check that the export finished",
        )
    )


def _invalid_utf8(path: Path) -> DataError:
    content = path.read_bytes()
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        got = f"byte 0x{content[error.start]:02x} at offset {error.start} (line {line})"
    else:
        got = "bytes that changed while they were read"
    return DataError(
        problem(
            expected="UTF-8 text",
            got=got,
            where=str(path),
            next_step="convert the file to UTF-8, for example with iconv -f latin1 -t utf-8",
        )
    )


def _reconsider_text(table: pa.Table, name: str, rules: Schema) -> tuple[pa.Table, list[str]]:
    """Turn a text column into numbers when nothing but odd spaces hid them; note one that is mostly numbers."""
    values = table.column(name)
    if not pa.types.is_dictionary(values.type):
        return table, []
    values = values.unify_dictionaries()
    tokens = pa.array(rules.null_tokens, pa.utf8())
    distinct = pc.utf8_trim_whitespace(values.chunk(0).dictionary)
    distinct = distinct.filter(pc.invert(pc.is_in(distinct, value_set=tokens)))
    is_number = pc.match_substring_regex(distinct, _NUMBER)
    numbers = pc.sum(is_number).as_py() or 0
    if numbers < len(distinct):
        if numbers * 2 < len(distinct):
            return table, []
        example = distinct.filter(pc.invert(is_number))[0].as_py()
        return table, [f"column `{name}` is mostly numbers but also holds {example!r}: read as text"]
    if not rules.trim or numbers == 0:
        return table, []
    trimmed = pc.utf8_trim_whitespace(values.cast(pa.utf8()))
    present = pc.if_else(pc.is_in(trimmed, value_set=tokens), None, trimmed)
    return table.set_column(table.column_names.index(name), name, present.cast(pa.float64())), []
