"""Arrays as plain values that travel in a JSON document: type, shape and little-endian bytes."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlops_runtime.core.errors import SchemaError, problem

__all__ = ["array_of", "plain"]


def plain(array: NDArray[Any]) -> dict[str, Any]:
    """Return a numeric array as plain values; `array_of` is the way back, bit for bit.

    >>> array_of(plain(np.array([[0.5]])), "f8", (1, 1), where="here").tolist()
    [[0.5]]
    """
    little = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    return {
        "dtype": little.dtype.str[1:],
        "shape": list(little.shape),
        "base64": base64.b64encode(little.tobytes()).decode(),
    }


def array_of(values: Mapping[str, Any], dtype: str, shape: tuple[int | None, ...], *, where: str) -> NDArray[Any]:
    """Read what `plain` wrote. dtype: such as "f8"; shape: None where any length will do.

    Raises SchemaError for another type or shape, another number of bytes, and for floats that are not finite.
    """
    found = tuple(int(length) for length in values["shape"])
    fits = len(found) == len(shape) and all(a in (None, b) and b >= 0 for a, b in zip(shape, found, strict=True))
    data = base64.b64decode(values["base64"], validate=True)
    type_ = np.dtype(dtype).newbyteorder("<")
    if values["dtype"] != dtype or not fits or len(data) != math.prod(found) * type_.itemsize:
        _refuse(f"{dtype} of shape {shape}", f"{values['dtype']} of shape {found}, {len(data)} bytes", where)
    array = np.frombuffer(data, type_).astype(dtype).reshape(found)
    if not np.isfinite(array).all():
        _refuse("finite numbers", "others", where)
    return array


def _refuse(expected: str, got: str, where: str) -> None:
    raise SchemaError(problem(expected=expected, got=got, where=where, next_step="fit the reference again"))
