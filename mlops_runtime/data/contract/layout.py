"""Values in layouts that all of Arrow's functions read, and as texts that anybody can."""

from __future__ import annotations

import json
from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc

from mlops_runtime.core.errors import SchemaError, problem
from mlops_runtime.data.conform import without_null_keys

__all__ = ["plain", "texts_of"]

_VIEWS = {pa.string_view(): pa.utf8(), pa.binary_view(): pa.binary()}


def plain(table: pa.Table) -> pa.Table:
    """Undo views, runs and extension types, which can be neither taken nor compared; what they hold stays the same.

    Raises SchemaError for unions.
    """
    for place, field in enumerate(table.schema):
        kind = field.type
        if pa.types.is_run_end_encoded(kind):
            values = pc.run_end_decode(table.column(place))
        elif kind in _VIEWS:
            values = table.column(place).cast(_VIEWS[kind])
        elif pa.types.is_dictionary(kind):
            table = table.set_column(place, field.name, without_null_keys(table.column(place)))
            continue
        elif isinstance(kind, pa.BaseExtensionType):
            values = table.column(place).cast(kind.storage_type)
        elif pa.types.is_union(kind):
            raise SchemaError(
                problem(
                    expected="values of one type in every column",
                    got=f"values of type {kind}",
                    where=f"column `{field.name}`",
                    next_step="write the types of a union into columns of their own",
                )
            )
        else:
            continue
        table = plain(table.set_column(place, field.name, values))
    return table


def texts_of(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return values as texts: lists and structs as JSON, bytes that are no UTF-8 as `\\xff`, the rest as Arrow does.

    >>> texts_of(pa.chunked_array([[b"caf\\xc3\\xa9", b"\\xff", None]])).to_pylist()
    ['café', '\\\\xff', None]
    """
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    if pa.types.is_fixed_size_binary(values.type):
        values = values.cast(pa.binary())
    try:
        return values.cast(pa.binary()).cast(pa.utf8()) if _is_text(values.type) else values.cast(pa.utf8())
    except pa.ArrowNotImplementedError:
        return _written(values, _as_json)
    except pa.ArrowInvalid:
        return _written(values.cast(pa.binary()), lambda value: value.as_py().decode(errors="backslashreplace"))


def _is_text(kind: pa.DataType) -> bool:
    """Whether a cast to a text would take the bytes unseen."""
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _written(values: pa.ChunkedArray, write: Callable[[pa.Scalar], str]) -> pa.ChunkedArray:
    texts = [write(value) if value.is_valid else None for chunk in values.chunks for value in chunk]
    return pa.chunked_array([pa.array(texts, pa.utf8())])


def _as_json(value: pa.Scalar) -> str:
    try:
        return json.dumps(value.as_py(), default=str)
    except (ValueError, OverflowError):  # bytes that are no UTF-8 in a text, times beyond any calendar
        return f"a value of type {value.type}"
