"""The answer to an infer request: JSON, or JSON followed by the bytes of its binary tensors.

NaN and infinities have no word in JSON: they are sent as null there, and as they are in a binary tensor. A float32 is
written with all digits of its exact value, so that the reader gets the same bits whichever width it parses to.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlops_runtime.serving.request import OutputRequest
from mlops_runtime.serving.wire import encode_bytes

__all__ = ["Answer", "EncodedResponse", "encode_response"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model said: outputs by name, as FP32 or FP64 arrays or lists of strings; who said it in `parameters`."""

    model: str
    version: str
    id: str
    parameters: Mapping[str, str | int]
    outputs: Mapping[str, NDArray[Any] | list[str]]


@dataclass(frozen=True, slots=True)
class EncodedResponse:
    """A body, and the length of its JSON part when binary tensors follow it."""

    body: bytes
    header_bytes: int | None


def encode_response(answer: Answer, wanted: Sequence[OutputRequest]) -> EncodedResponse:
    """Encode the wanted outputs in the wanted order; the `id` is echoed when there was one."""
    tensors = []
    pieces: list[bytes] = []
    for output in wanted:
        values = answer.outputs[output.name]
        tensor: dict[str, Any] = {"name": output.name, "datatype": _datatype(values), "shape": _shape(values)}
        if output.binary:
            pieces.append(encode_bytes(values) if isinstance(values, list) else np.ascontiguousarray(values).tobytes())
            tensor["parameters"] = {"binary_data_size": len(pieces[-1])}
        else:
            tensor["data"] = values if isinstance(values, list) else _json_numbers(values)
        tensors.append(tensor)
    document = {
        "model_name": answer.model,
        "model_version": answer.version,
        **({"id": answer.id} if answer.id else {}),
        "parameters": dict(answer.parameters),
        "outputs": tensors,
    }
    header = json.dumps(document, allow_nan=False, separators=(",", ":")).encode()
    return EncodedResponse(b"".join([header, *pieces]), len(header) if pieces else None)


def _datatype(values: NDArray[Any] | list[str]) -> str:
    if isinstance(values, list):
        return "BYTES"
    return {np.dtype(np.float32): "FP32", np.dtype(np.float64): "FP64"}[values.dtype]


def _shape(values: NDArray[Any] | list[str]) -> list[int]:
    return [len(values)] if isinstance(values, list) else list(values.shape)


def _json_numbers(values: NDArray[Any]) -> list[float | None]:
    flat: list[float | None] = values.ravel().tolist()
    if np.isfinite(values).all():
        return flat
    return [number if finite else None for number, finite in zip(flat, np.isfinite(values).ravel(), strict=True)]
