"""Reading Thrift's compact protocol: bytes of unknown honesty to numbers, texts, lists and {field: value} structs.

Source: the Apache Thrift compact protocol specification (doc/specs/thrift-compact-protocol.md).
"""

from __future__ import annotations

import struct
from typing import Any

__all__ = ["read_struct"]

_TRUE, _FALSE, _BYTE, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = 1, 2, 3, 7, 8, 9, 10, 11, 12
_DEPTH = 16


def read_struct(data: bytes) -> dict[int, Any]:
    """Return the fields of the struct that `data` begins with; texts as bytes, lists as lists, structs as dicts.

    Raises ValueError for anything else: the result is never larger than a small multiple of the bytes.

    >>> read_struct(bytes([0x15, 0x04, 0x18, 0x02, 0x68, 0x69, 0x00]))
    {1: 2, 2: b'hi'}
    """
    reader = _Reader(data)
    try:
        return reader.struct(_DEPTH)
    except (IndexError, struct.error) as error:
        raise ValueError("the bytes end within a value") from error


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def struct(self, depth: int) -> dict[int, Any]:
        if depth == 0:
            raise ValueError("structs within structs too deep")
        fields: dict[int, Any] = {}
        number = 0
        while head := self._byte():
            number = number + (head >> 4) if head >> 4 else self._signed()
            kind = head & 15
            fields[number] = kind == _TRUE if kind in (_TRUE, _FALSE) else self._value(kind, depth)
        return fields

    def _value(self, kind: int, depth: int) -> Any:
        if kind in (4, 5, 6):
            return self._signed()
        if kind == _BINARY:
            return self._take(self._unsigned())
        if kind == _STRUCT:
            return self.struct(depth - 1)
        if kind in (_LIST, _SET):
            return self._list(depth)
        if kind in (_BYTE, _TRUE, _FALSE):  # a boolean within a list has a byte of its own
            return self._byte()
        if kind == _DOUBLE:
            return struct.unpack("<d", self._take(8))[0]
        if kind == _MAP:
            return self._map(depth)
        raise ValueError(f"no type has the number {kind}")

    def _list(self, depth: int) -> list[Any]:
        head = self._byte()
        length = head >> 4 if head >> 4 < 15 else self._unsigned()
        self._check(length)
        return [self._value(head & 15, depth) for _ in range(length)]

    def _map(self, depth: int) -> list[tuple[Any, Any]]:
        length = self._unsigned()
        self._check(length)
        kinds = self._byte() if length else 0
        return [(self._value(kinds >> 4, depth), self._value(kinds & 15, depth)) for _ in range(length)]

    def _check(self, length: int) -> None:
        """Each element takes a byte at least."""
        if length > len(self._data) - self._at:
            raise ValueError(f"{length:,} elements claimed in {len(self._data) - self._at:,} bytes")

    def _byte(self) -> int:
        self._at += 1
        return self._data[self._at - 1]

    def _take(self, length: int) -> bytes:
        self._check(length)
        self._at += length
        return self._data[self._at - length : self._at]

    def _unsigned(self) -> int:
        value = shift = 0
        while True:
            byte = self._byte()
            value |= (byte & 127) << shift
            if byte < 128:
                return value
            shift += 7
            if shift > 63:
                raise ValueError("a number of more than 64 bits")

    def _signed(self) -> int:
        value = self._unsigned()
        return (value >> 1) ^ -(value & 1)
