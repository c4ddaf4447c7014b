"""The features of rows as a store keeps them: numbers as float64, everything else as the text a request would carry."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mlops_runtime.data import conform
from mlops_runtime.features.online.view import OnlineView

__all__ = ["stored_values"]


def stored_values(view: OnlineView, rows: pa.Table) -> tuple[NDArray[np.float64], list[pa.Array]]:
    """Return the numbers, float64[n, F] with NaN where missing, and the texts, a large_string[n] each, in view order.

    Raises SchemaError for a feature that is missing or of the wrong kind.

    >>> from mlops_runtime.data import Column, Schema
    >>> features = Schema((Column("since", "timestamp"), Column("tags", "string_list"), Column("age", "number")))
    >>> view = OnlineView("people", Schema((Column("id", "integer"),)), features)
    >>> numbers, texts = stored_values(view, pa.table({"since": ["2024-05-01"], "tags": ['["a", "é"]'], "age": [31]}))
    >>> numbers.tolist(), [column.to_pylist() for column in texts]
    ([[31.0]], [['2024-05-01 00:00:00.000000Z'], ['["a", "é"]']])
    """
    features = conform(rows, view.features, where=f"features of online view `{view.name}`")
    numbers = np.empty((rows.num_rows, len(view.numbers)))
    for position, name in enumerate(view.numbers):
        column = features.column(name).cast(pa.float64(), safe=False)
        numbers[:, position] = column.fill_null(np.nan).to_numpy()
    return numbers, [_texts(features.column(name)) for name in view.texts]


def _texts(column: pa.ChunkedArray) -> pa.Array:
    if pa.types.is_list(column.type):
        lists = (None if value is None else json.dumps(value, ensure_ascii=False) for value in column.to_pylist())
        return pa.array(lists, pa.large_utf8())
    whole = column.cast(pa.large_utf8()).combine_chunks()
    return pa.array([], pa.large_utf8()) if isinstance(whole, pa.ChunkedArray) else whole
