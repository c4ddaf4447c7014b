"""Exact ids of keys: the same for equal keys of entity rows and of feature rows, however many columns make a key."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mlops_runtime._native import ArrowTable, KeyGroups
from mlops_runtime.core.errors import SchemaError, problem
from mlops_runtime.data.conform import is_text

__all__ = ["KeyIds"]

I32 = NDArray[np.int32]

_MISSING = 0
_EXACT = 2.0**53


class KeyIds:
    """The distinct keys of some rows. Texts, whole numbers of any type, booleans and times are keys.

    A key of several columns is a number for each pair of a number so far and the next column's: exact, not a hash.
    Thread-safe.
    """

    def __init__(self, table: pa.Table, names: Sequence[str], where: str) -> None:
        """names: the columns of `table`, conformed, that make a key. SchemaError, saying `where`, for other types."""
        self._columns: list[tuple[str, KeyGroups]] = []
        self._pairs: list[KeyGroups] = []
        ids: I32 | None = None
        for name in names:
            family, keys = _as_keys(table.column(name), name, where)
            groups = KeyGroups(keys, 0)
            self._columns.append((family, groups))
            own = groups.ids(keys, 0)
            if ids is None:
                ids = own
                continue
            pairs = _paired(ids, own)
            self._pairs.append(KeyGroups(pairs, 0))
            ids = self._pairs[-1].ids(pairs, 0)
        assert ids is not None
        self.ids: I32 = ids
        self.groups = len(self._pairs[-1] if self._pairs else self._columns[0][1])

    def ids_of(self, table: pa.Table, names: Sequence[str], where: str) -> I32:
        """Return int32[rows]: 0 for a missing key, 3 and more for one of ours, else 2.

        Raises SchemaError, saying `where`, for columns whose values cannot equal ours: texts are no numbers.
        """
        ids: I32 | None = None
        for place, ((known, groups), name) in enumerate(zip(self._columns, names, strict=True)):
            family, keys = _as_keys(table.column(name), name, where)
            if "missing" not in (known, family) and known != family:
                raise _refusal(name, where, f"{known}, as the entity rows have", family, "cast one of the columns")
            own = groups.ids(keys, 0)
            ids = own if ids is None else self._pairs[place - 1].ids(_paired(ids, own), 0)
        assert ids is not None
        return ids


def _paired(first: I32, second: I32) -> ArrowTable:
    """Return one key for each pair of ids; missing when either is."""
    pairs = (first.astype(np.int64) << 32) | second
    missing = (first == _MISSING) | (second == _MISSING)
    return ArrowTable(pa.table({"pair": pa.array(pairs, mask=missing if missing.any() else None)}))


def _as_keys(values: pa.ChunkedArray, name: str, where: str) -> tuple[str, ArrowTable]:
    """Return what kind of keys a column holds, and the column as the kernels read keys."""
    family, keys = _readable(values, name, where)
    try:
        table = ArrowTable(pa.table({name: keys}))
        if pa.types.is_uint64(keys.type):
            _check_unsigned(keys, name, where)
    except ValueError as error:
        if isinstance(error, SchemaError):
            raise
        raise _refusal(name, where, "keys", str(error), "cast the column") from error
    return family, table


def _readable(values: pa.ChunkedArray, name: str, where: str) -> tuple[str, pa.ChunkedArray]:
    kind = values.type
    if values.null_count == len(values):  # whatever type that is
        return "missing", pa.chunked_array([pa.nulls(len(values))])
    if is_text(kind):
        return "texts", values
    if pa.types.is_timestamp(kind):
        return "times", values.cast(pa.int64())
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind):
        return "whole numbers", values
    if pa.types.is_floating(kind):
        return "whole numbers", _whole(values, name, where)
    raise _refusal(name, where, "texts, whole numbers, booleans or times", f"values of type {kind}", "cast the column")


def _whole(values: pa.ChunkedArray, name: str, where: str) -> pa.ChunkedArray:
    """Return whole numbers that came as floats, as a column of integers with missing values does from pandas or CSV."""
    exact = values.cast(pa.float64())
    present = pc.if_else(pc.is_nan(exact), None, exact)
    is_whole = pc.and_(pc.equal(pc.floor(present), present), pc.less_equal(pc.abs(present), _EXACT))
    if not pc.all(is_whole, min_count=0).as_py():
        other = present.filter(pc.invert(is_whole))[0].as_py()
        raise _refusal(name, where, "whole numbers up to 2**53", repr(other), "round them, or cast them to texts")
    return present.cast(pa.int64())


def _check_unsigned(keys: pa.ChunkedArray, name: str, where: str) -> None:
    largest = pc.max(keys).as_py()
    if largest is not None and largest >= 2**63:
        raise _refusal(name, where, "whole numbers below 2**63", str(largest), "cast the column to texts on both sides")


def _refusal(name: str, where: str, expected: str, got: str, next_step: str) -> SchemaError:
    return SchemaError(problem(expected=f"{expected} in key `{name}`", got=got, where=where, next_step=next_step))
