"""What is wrong with a CSV file, and in which line: looked for only once something is."""

from __future__ import annotations

import codecs
import csv
import itertools
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
    quotes = lines = offset = 0
    with path.open("rb") as stream:  # not mapped: a mapped file that is cut short ends the process
        while piece := stream.read(_PIECE_BYTES):
            if b"\0" in piece:
                position = piece.index(b"\0")
                raise _binary(lines + piece.count(b"\n", 0, position) + 1, offset + position, where)
            quotes += piece.count(b'"')
            lines += piece.count(b"\n")
            offset += len(piece)
    if not quotes:
        return False
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
    return DataError(
        problem(
            expected="UTF-8 text",
            got=_wrong_byte(path) or "bytes that changed while they were read",
            where=where,
            next_step="convert the file to UTF-8, for example with iconv -f latin1 -t utf-8",
        )
    )


def _wrong_byte(path: Path) -> str | None:
    decoder = codecs.getincrementaldecoder("utf-8")()
    lines = offset = 0
    with path.open("rb") as stream:
        while True:
            piece = stream.read(_PIECE_BYTES)
            try:
                decoder.decode(piece, final=not piece)
            except UnicodeDecodeError as error:
                start = (
                    offset - (len(error.object) - len(piece)) + error.start
                )  # what came before the piece is held over
                line = lines + error.object.count(b"\n", 0, error.start) + 1
                return f"byte 0x{error.object[error.start]:02x} at offset {start} (line {line})"
            if not piece:
                return None
            lines += piece.count(b"\n")
            offset += len(piece)
