"""The inputs of an exported program: one for each source column, named as it, and how a table becomes them.

    number                double[N], missing NaN
    integer, timestamp    int64[N], missing -2**63 (NumPy's NaT); times are microseconds since 1970, UTC
    string                string[N], trimmed; missing "" or one of the schema's null tokens
    string_list           string[N, L], a row's elements and then "", missing elements likewise
    integer_list          int64[N, L], likewise with -2**63

L is any number that the longest row fits into, for each column another.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mlops_runtime.data import Schema
from mlops_runtime.data.schema import ColumnKind

__all__ = ["MISSING_INTEGER", "onnx_inputs"]

MISSING_INTEGER = int(np.iinfo(np.int64).min)


def onnx_inputs(schema: Schema, table: pa.Table) -> dict[str, NDArray[Any]]:
    """Return what an exported program reads from a conformed table, by name of input.

    >>> from mlops_runtime.data import Column
    >>> table = pa.table({"age": [31, None], "city": ["Dubai", None]})
    >>> onnx_inputs(Schema((Column("age", "number"), Column("city", "string"))), table)
    {'age': array([31., nan]), 'city': array(['Dubai', ''], dtype=object)}
    """
    return {column.name: _values(table.column(column.name), column.kind) for column in schema.columns}


def _values(column: pa.ChunkedArray, kind: ColumnKind) -> NDArray[Any]:
    if kind.endswith("_list"):
        return _padded(column, kind.removesuffix("_list"))
    return _plain(column, kind)


def _plain(values: pa.ChunkedArray, kind: str) -> NDArray[Any]:
    if kind == "number":
        present = values.is_valid().to_numpy()
        filled = values.fill_null(False if pa.types.is_boolean(values.type) else pa.scalar(0).cast(values.type))
        return np.where(present, filled.to_numpy().astype(np.float64), np.nan)
    if kind == "string":
        return np.array(values.cast(pa.large_utf8()).fill_null("").to_pylist(), np.object_)
    return np.asarray(values.cast(pa.int64()).fill_null(MISSING_INTEGER).to_numpy())


def _padded(lists: pa.ChunkedArray, kind: str) -> NDArray[Any]:
    """Return the elements of row i at the start of row i of a matrix as wide as the longest list."""
    chunks = [chunk for chunk in lists.chunks if len(chunk)]
    lengths = np.concatenate([pc.list_value_length(chunk).fill_null(0).to_numpy() for chunk in chunks] or [[]])
    rows = np.repeat(np.arange(len(lists)), lengths.astype(np.int64))
    places = np.arange(len(rows)) - (np.cumsum(lengths) - lengths).astype(np.int64)[rows]
    elements = pa.chunked_array([pc.list_flatten(chunk) for chunk in chunks], lists.type.value_type)
    flat = _plain(elements, kind)
    padded = np.full((len(lists), int(lengths.max(initial=0))), "" if kind == "string" else MISSING_INTEGER, flat.dtype)
    padded[rows, places] = flat
    return padded
