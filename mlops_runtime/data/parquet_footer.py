"""The statistics in the footer of a Parquet file.

Why not pyarrow's: its metadata objects end the whole process when a footer is damaged (a C++ exception crosses code
that declares none; 57 of 6,700 single flipped bits did it, pyarrow 26). Decoding is safe from that and pyarrow's.
Source: the Parquet format specification, parquet.thrift.
"""

from __future__ import annotations

import datetime as dt
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

import pyarrow as pa

from mlops_runtime.data.conform import is_text
from mlops_runtime.data.thrift import read_struct

__all__ = ["ColumnStatistics", "RowGroup", "read_footer"]

_TAIL = 8  # four bytes of length, four of magic
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_TIMESTAMP_MILLIS, _TIMESTAMP_MICROS = 9, 10  # converted types
_DATA_PAGES, _DICTIONARY_ENCODINGS = (0, 3), (2, 8)  # of versions 1 and 2

Bounds = tuple[Any, Any]


@dataclass(frozen=True, slots=True)
class ColumnStatistics:
    """What the footer says of one column in one row group. missing: nulls; None when it says nothing.

    low, high: the bounds as stored. microseconds: in a unit of times; None for other columns and finer units.
    has_plain_pages: whether some pages hold values, not positions in a dictionary; False when it says nothing.
    dictionary_bytes: of its dictionary as it is stored, compressed; 0 when there is none, or it says nothing.
    """

    missing: int | None
    low: bytes | None
    high: bytes | None
    microseconds: int | None
    has_plain_pages: bool
    dictionary_bytes: int

    def bounds(self, data_type: pa.DataType) -> Bounds | None:
        """Return a lower and an upper bound of values of this Arrow type; None when there is none to rely on."""
        if self.low is None or self.high is None:
            return None
        decode = _decoder(data_type, self.microseconds)
        if decode is None:
            return None
        try:
            low, high = decode(self.low), decode(self.high)
        except (struct.error, UnicodeDecodeError, OverflowError):
            return None
        return (low, high) if low <= high else None  # NaN is in no order


@dataclass(frozen=True, slots=True)
class RowGroup:
    """One row group: its rows, its size in bytes before compression, and the statistics of its flat columns."""

    rows: int
    size: int
    columns: Mapping[str, ColumnStatistics]


def read_footer(stream: BinaryIO) -> tuple[RowGroup, ...]:
    """Read the row groups of an open Parquet file. Raises ValueError when the footer is none."""
    end = stream.seek(0, 2)
    stream.seek(max(end - _TAIL, 0))
    tail = stream.read(_TAIL)
    length = int.from_bytes(tail[:4], "little")
    if tail[4:] != b"PAR1" or length > end - _TAIL:
        raise ValueError("the end of the file is no Parquet footer")
    stream.seek(end - _TAIL - length)
    try:
        return _row_groups(read_struct(stream.read(length)))
    except (KeyError, TypeError, AttributeError, UnicodeDecodeError) as error:
        raise ValueError(f"a footer without {error}") from error


def _row_groups(footer: Mapping[int, Any]) -> tuple[RowGroup, ...]:
    leaves = [element for element in footer[2] if not element.get(5)]
    groups = []
    for group in footer.get(4, []):
        if group[3] < 0:
            raise ValueError(f"a row group of {group[3]} rows")
        chunks = [chunk[3] for chunk in group[1]]
        if len(chunks) != len(leaves):
            raise ValueError(f"{len(chunks)} columns in a row group of {len(leaves)}")
        flat = ((chunk, leaf) for chunk, leaf in zip(chunks, leaves, strict=True) if len(chunk[3]) == 1)
        groups.append(
            RowGroup(group[3], group[2], {chunk[3][0].decode(): _statistics(chunk, leaf) for chunk, leaf in flat})
        )
    return tuple(groups)


def _statistics(chunk: Mapping[int, Any], leaf: Mapping[int, Any]) -> ColumnStatistics:
    found = chunk.get(12, {})
    missing, low, high = (_typed(found.get(field), kind) for field, kind in ((3, int), (6, bytes), (5, bytes)))
    return ColumnStatistics(missing, low, high, _microseconds(leaf), _has_plain_pages(chunk), _dictionary_bytes(chunk))


def _has_plain_pages(chunk: Mapping[int, Any]) -> bool:
    pages = (page for page in chunk.get(13, []) if page.get(1) in _DATA_PAGES)
    return any(page.get(2) not in _DICTIONARY_ENCODINGS for page in pages)


def _dictionary_bytes(chunk: Mapping[int, Any]) -> int:
    """Return how far the first data page is behind the dictionary, which comes before it."""
    first_data, dictionary = (_typed(chunk.get(field), int) for field in (9, 11))
    return max(0, first_data - dictionary) if first_data and dictionary else 0


def _typed(value: Any, kind: type) -> Any:
    if value is not None and not isinstance(value, kind):
        raise ValueError(f"a footer with {type(value).__name__} in place of {kind.__name__}")
    return value


def _microseconds(leaf: Mapping[int, Any]) -> int | None:
    logical = leaf.get(10, {}).get(8)
    if logical is not None:
        unit = logical.get(2, {})
        return 1000 if 1 in unit else (1 if 2 in unit else None)
    return {_TIMESTAMP_MILLIS: 1000, _TIMESTAMP_MICROS: 1}.get(leaf.get(6, -1))


def _decoder(data_type: pa.DataType, microseconds: int | None) -> Callable[[bytes], Any] | None:
    """Return how bounds of this Arrow type are stored, where that follows from the type."""
    types = pa.types
    if types.is_boolean(data_type):
        return _fixed("<?")
    if types.is_integer(data_type):
        letter = "q" if data_type.bit_width == 64 else "i"
        return _fixed("<" + (letter if types.is_signed_integer(data_type) else letter.upper()))
    if types.is_float32(data_type) or types.is_float64(data_type):
        return _fixed("<f" if types.is_float32(data_type) else "<d")
    if types.is_date32(data_type):
        return lambda stored: _EPOCH + dt.timedelta(days=struct.unpack("<i", stored)[0])
    if types.is_timestamp(data_type) and microseconds is not None:
        return lambda stored: _EPOCH + dt.timedelta(microseconds=microseconds * struct.unpack("<q", stored)[0])
    return bytes.decode if is_text(data_type) else None


def _fixed(layout: str) -> Callable[[bytes], Any]:
    return lambda stored: struct.unpack(layout, stored)[0]
