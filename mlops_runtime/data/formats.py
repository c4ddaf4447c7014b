"""Which format a file has: told by its first bytes, not by its name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Literal

from mlops_runtime.core.errors import DataError, EmptyInputError, problem
from mlops_runtime.data.stored_file import StoredFile, unreadable

__all__ = ["Format", "detect", "detect_all"]

Format = Literal["csv", "parquet", "arrow"]

_MAGIC: tuple[tuple[bytes, Format], ...] = ((b"PAR1", "parquet"), (b"ARROW1", "arrow"), (b"\xff\xff\xff\xff", "arrow"))
_FOREIGN = (
    (b"\x1f\x8b", "gzip", "decompress it first"),
    (b"BZh", "bzip2", "decompress it first"),
    (b"\x28\xb5\x2f\xfd", "Zstandard", "decompress it first"),
    (b"PK\x03\x04", "ZIP or Excel", "export it as CSV or Parquet"),
    (b"\xff\xfe", "UTF-16", "convert it to UTF-8"),
    (b"\xfe\xff", "UTF-16", "convert it to UTF-8"),
)
_EXTENSIONS: dict[str, Format] = {
    ".parquet": "parquet",
    ".pq": "parquet",
    ".arrow": "arrow",
    ".arrows": "arrow",
    ".feather": "arrow",
    ".ipc": "arrow",
}
_CSV_EXTENSIONS = ("", ".csv", ".tsv", ".txt")


def detect(file: StoredFile) -> Format | None:
    """Return the format of a file; None for one that was not named but found in a folder, and is no data.

    Raises EmptyInputError for no bytes at all, DataError for a format that cannot be read, and for content that
    contradicts the name.
    """
    start = _first_bytes(file)
    extension = PurePosixPath(file.path).suffix.lower()
    if not start:
        raise EmptyInputError(
            problem(expected="data", got="0 bytes", where=file.where, next_step="check that the export finished")
        )
    for magic, file_format in _MAGIC:
        if start.startswith(magic):
            return file_format
    for magic, kind, advice in _FOREIGN:
        if start.startswith(magic):
            raise DataError(
                problem(expected="CSV, Parquet or Arrow IPC", got=f"a {kind} file", where=file.where, next_step=advice)
            )
    if extension in _EXTENSIONS:
        raise DataError(
            problem(
                expected=f"{_EXTENSIONS[extension]} content, as the name says",
                got=f"first bytes {start!r}",
                where=file.where,
                next_step="write the file again, or give it the extension of what it holds",
            )
        )
    return "csv" if file.named or extension in _CSV_EXTENSIONS else None


def detect_all(files: Sequence[StoredFile]) -> tuple[list[tuple[StoredFile, Format]], list[str]]:
    """Return the data files with their formats, and a note on each other file. EmptyInputError when none is data."""
    formats = [(file, detect(file)) for file in files]
    data = [(file, found) for file, found in formats if found is not None]
    notes = [
        f"`{file.name}` is left out: neither its name nor its content is that of a data file"
        for file, found in formats
        if found is None
    ]
    if not data:
        raise EmptyInputError(
            problem(
                expected="CSV, Parquet or Arrow IPC files",
                got=f"{len(files)} of other kinds",
                where=files[0].where,
                next_step="name the files, if they are data",
            )
        )
    return data, notes


def _first_bytes(file: StoredFile) -> bytes:
    with file.open() as stream:
        try:
            return bytes(stream.read(8))
        except OSError as error:
            raise unreadable(file.where, error) from error
