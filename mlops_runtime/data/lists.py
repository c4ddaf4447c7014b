"""List columns: any Arrow layout, or texts that are JSON arrays, as one layout the kernels read."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["is_list", "parse_lists", "to_lists"]


def is_list(data_type: pa.DataType) -> bool:
    """Whether values of this Arrow type are lists, in any layout."""
    kinds = pa.types
    variable = kinds.is_list(data_type) or kinds.is_large_list(data_type) or kinds.is_fixed_size_list(data_type)
    return bool(variable or kinds.is_list_view(data_type) or kinds.is_large_list_view(data_type))


def to_lists(lists: pa.Array, elements: Callable[[pa.Array], pa.Array]) -> pa.ListArray:
    """Return a list array of any layout as list<…>, its elements passed through `elements`, which keeps their number.

    A null list stays null, and so does a null element. Raises ArrowInvalid when `elements` does, and for
    2^31 elements or more in one array.
    """
    lengths = pc.fill_null(pc.list_value_length(lists).cast(pa.int64()), 0)
    offsets = np.zeros(len(lists) + 1, np.int64)
    np.cumsum(lengths.to_numpy(zero_copy_only=False), out=offsets[1:])
    mask = lists.is_null() if lists.null_count else None
    return pa.ListArray.from_arrays(pa.array(offsets).cast(pa.int32()), elements(lists.flatten()), mask=mask)


def parse_lists(texts: pa.Array, element: pa.DataType) -> pa.ListArray:
    """Read texts that are JSON arrays of texts or of whole numbers (null allowed) as list<element>.

    Raises ArrowInvalid for anything else, numbers beyond 64 bits included.

    >>> parse_lists(pa.array(['["a", null]', None, "[]"]), pa.utf8()).to_pylist()
    [['a', None], None, []]
    """
    wanted = str if pa.types.is_string(element) else int
    try:
        return pa.array([_elements(text, wanted) for text in texts.to_pylist()], pa.list_(element))
    except (ValueError, OverflowError, RecursionError) as error:
        raise pa.ArrowInvalid(str(error)) from error


def _elements(text: str | None, wanted: type) -> list[Any] | None:
    if text is None:
        return None
    values = json.loads(text)
    if not isinstance(values, list) or any(type(value) not in (wanted, type(None)) for value in values):
        raise ValueError(f"{text[:80]!r} is no JSON array of {wanted.__name__}")
    return values
