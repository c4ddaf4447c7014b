"""Reading a column value by value: what cannot be read as its kind is marked, instead of refusing the whole.

`conform` is the judge throughout, so a value passes here if and only if training could read it, and comes out as there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mlops_runtime.core.errors import SchemaError
from mlops_runtime.data.conform import conform, is_text
from mlops_runtime.data.lists import is_list
from mlops_runtime.data.schema import Column, ColumnKind, Schema

__all__ = ["Mask", "Reading", "codes_of", "read_values"]

Mask = NDArray[np.bool_]

_DATE = r"\d{4}-(0\d|1[012])-([012]\d|3[01])"
_CLOCK = r"([01]\d|2[0-3])(:[0-5]\d(:[0-5]\d(\.\d{1,9})?)?)?(Z|[+-]\d{2}(:?\d{2})?)?"
_PLAUSIBLE: dict[str, str] = {  # what `conform` might read; what does not match, it cannot
    "number": r"^[+-]?((\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|(?i:inf|infinity|nan(\(\w*\))?))$",
    "integer": r"^(-?\d+|-?0[xX][0-9a-fA-F]+)$",
    "timestamp": rf"^{_DATE}([ T]{_CLOCK})?$",
}


@dataclass(frozen=True, slots=True)
class Reading:
    """One column of a batch. values: of the kind's type, texts maybe as a dictionary; null where missing or unreadable.

    missing: bool[rows], null, NaN or the empty text. unreadable: bool[rows], there is a value, but not of the kind.
    """

    values: pa.Array
    missing: Mask
    unreadable: Mask


def read_values(
    raw: pa.ChunkedArray, column: Column, rules: Schema, *, where: str, decimal_comma: bool = False
) -> Reading | None:
    """Read a column as its kind. Returns None when values of this Arrow type cannot be, whether there are any or not.

    decimal_comma: in texts that are numbers, 1,5 is one and a half, and 1.5 is none.

    >>> raw = pa.chunked_array([["31", " 47", "old", "?"]])
    >>> reading = read_values(raw, Column("age", "number"), Schema(()), where="example")
    >>> reading.values.to_pylist(), reading.unreadable.tolist(), reading.missing.tolist()
    ([31.0, 47.0, None, None], [False, False, True, False], [False, False, False, True])
    """
    judge = _Judge(Column(column.name, column.kind), rules, where)
    if not judge.knows(raw.type):
        return None
    unreadable = np.zeros(len(raw), bool)
    if is_text(raw.type):
        raw, unreadable = _valid_texts(raw)
        if column.kind == "number":
            raw = _spelled_plainly(raw, rules, decimal_comma=decimal_comma)
    values = judge.read(raw)
    if values is None:
        values, refused = _salvage(raw, judge)
        unreadable = unreadable | refused
    whole = _one_array(values, as_dictionary=pa.types.is_dictionary(values.type))
    return Reading(whole, _missing(whole) & ~unreadable, unreadable)


def _valid_texts(raw: pa.ChunkedArray) -> tuple[pa.ChunkedArray, Mask]:
    """Leave out texts that are no UTF-8; return the others, and which rows had one."""
    if all(_is_utf8(chunk.dictionary if pa.types.is_dictionary(raw.type) else chunk) for chunk in raw.chunks):
        return raw, np.zeros(len(raw), np.bool_)
    encoded = _one_array(raw, as_dictionary=True)
    texts = encoded.dictionary
    valid = np.array([_is_utf8(texts.slice(place, 1)) for place in range(len(texts))])
    kept = pc.if_else(pa.array(valid), texts, pa.scalar(None, texts.type))
    broken: Mask = np.append(~valid, False)[codes_of(encoded.indices)]
    return pa.chunked_array([kept.take(encoded.indices)]), broken


def _is_utf8(texts: pa.Array) -> bool:
    try:
        texts.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _spelled_plainly(raw: pa.ChunkedArray, rules: Schema, *, decimal_comma: bool) -> pa.ChunkedArray:
    """Write numbers the way `conform` reads them one by one: true as 1, false as 0, a decimal comma as a point.

    It takes the words too, but only in a column that has nothing else; and of commas only the CSV decoder knows.
    """
    encoded = _one_array(raw, as_dictionary=True)
    texts = encoded.dictionary
    words = pc.utf8_lower(pc.utf8_trim_whitespace(texts) if rules.trim else texts)
    has_words = pc.any(pc.is_in(words, value_set=pa.array(["true", "false"], texts.type))).as_py()
    if not (has_words or decimal_comma):
        return raw
    for word, digit in (("true", "1"), ("false", "0")):
        texts = pc.if_else(pc.equal(words, word), pa.scalar(digit, texts.type), texts)
    if decimal_comma:  # a point becomes what no number has
        texts = pc.replace_substring(pc.replace_substring(texts, ".", ";"), ",", ".")
    return pa.chunked_array([texts.take(encoded.indices)])


class _Judge:
    """`conform` for one column."""

    def __init__(self, column: Column, rules: Schema, where: str) -> None:
        self.kind: ColumnKind = column.kind
        self.rules = rules
        self._schema = Schema((column,), rules.trim, rules.null_tokens)
        self._where = where

    def read(self, values: pa.ChunkedArray) -> pa.ChunkedArray | None:
        table = pa.table({self._schema.names[0]: values})
        try:
            return conform(table, self._schema, where=self._where).column(0)
        except SchemaError:
            return None

    def knows(self, data_type: pa.DataType) -> bool:
        """Whether some value of this type can be read: decided by the type alone."""
        kind = data_type.value_type if pa.types.is_dictionary(data_type) else data_type
        if is_text(kind) or pa.types.is_null(kind):
            return True
        if self.kind == "string":
            return bool(pa.types.is_integer(kind) or pa.types.is_boolean(kind))
        if self.kind.endswith("_list"):
            readable = is_text if self.kind == "string_list" else pa.types.is_integer
            return is_list(kind) and bool(pa.types.is_null(kind.value_type) or readable(kind.value_type))
        return self.read(pa.chunked_array([], kind)) is not None

    def readable(self, values: pa.Array) -> Mask:
        """Judge each of `values`: what is not even plausible at once, the rest by halving."""
        mask = self._plausible(values)
        positions = np.flatnonzero(mask)
        self._refuse(values, positions, mask)
        return mask

    def _refuse(self, values: pa.Array, positions: NDArray[np.int64], mask: Mask) -> None:
        if not len(positions) or self.read(pa.chunked_array([values.take(pa.array(positions))])) is not None:
            return
        if len(positions) == 1:
            mask[positions[0]] = False
            return
        middle = len(positions) // 2
        self._refuse(values, positions[:middle], mask)
        self._refuse(values, positions[middle:], mask)

    def _plausible(self, values: pa.Array) -> Mask:
        if is_text(values.type) and self.kind in _PLAUSIBLE:
            tokens = pa.array(self.rules.null_tokens, values.type)
            trimmed = pc.utf8_trim_whitespace(values) if self.rules.trim else values
            likely = pc.match_substring_regex(trimmed, _PLAUSIBLE[self.kind])
            return _numpy(pc.or_(likely, pc.is_in(trimmed, value_set=tokens)), null=True)
        if pa.types.is_floating(values.type) and self.kind == "integer":
            whole = pc.and_(pc.equal(pc.floor(values), values), pc.less_equal(pc.abs(values), 2.0**63))
            return _numpy(pc.or_(whole, pc.is_nan(values)), null=True)
        return np.ones(len(values), bool)


def _salvage(raw: pa.ChunkedArray, judge: _Judge) -> tuple[pa.ChunkedArray, Mask]:
    """Read what can be read of a column, each distinct value once (lists: each value)."""
    if pa.types.is_nested(raw.type):
        distinct = raw.combine_chunks()
        indices = pa.array(np.arange(len(distinct)))
    else:
        encoded = _one_array(raw, as_dictionary=True)
        distinct, indices = encoded.dictionary, encoded.indices
    readable = judge.readable(distinct)
    kept = pc.if_else(pa.array(readable), distinct, pa.scalar(None, distinct.type))
    values = judge.read(pa.chunked_array([kept]))
    if values is None:
        raise AssertionError("conform refused what it had accepted value by value")
    unreadable = np.append(~readable, False)[codes_of(indices)]
    return pa.chunked_array([_one_array(values, as_dictionary=False).take(indices)]), unreadable


def _one_array(values: pa.ChunkedArray, *, as_dictionary: bool) -> pa.Array:
    """One chunk; a dictionary of texts when asked for, or else the plain values."""
    encoded = pa.types.is_dictionary(values.type)
    if as_dictionary and not encoded:
        values = values.dictionary_encode()
    elif encoded and not as_dictionary:
        values = values.cast(values.type.value_type)
    if values.num_chunks == 0:
        return pa.array([], values.type)
    if values.num_chunks == 1:
        return values.chunk(0)
    return values.unify_dictionaries().combine_chunks() if as_dictionary else values.combine_chunks()


def _missing(values: pa.Array) -> Mask:
    if pa.types.is_dictionary(values.type):
        absent = np.append(_missing(values.dictionary), True)
        result: Mask = absent[codes_of(values.indices)]
        return result
    if is_text(values.type):
        return _numpy(pc.equal(values, pa.scalar("", values.type)), null=True)
    return _numpy(values.is_null(nan_is_null=pa.types.is_floating(values.type)), null=True)


def codes_of(indices: pa.Array) -> NDArray[np.int64]:
    """Return a dictionary's indices of any integer type as int64[rows], -1 where there is no value."""
    codes: NDArray[np.int64] = indices.cast(pa.int64()).fill_null(-1).to_numpy(zero_copy_only=False)
    return codes


def _numpy(mask: pa.BooleanArray, *, null: bool) -> Mask:
    result: Mask = mask.fill_null(null).to_numpy(zero_copy_only=False)
    return result
