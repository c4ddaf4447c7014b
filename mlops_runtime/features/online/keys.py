"""Keys as bytes: the same key gives the same bytes in every store, and no two keys share theirs.

A whole number is 8 bytes, little-endian; a text its UTF-8. Where a view has several keys these follow one another, and
every text but the last is preceded by its size, in 4 bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from mlops_runtime.core.errors import SchemaError, problem
from mlops_runtime.data import conform
from mlops_runtime.features.online.store import Key, Keys
from mlops_runtime.features.online.view import OnlineView

__all__ = ["encoded_keys", "key_table"]

MOST_KEY_BYTES = 1 << 16


def key_table(view: OnlineView, columns: Mapping[str, Any] | pa.Table) -> pa.Table:
    """Return the key columns, conformed; whole numbers as int64."""
    table = columns if isinstance(columns, pa.Table) else pa.table(dict(columns))
    keys = conform(table, view.keys, where=f"keys of online view `{view.name}`")
    whole = [pa.int64() if column.kind == "integer" else pa.large_utf8() for column in view.keys.columns]
    try:
        return keys.cast(pa.schema(list(zip(view.keys.names, whole, strict=True))))
    except pa.ArrowInvalid as error:
        raise _wrong(view, "whole numbers of 64 bits", str(error)) from error


def encoded_keys(view: OnlineView, keys: Keys) -> list[bytes | None]:
    """Return the bytes of each key; None for one that is missing, or a part of which is.

    >>> from mlops_runtime.data import Column, Schema
    >>> view = OnlineView("visits", Schema((Column("city", "string"), Column("id", "integer"))), Schema(()))
    >>> encoded_keys(view, [("Fes", 1), None])
    [b'\\x03\\x00\\x00\\x00Fes\\x01\\x00\\x00\\x00\\x00\\x00\\x00\\x00', None]
    """
    if isinstance(keys, pa.Table | Mapping):
        columns = key_table(view, keys)
        rows: list[Key] = list(zip(*(column.to_pylist() for column in columns.columns), strict=True))
    else:
        single = len(view.keys.columns) == 1
        rows = [(key,) if single and not isinstance(key, tuple) else key for key in keys]
    return [_encoded(view, row) for row in rows]


def _encoded(view: OnlineView, row: Key) -> bytes | None:
    if row is None or (isinstance(row, tuple) and None in row):
        return None
    columns = view.keys.columns
    if not isinstance(row, tuple) or len(row) != len(columns):
        raise _wrong(view, f"{len(columns)} parts", repr(row))
    encoded = b"".join(
        _part(view, part, column.kind, last=position == len(columns) - 1)
        for position, (part, column) in enumerate(zip(row, columns, strict=True))
    )
    if len(encoded) > MOST_KEY_BYTES:
        raise _wrong(view, f"at most {MOST_KEY_BYTES:,} bytes", f"{len(encoded):,}")
    return encoded


def _part(view: OnlineView, part: str | int | None, kind: str, *, last: bool) -> bytes:
    if kind == "integer" and isinstance(part, int | np.integer) and -(2**63) <= part < 2**63:
        return int(part).to_bytes(8, "little", signed=True)
    if kind == "string" and isinstance(part, str):
        text = part.encode()
        return text if last else len(text).to_bytes(4, "little") + text
    raise _wrong(view, "a text" if kind == "string" else "a whole number of 64 bits", f"{part!r}"[:80])


def _wrong(view: OnlineView, expected: str, got: str) -> SchemaError:
    where = f"key of online view `{view.name}`"
    return SchemaError(problem(expected=expected, got=got, where=where, next_step=f"pass {', '.join(view.keys.names)}"))
