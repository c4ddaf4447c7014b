"""Values on the wire: strict JSON, the protocol's datatypes, and tensors as bytes. Pure functions, no HTTP.

strict JSON   UTF-8, no duplicate keys, no NaN or Infinity words, no lone surrogates
FP16 … FP64   JSON numbers, finite after rounding to the datatype; or little-endian bytes, where NaN is allowed
INT8 … UINT64 JSON integers in range (1.0 is not one); or little-endian bytes
BOOL          JSON true and false; or one byte of 0 or 1
BYTES         JSON strings; or a 4-byte little-endian length before each UTF-8 value
null          in the JSON data of any datatype: an Arrow null
"""

from __future__ import annotations

import json
import reprlib
import struct
from collections import Counter
from typing import Any, NoReturn

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mlops_runtime.core.errors import DataError, ShapeError

__all__ = ["DATATYPES", "decode_bytes", "decode_fixed", "encode_bytes", "from_json", "load_json"]

DATATYPES: dict[str, np.dtype[Any] | None] = {
    "BOOL": np.dtype("?"),
    "INT8": np.dtype("<i1"),
    "INT16": np.dtype("<i2"),
    "INT32": np.dtype("<i4"),
    "INT64": np.dtype("<i8"),
    "UINT8": np.dtype("<u1"),
    "UINT16": np.dtype("<u2"),
    "UINT32": np.dtype("<u4"),
    "UINT64": np.dtype("<u8"),
    "FP16": np.dtype("<f2"),
    "FP32": np.dtype("<f4"),
    "FP64": np.dtype("<f8"),
    "BYTES": None,
}

_LENGTH = struct.Struct("<I")


def load_json(data: bytes | memoryview) -> Any:
    """Parse strict JSON. Raises DataError with the reason and, where known, the position."""
    try:
        text = str(data, "utf-8")
        value = json.loads(text, object_pairs_hook=_without_duplicates, parse_constant=_refuse_constant)
        if "\\ud" in text or "\\uD" in text:
            json.dumps(value, ensure_ascii=False).encode()
    except UnicodeDecodeError as error:
        raise DataError(f"request JSON: expected UTF-8, got byte 0x{data[error.start]:02x} at {error.start}") from error
    except UnicodeEncodeError as error:
        raise DataError("request JSON: expected Unicode text, got a lone surrogate escape — pair or drop it") from error
    except json.JSONDecodeError as error:
        raise DataError(f"request JSON: expected valid JSON, got {error.msg} at character {error.pos}") from error
    except RecursionError as error:
        raise DataError("request JSON: expected at most a few levels of nesting, got hundreds") from error
    except DataError:
        raise
    except ValueError as error:
        raise DataError("request JSON: expected numbers of at most 4,300 digits, got a longer one") from error
    return value


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise DataError(f"request JSON: expected each key once, got {twice[:80]!r} twice in one object")
    return members


def _refuse_constant(word: str) -> NoReturn:
    raise DataError(f"request JSON: expected a number, got {word}, which JSON has no word for — send null when missing")


def from_json(values: list[Any], datatype: str, *, where: str) -> pa.Array:
    """Return a flat list of parsed JSON values as an Arrow array of the datatype; JSON null becomes an Arrow null.

    Raises DataError naming the first value of the wrong type or out of range.
    """
    dtype = DATATYPES[datatype]
    allowed: tuple[type, ...] = (str,)
    if dtype is not None:
        allowed = {"b": (bool,), "f": (float, int)}.get(dtype.kind, (int,))
    if not set(map(type, values)) <= {*allowed, type(None)}:
        index = next(i for i, value in enumerate(values) if value is not None and type(value) not in allowed)
        got = reprlib.repr(values[index])
        raise DataError(f"{where}: expected {_JSON_NAMES[allowed]} or null for {datatype}, got {got} at {index}")
    if dtype is None:
        return pa.array(values, pa.string())
    missing = np.array([value is None for value in values]) if None in values else None
    filled = values if missing is None else [0 if value is None else value for value in values]
    numbers = _floats(filled, dtype, where) if dtype.kind == "f" else _integers(filled, dtype, where)
    return pa.array(numbers, mask=missing)


_JSON_NAMES: dict[tuple[type, ...], str] = {
    (str,): "a JSON string",
    (bool,): "true or false",
    (float, int): "a JSON number",
    (int,): "a JSON integer",
}


def _floats(values: list[Any], dtype: np.dtype[Any], where: str) -> NDArray[Any]:
    try:
        wide = np.array(values, np.float64)
    except OverflowError as error:
        raise DataError(f"{where}: expected finite numbers, got an integer too large for {_name(dtype)}") from error
    with np.errstate(over="ignore"):
        numbers = wide.astype(dtype)
    infinite = np.flatnonzero(np.isinf(numbers))
    if infinite.size:
        raise DataError(f"{where}: expected finite numbers, got one too large for {_name(dtype)} at {infinite[0]}")
    return numbers


def _integers(values: list[Any], dtype: np.dtype[Any], where: str) -> NDArray[Any]:
    if dtype.kind != "b" and values:
        limits = np.iinfo(dtype)
        low, high = int(limits.min), int(limits.max)
        if min(values) < low or max(values) > high:
            index = next(i for i, value in enumerate(values) if not low <= value <= high)
            raise DataError(
                f"{where}: expected {low} to {high} for {_name(dtype)}, got {reprlib.repr(values[index])} at {index}"
            )
    return np.array(values, dtype)


def _name(dtype: np.dtype[Any]) -> str:
    return next(name for name, known in DATATYPES.items() if known == dtype)


def decode_fixed(data: memoryview, datatype: str, count: int, *, where: str) -> pa.Array:
    """Return `count` little-endian values of a fixed-width datatype, copied. NaN stays NaN.

    Raises ShapeError when the length is wrong, DataError for a BOOL byte other than 0 and 1.
    """
    dtype = DATATYPES[datatype]
    if dtype is None:
        raise ShapeError(f"{where}: expected a datatype of fixed width, got {datatype}")
    if len(data) != count * dtype.itemsize:
        raise ShapeError(f"{where}: expected {count * dtype.itemsize} bytes for {count} {datatype}, got {len(data)}")
    if dtype.kind == "b" and max(data, default=0) > 1:
        raise DataError(f"{where}: expected bytes 0 or 1 for BOOL, got 0x{max(data):02x}")
    return pa.array(np.frombuffer(data, dtype).copy())


def decode_bytes(data: memoryview, count: int, *, where: str) -> pa.StringArray:
    """Return `count` length-prefixed UTF-8 values.

    Raises ShapeError when bytes are missing or left over, DataError when a value is not UTF-8.
    """
    if len(data) < _LENGTH.size * count:
        raise ShapeError(f"{where}: expected {count} BYTES values, got {len(data)} bytes, too few for their lengths")
    pieces = []
    position = 0
    for index in range(count):
        start = position + _LENGTH.size
        position = start + _LENGTH.unpack_from(data, position)[0] if start <= len(data) else start
        if position > len(data):
            raise ShapeError(f"{where}: expected {count} BYTES values, got data truncated inside value {index}")
        pieces.append(data[start:position])
    if position != len(data):
        raise ShapeError(f"{where}: expected {count} BYTES values, got {len(data) - position} trailing bytes")
    offsets = np.zeros(count + 1, np.int32)
    np.cumsum([len(piece) for piece in pieces], out=offsets[1:])
    text = pa.Array.from_buffers(pa.string(), count, [None, pa.py_buffer(offsets), pa.py_buffer(b"".join(pieces))])
    try:
        text.validate(full=True)
    except pa.ArrowInvalid as error:
        raise DataError(f"{where}: expected UTF-8 in every BYTES value, got other bytes ({error})") from error
    return text


def encode_bytes(values: list[str]) -> bytes:
    """Write strings as length-prefixed UTF-8.

    >>> encode_bytes(["é"])
    b'\\x02\\x00\\x00\\x00\\xc3\\xa9'
    """
    encoded = [value.encode() for value in values]
    return b"".join(part for value in encoded for part in (_LENGTH.pack(len(value)), value))
