"""An infer request, from its body to Arrow columns: the Open Inference Protocol with Triton's binary tensor extension.

The body is a JSON header, then the bytes of the binary tensors in the order of `inputs`. The JSON's length is in the
HTTP header `Inference-Header-Content-Length`; without it the whole body is JSON. Tensors have shape [N] or [N, 1].
What the protocol leaves open is refused here rather than guessed: unknown fields, duplicate names, bytes left over.
Unknown `parameters` are ignored, as the protocol has it, except those that would change the meaning of an answer.
"""

from __future__ import annotations

import reprlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from mlops_runtime.core.errors import CapacityError, DataError, EmptyInputError, ShapeError
from mlops_runtime.serving.wire import DATATYPES, decode_bytes, decode_fixed, from_json, load_json

__all__ = ["InferRequest", "OutputRequest", "RequestLimits", "Tensor", "parse_request"]

_UNSUPPORTED = ("shared_memory_region", "shared_memory_byte_size", "shared_memory_offset", "classification")
_MATRIX_RANK = 2
_NAME_LIMIT = 1024
_SIZE_LIMIT = 1 << 63


@dataclass(frozen=True, slots=True)
class RequestLimits:
    """What one request may ask for. json_bytes: the JSON part (binary tensors are bounded by the body alone)."""

    rows: int = 65_536
    json_bytes: int = 8 << 20


@dataclass(frozen=True, slots=True)
class Tensor:
    """One input: its declared datatype and its N values, missing ones null."""

    name: str
    datatype: str
    values: pa.Array


@dataclass(frozen=True, slots=True)
class OutputRequest:
    """One wanted output, as bytes or as JSON."""

    name: str
    binary: bool


@dataclass(frozen=True, slots=True)
class InferRequest:
    """A well-formed request: tensors of one common length, not yet matched to a model's signature.

    id: empty when none was given. outputs: empty when all are wanted; `binary_default` says how then.
    """

    id: str
    tensors: tuple[Tensor, ...]
    outputs: tuple[OutputRequest, ...]
    binary_default: bool

    @property
    def rows(self) -> int:
        """Rows in the batch."""
        return len(self.tensors[0].values)


def parse_request(body: bytes, header_bytes: int | None, limits: RequestLimits) -> InferRequest:
    """Parse one infer request; `header_bytes` is the length of the JSON part, None when it is the whole body.

    Raises DataError (ShapeError, EmptyInputError) naming the place, CapacityError beyond a limit.
    """
    if not body:
        raise EmptyInputError("request body: expected a JSON object, got nothing — send the tensors as `inputs`")
    split = len(body) if header_bytes is None else header_bytes
    if not 0 < split <= len(body):
        raise ShapeError(
            f"Inference-Header-Content-Length: expected 1 to {len(body)}, the size of the body, got {split}"
        )
    if split > limits.json_bytes:
        raise CapacityError(
            f"request JSON: expected at most {limits.json_bytes} bytes, got {split} — send binary tensors"
        )
    view = memoryview(body)
    document = _object(
        load_json(view[:split]), "request", required={"inputs"}, optional={"id", "parameters", "outputs"}
    )
    identity = document.get("id", "")
    if not isinstance(identity, str) or len(identity) > _NAME_LIMIT:
        raise DataError(f"id: expected a string of at most {_NAME_LIMIT} characters, got {_kind(identity)}")
    parameters = _parameters(document, "request")
    binary_default = _flag(parameters, "binary_data_output", False, "request")
    outputs = _outputs(document.get("outputs", []), binary_default)
    request = InferRequest(identity, _tensors(document["inputs"], view[split:]), outputs, binary_default)
    if request.rows > limits.rows:
        raise CapacityError(f"inputs: expected at most {limits.rows} rows, got {request.rows} — send smaller batches")
    return request


def _tensors(items: Any, binary: memoryview) -> tuple[Tensor, ...]:
    tensors: dict[str, Tensor] = {}
    position = 0
    for item, name in _named(items, "inputs", optional={"parameters", "data"}, required={"datatype", "shape"}):
        where = f"input `{name}`"
        size = _binary_size(item, where)
        if size is not None and position + size > len(binary):
            raise ShapeError(
                f"{where}: expected {size} bytes of binary data, got {len(binary) - position} — body truncated"
            )
        tensors[name] = _tensor(item, name, None if size is None else binary[position : position + size])
        position += size or 0
    if position != len(binary):
        raise ShapeError(f"request body: expected {position} bytes after the JSON, got {len(binary)} — trailing data")
    if not tensors:
        raise EmptyInputError("inputs: expected at least one input tensor, got none")
    lengths = {name: len(tensor.values) for name, tensor in tensors.items()}
    first = next(iter(lengths))
    for name, rows in lengths.items():
        if rows != lengths[first]:
            raise ShapeError(f"input `{name}`: expected {lengths[first]} rows as in `{first}`, got {rows}")
    return tuple(tensors.values())


def _tensor(item: Mapping[str, Any], name: str, data: memoryview | None) -> Tensor:
    where = f"input `{name}`"
    datatype = item["datatype"]
    if not isinstance(datatype, str) or datatype not in DATATYPES:
        raise DataError(f"{where}: expected a datatype of {', '.join(DATATYPES)}, got {reprlib.repr(datatype)}")
    rows, rank = _shape(item["shape"], where)
    if data is None:
        if "data" not in item:
            raise DataError(f"{where}: expected `data`, or `binary_data_size` in its parameters, got neither")
        return Tensor(name, datatype, from_json(_flat(item["data"], rows, rank, where), datatype, where=where))
    if "data" in item:
        raise DataError(f"{where}: expected `data` or `binary_data_size`, got both")
    if datatype == "BYTES":
        return Tensor(name, datatype, decode_bytes(data, rows, where=where))
    return Tensor(name, datatype, decode_fixed(data, datatype, rows, where=where))


def _shape(shape: Any, where: str) -> tuple[int, int]:
    """Return (rows, rank). The product is never formed, so it cannot overflow."""
    if not isinstance(shape, list) or not all(type(size) is int and abs(size) < _SIZE_LIMIT for size in shape):
        raise ShapeError(f"{where}: expected `shape` as a list of 64-bit integers, got {reprlib.repr(shape)}")
    if len(shape) not in (1, _MATRIX_RANK) or (len(shape) == _MATRIX_RANK and shape[1] != 1):
        raise ShapeError(f"{where}: expected shape [N] or [N, 1], got {reprlib.repr(shape)} — one tensor per column")
    rows = shape[0]
    if rows < 0:
        raise ShapeError(f"{where}: expected at least one row, got shape {reprlib.repr(shape)}")
    if rows == 0:
        raise EmptyInputError(f"{where}: expected at least one row, got an empty batch")
    return rows, len(shape)


def _flat(data: Any, rows: int, rank: int, where: str) -> list[Any]:
    """Return the N values of JSON data: flat, or for shape [N, 1] also one list a row."""
    if not isinstance(data, list):
        raise ShapeError(f"{where}: expected `data` as a list, got {_kind(data)}")
    if len(data) != rows:
        raise ShapeError(f"{where}: expected {rows} values as its shape says, got {len(data)}")
    if rank == _MATRIX_RANK and all(isinstance(row, list) and len(row) == 1 for row in data):
        return [row[0] for row in data]
    return data


def _binary_size(item: Mapping[str, Any], where: str) -> int | None:
    parameters = _parameters(item, where)
    size = parameters.get("binary_data_size")
    if size is not None and (type(size) is not int or size < 0):
        raise ShapeError(f"{where}: expected `binary_data_size` as a count of bytes, got {reprlib.repr(size)}")
    return size


def _outputs(items: Any, binary_default: bool) -> tuple[OutputRequest, ...]:
    return tuple(
        OutputRequest(
            name, _flag(_parameters(item, f"output `{name}`"), "binary_data", binary_default, f"output `{name}`")
        )
        for item, name in _named(items, "outputs", optional={"parameters"}, required=set())
    )


def _named(items: Any, what: str, *, required: set[str], optional: set[str]) -> list[tuple[dict[str, Any], str]]:
    """Check a list of objects with distinct names, and return each with its name."""
    if not isinstance(items, list):
        raise DataError(f"{what}: expected a list of objects, got {_kind(items)}")
    named: dict[str, dict[str, Any]] = {}
    for index, item in enumerate(items):
        checked = _object(item, f"{what}[{index}]", required=required | {"name"}, optional=optional)
        name = checked["name"]
        if not isinstance(name, str) or len(name) > _NAME_LIMIT:
            raise DataError(f"{what}[{index}]: expected `name` of at most {_NAME_LIMIT} characters, got {_kind(name)}")
        if name in named:
            raise DataError(f"{what}[{index}]: expected each name once, got `{name[:80]}` again")
        named[name] = checked
    return [(item, name) for name, item in named.items()]


def _object(value: Any, where: str, *, required: set[str], optional: set[str]) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise DataError(f"{where}: expected a JSON object, got {_kind(value)}")
    absent = sorted(required - value.keys())
    if absent:
        raise DataError(f"{where}: expected the field `{absent[0]}`, got {_listed(value)}")
    unknown = next((key for key in value if key not in required | optional), None)
    if unknown is not None:
        raise DataError(f"{where}: expected only {', '.join(sorted(required | optional))}, got `{unknown[:80]}`")
    return value


def _parameters(item: Mapping[str, Any], where: str) -> dict[str, Any]:
    parameters = item.get("parameters", {})
    if not isinstance(parameters, dict):
        raise DataError(f"{where}: expected `parameters` as an object, got {_kind(parameters)}")
    for key, value in parameters.items():
        if isinstance(value, dict | list) or value is None:
            raise DataError(
                f"{where}: expected parameter `{key[:80]}` as a string, number or boolean, got {_kind(value)}"
            )
        if key in _UNSUPPORTED:
            raise DataError(f"{where}: parameter `{key}` is not supported here — send the data, read the whole output")
    return parameters


def _flag(parameters: Mapping[str, Any], key: str, default: bool, where: str) -> bool:
    value = parameters.get(key, default)
    if not isinstance(value, bool):
        raise DataError(f"{where}: expected parameter `{key}` as true or false, got {_kind(value)}")
    return value


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "a string", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")


def _listed(value: Mapping[str, Any]) -> str:
    return ", ".join(f"`{key[:40]}`" for key in list(value)[:8]) or "an empty object"
