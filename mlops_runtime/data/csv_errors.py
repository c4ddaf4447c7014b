"""What is wrong with a CSV file, and in which line: looked for only once something is."""

from __future__ import annotations

import csv
import itertools
import mmap
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from mlops_runtime.core.errors import DataError, problem
from mlops_runtime.data.header import CsvHeader

__all__ = ["explain", "invalid_utf8", "records", "survey"]

_PIECE_BYTES = 1 << 20


def survey(path: Path, header: CsvHeader, where: str) -> bool:
    """Refuse binary content and a quote that is never closed; return whether quotes occur, so a value may span lines.

    One pass over the bytes; a second, slow one only when the number of quotes is odd. Raises DataError.
    """
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
        position = content.find(b"\0")
        if position >= 0:
            raise _binary(content[:position].count(b"\n") + 1, position, where)
        first = content.find(b'"')
        if first < 0:
            return False
        pieces = range(first, len(content), _PIECE_BYTES)
        quotes = sum(content[start : start + _PIECE_BYTES].count(b'"') for start in pieces)
    line = _unclosed_quote(path, header) if quotes % 2 else None
    if line is not None:
        raise DataError(
            problem(
                expected="a closing quote for every opening one",
                got=f"none for the quote in line {line}",
                where=where,
                next_step="close it, or double a quote that belongs to the value",
            )
        )
    return True


def _binary(line: int, position: int, where: str) -> DataError:
    return DataError(
        problem(
            expected="CSV text in UTF-8",
            got=f"a NUL byte at offset {position} (line {line})",
            where=where,
            next_step="this is a binary or UTF-16 file: export it as CSV in UTF-8, or as Parquet",
        )
    )


def records(path: Path, header: CsvHeader) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows below the header, blank lines left out: the line each begins in, from 1, and its fields.

    Bytes that are no UTF-8 are shown as \\xNN. Stops where the file cannot be CSV.
    """
    with path.open(encoding="utf-8", errors="backslashreplace", newline="") as stream:
        for _ in range(header.skip_lines):
            stream.readline()
        reader = csv.reader(stream, delimiter=header.delimiter)
        begin = 0
        try:
            for record in reader:
                if record:
                    yield header.skip_lines + begin + 1, record
                begin = reader.line_num
        except csv.Error:
            return


def _unclosed_quote(path: Path, header: CsvHeader) -> int | None:
    """Return the line of the first quote that swallows lines which are no part of its value; None when none does.

    Such a value ends at the next quote, wherever that is, or with the file.
    """
    begin = 0
    with path.open(encoding="utf-8", errors="replace", newline="") as stream:
        reader = csv.reader(stream, delimiter=header.delimiter, strict=True)
        try:
            for record in reader:
                if len(record) != len(header.names) and reader.line_num - begin > 1:
                    break
                begin = reader.line_num
            else:
                return None
        except csv.Error as error:
            if reader.line_num - begin < 2 and "end of data" not in str(error):
                return None
    with path.open("rb") as stream_again:
        following = itertools.islice(enumerate(stream_again, 1), begin, None)
        return next((number for number, line in following if line.count(b'"') % 2), begin + 1)


def explain(path: Path, header: CsvHeader, error: pa.ArrowInvalid, where: str) -> DataError:
    """Return the error for a file that pyarrow refused, with the line where that can be found."""
    message = str(error)
    if "UTF8" in message or "UTF-8" in message:
        return invalid_utf8(path, where)
    for line, fields in records(path, header):
        if len(fields) != len(header.names):
            return DataError(
                problem(
                    expected=f"{len(header.names)} fields in every row",
                    got=f"{len(fields)} in line {line}",
                    where=where,
                    next_step="correct that line; quote values that hold the delimiter",
                )
            )
    return DataError(
        problem(
            expected="CSV rows",
            got=message.splitlines()[0][:200],
            where=where,
            next_step="check for a quote that is never closed",
        )
    )


def invalid_utf8(path: Path, where: str) -> DataError:
    """Return the error for a file that is no UTF-8, with the place of the first wrong byte."""
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
            where=where,
            next_step="convert the file to UTF-8, for example with iconv -f latin1 -t utf-8",
        )
    )
