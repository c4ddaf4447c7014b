"""Keys as bytes: the same key gives the same bytes in every store, and no two keys share theirs.

A whole number is 8 bytes, little-endian; a text its UTF-8. Where a view has several keys these follow one another, and
every text but the last is preceded by its size, in 4 bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from mlops_runtime._native import ArrowTable, OnlineFormat
from mlops_runtime.core.errors import SchemaError, problem
from mlops_runtime.data import conform
from mlops_runtime.features.online.store import Keys
from mlops_runtime.features.online.view import OnlineView

__all__ = ["encoded_keys", "key_error", "key_parts", "key_table", "native_keys"]


def key_parts(view: OnlineView) -> str:
    """Return what `OnlineFormat` calls the columns of the key: `i` for a whole number, `t` for a text."""
    return "".join("i" if column.kind == "integer" else "t" for column in view.keys.columns)


def key_table(view: OnlineView, columns: Mapping[str, Any] | pa.Table) -> pa.Table:
    """Return the key columns, conformed; whole numbers as int64, texts as large_string."""
    table = columns if isinstance(columns, pa.Table) else pa.table(dict(columns))
    keys = conform(table, view.keys, where=f"keys of online view `{view.name}`")
    whole = [pa.int64() if column.kind == "integer" else pa.large_utf8() for column in view.keys.columns]
    try:
        return keys.cast(pa.schema(list(zip(view.keys.names, whole, strict=True))))
    except pa.ArrowInvalid as error:
        where = f"keys of online view `{view.name}`"
        expected = "whole numbers of 64 bits"
        raise SchemaError(
            problem(expected=expected, got=str(error), where=where, next_step="use them as texts")
        ) from error


def native_keys(view: OnlineView, keys: Keys) -> ArrowTable | Sequence[Any]:
    """Return keys as the native module takes them: columns conformed, a sequence as it is."""
    if not isinstance(keys, list) and isinstance(keys, pa.Table | Mapping):  # asking a list first is ten times faster
        return ArrowTable(key_table(view, keys))
    return keys


def key_error(view: OnlineView, error: Exception) -> SchemaError:
    """Return the error, naming the view, for what the native module raised for keys of another kind."""
    keys = ", ".join(f"`{column.name}` ({column.kind})" for column in view.keys.columns)
    return SchemaError(f"online view `{view.name}`, whose keys are {keys}: {error}")


def encoded_keys(view: OnlineView, keys: Keys) -> list[bytes | None]:
    """Return the bytes of each key; None for one that is missing, or a part of which is.

    Raises SchemaError for keys of another kind than the view's, and for those of more than 65,536 bytes.

    >>> from mlops_runtime.data import Column, Schema
    >>> view = OnlineView("visits", Schema((Column("city", "string"), Column("id", "integer"))), Schema(()))
    >>> encoded_keys(view, [("Fes", 1), None])
    [b'\\x03\\x00\\x00\\x00Fes\\x01\\x00\\x00\\x00\\x00\\x00\\x00\\x00', None]
    """
    given = native_keys(view, keys)
    try:
        return OnlineFormat(key_parts(view), 0, 0, 0).encode(given)
    except (TypeError, ValueError) as error:
        raise key_error(view, error) from error
