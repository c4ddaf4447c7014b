"""The first lines of a CSV file: its delimiter, its column names, and where its rows begin."""

from __future__ import annotations

import codecs
import contextlib
import csv
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import BinaryIO

from mlops_runtime.core.errors import DataError, EmptyInputError, SchemaError, problem
from mlops_runtime.data.schema import DEFAULT_NULL_TOKENS, listed, repeated_names

__all__ = ["CsvHeader", "is_code", "read_header"]

_SAMPLE_BYTES = 1 << 18
_SAMPLE_RECORDS = 50
_LONGEST_LINE_BYTES = 1 << 26
_DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
_COMMA_NUMBER = re.compile(r"\s*[+-]?\d+,\d+\s*\Z")
_CODE = re.compile(r"0\d+\Z")
_MAYBE_CODE = re.compile(r"(?:^|[\s,;|\"])0\d", re.MULTILINE)
_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*\Z")


@dataclass(frozen=True, slots=True)
class CsvHeader:
    """How to read the rest: `skip_lines` physical lines belong to the header. `names` are clean and distinct.

    codes: columns of digits of which some sampled ones start with a zero (postcodes, say): as numbers, 01 would be 1.
    """

    names: tuple[str, ...]
    delimiter: str
    decimal_point: str
    skip_lines: int
    codes: frozenset[str]
    notes: tuple[str, ...]


def read_header(stream: BinaryIO, where: str) -> CsvHeader:
    """Read the header of an open CSV file, which is called `where` in messages.

    Raises DataError when it is no text, SchemaError for duplicate column names.
    """
    lines = _sample_lines(stream, where)
    delimiter, records = _sniff(lines, where)
    notes = [] if delimiter == "," else [f"fields are separated by {_DELIMITERS[delimiter]}"]
    decimal_point = "."
    cells = [cell for record in records[1:] for cell in record]
    if (
        delimiter != ","
        and any(map(_COMMA_NUMBER.match, cells))
        and not any("." in c and _NUMBER.match(c) for c in cells)
    ):
        decimal_point = ","
        notes.append("numbers have a decimal comma")
    names = _clean_names(records[0], where, notes)
    codes = _codes(names, lines, delimiter)
    return CsvHeader(names, delimiter, decimal_point, _header_lines(lines, delimiter), codes, tuple(notes))


def _sample_lines(stream: BinaryIO, where: str) -> list[str]:
    """Return the first lines. Bytes that are no UTF-8 are refused in the first; below it they are for the decoder."""
    sample = stream.read(_SAMPLE_BYTES)
    while b"\n" not in sample and (more := stream.read(max(_SAMPLE_BYTES, len(sample)))):
        sample += more
        if len(sample) > _LONGEST_LINE_BYTES:
            raise DataError(
                problem(
                    expected="lines of text",
                    got=f"none that ends within {len(sample):,} bytes",
                    where=where,
                    next_step="check that this is a CSV file, with a line for every row",
                )
            )
    whole = not stream.read(1)
    try:
        text = codecs.getincrementaldecoder("utf-8-sig")().decode(sample, final=whole)
    except UnicodeDecodeError as error:
        if b"\n" not in sample[: error.start]:
            raise DataError(
                problem(
                    expected="UTF-8 text",
                    got=f"byte 0x{sample[error.start]:02x} at offset {error.start} (line 1)",
                    where=where,
                    next_step="convert the file to UTF-8, for example with iconv",
                )
            ) from error
        text = sample.decode("utf-8-sig", errors="replace")
    lines = text.splitlines(keepends=True)
    return lines if whole or len(lines) < 2 else lines[:-1]


def _sniff(lines: list[str], where: str) -> tuple[str, list[list[str]]]:
    """Choose the delimiter that splits the most records into the header's number of fields, preferring more fields."""
    candidates = []
    for delimiter in _DELIMITERS:
        records = _records(lines, delimiter)
        width = len(records[0]) if records else 0
        agreeing = sum(len(record) == width for record in records) if width > 1 else 0
        candidates.append((agreeing, width, delimiter, records))
    _, width, delimiter, records = max(candidates, key=lambda candidate: candidate[:2])
    if width == 0:
        raise EmptyInputError(
            problem(
                expected="a header line",
                got="none that can be read",
                where=where,
                next_step="write the column names into the first line",
            )
        )
    return delimiter, records


def _records(lines: list[str], delimiter: str) -> list[list[str]]:
    """Return the first records; none beyond what cannot be CSV with this delimiter."""
    found: list[list[str]] = []
    with contextlib.suppress(csv.Error):
        for record in csv.reader(lines, delimiter=delimiter):
            if record:
                found.append(record)
            if len(found) > _SAMPLE_RECORDS:
                break
    return found


def _codes(names: tuple[str, ...], lines: list[str], delimiter: str) -> frozenset[str]:
    """Find the columns of codes in the sample; most files have no sign of one, and are not split again."""
    if not any(map(_MAYBE_CODE.search, lines)):
        return frozenset()
    with contextlib.suppress(csv.Error):
        _, *rows = filter(None, csv.reader(lines, delimiter=delimiter))
        columns = zip(names, zip(*(row for row in rows if len(row) == len(names)), strict=True), strict=False)
        return frozenset(name for name, cells in columns if is_code({cell.strip() for cell in cells}))
    return frozenset()


def is_code(cells: Collection[str]) -> bool:
    """Whether these cells are digits throughout and some begin with a zero that is not all.

    >>> is_code({"01", "12", ""}), is_code({"1", "0"})
    (True, False)
    """
    present = {*cells} - {*DEFAULT_NULL_TOKENS}
    return all(map(str.isdigit, present)) and any(map(_CODE.match, present))


def _header_lines(lines: list[str], delimiter: str) -> int:
    reader = csv.reader(lines, delimiter=delimiter)
    for record in reader:
        if record:
            break
    return reader.line_num


def _clean_names(raw: list[str], where: str, notes: list[str]) -> tuple[str, ...]:
    names = [name.strip() for name in raw]
    if all(map(_NUMBER.match, names)):
        notes.append("the first line holds only numbers: if the header is missing, add one")
    for position, name in enumerate(names):
        if not name:
            names[position] = f"column_{position + 1}"
            notes.append(f"column {position + 1} has no name: it is called `{names[position]}`")
    repeated = repeated_names(names)
    if repeated:
        raise SchemaError(
            problem(
                expected="distinct column names",
                got=f"{listed(repeated)} more than once",
                where=f"{where}, header",
                next_step="rename the duplicates in the file's first line",
            )
        )
    return tuple(names)
