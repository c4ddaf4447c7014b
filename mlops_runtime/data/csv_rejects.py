"""Rows of a CSV file that cannot be decoded: found, left out, and reported with their line."""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as arrow_csv
from numpy.typing import NDArray

from mlops_runtime.data.batch import BadRow
from mlops_runtime.data.csv_errors import records
from mlops_runtime.data.header import CsvHeader

__all__ = ["CsvRejects", "MarkedUtf8"]

_MARK = "\0"  # stands for a byte that is no UTF-8; files with a NUL byte of their own are refused beforehand
_ERRORS = "mlrt-mark"

codecs.register_error(_ERRORS, lambda error: (_MARK * (error.end - error.start), error.end))  # type: ignore[attr-defined]


class MarkedUtf8(io.RawIOBase):
    """A file's bytes with a NUL in the place of each byte that is no UTF-8, so that a decoder gets past them."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        self._decoder = codecs.getincrementaldecoder("utf-8")(_ERRORS)

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        while True:
            piece = self._file.read(size)
            text = self._decoder.decode(piece, final=not piece)
            if text or not piece:
                return text.encode()

    def close(self) -> None:
        self._file.close()
        super().close()


class CsvRejects:
    """Collects the bad rows of one file while it is decoded from front to back by one thread.

    Rows are counted from 0 below the header, blank lines left out. next_row: the first not placed yet.
    """

    def __init__(self, path: Path, header: CsvHeader, file: str) -> None:
        self._records = enumerate(records(path, header))
        self._delimiter = header.delimiter
        self._first_number = header.skip_lines + 1
        self._width = len(header.names)
        self._file = file
        self._found: dict[int, str] = {}
        self.next_row = 0

    def ragged(self, row: arrow_csv.InvalidRow) -> str:
        """Take a row of another width: the handler pyarrow calls."""
        reason = f"expected {self._width} fields, got {row.actual_columns}"
        self._found[row.number - self._first_number] = reason
        return "skip"

    def place(self, table: pa.Table) -> tuple[pa.Table, NDArray[np.int64]]:
        """Return the good rows of the next decoded rows, and int64[rows]: the number of each in the file."""
        stop = self.next_row + table.num_rows
        for row in sorted(self._found):
            stop += self.next_row <= row < stop
        numbers = np.setdiff1d(np.arange(self.next_row, stop), np.fromiter(self._found, np.int64), assume_unique=True)
        self.next_row = stop
        marked = _marked(table)
        if not marked.any():
            return table, numbers
        self._found.update((int(row), "bytes that are no UTF-8") for row in numbers[marked])
        return table.filter(pa.array(~marked)), numbers[~marked]

    def take(self, *, everything: bool = False) -> tuple[BadRow, ...]:
        """Return, once, the bad rows up to the last row that was placed, or all that are left."""
        ready = sorted(row for row in self._found if everything or row < self.next_row)
        return tuple(self._report(row, self._found.pop(row)) for row in ready)

    def _report(self, row: int, reason: str) -> BadRow:
        line, fields = next((found for number, found in self._records if number == row), (0, []))
        return BadRow(self._file, line, self._delimiter.join(fields), reason, row)


def _marked(table: pa.Table) -> NDArray[np.bool_]:
    """Return bool[rows]: whether a text of the row holds the mark."""
    marked = np.zeros(table.num_rows, np.bool_)
    for column in table.columns:
        for start, chunk in _chunks(column):
            in_dictionary = pc.fill_null(pc.match_substring(chunk.dictionary, _MARK), False)
            if pc.any(in_dictionary).as_py():
                found = pc.fill_null(in_dictionary.take(chunk.indices), False).to_numpy(zero_copy_only=False)
                marked[start : start + len(chunk)] |= found
    return marked


def _chunks(column: pa.ChunkedArray) -> Iterator[tuple[int, pa.DictionaryArray]]:
    start = 0
    for chunk in column.chunks:
        yield start, chunk
        start += len(chunk)
