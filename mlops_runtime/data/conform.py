"""The one place that cleans data, so that training, batch scoring and the server all see the same values.

Texts are trimmed and null tokens become null; on a dictionary column only the dictionary is touched. Numbers keep their
Arrow type; NaN stays NaN (the kernels treat it as missing); times become timestamp[us, UTC].
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc

from mlops_runtime.core.errors import SchemaError, problem
from mlops_runtime.data.schema import Column, ColumnKind, Schema, listed, repeated_names

__all__ = ["TIMESTAMP", "conform", "is_text"]

TIMESTAMP = pa.timestamp("us", "UTC")

_HAS_ZONE = r"[T ]\d{2}:\d{2}.*(Z|[+-]\d{2}(:?\d{2})?)$"


def conform(table: pa.Table, schema: Schema, *, where: str) -> pa.Table:
    """Return the schema's columns of `table`, in the schema's order, cleaned and cast to their canonical types.

    number: any integer, float or bool type as it came. integer: int64 or uint64. string: utf8, large_utf8 or a
    dictionary of them. timestamp: timestamp[us, UTC], a time without zone read as UTC. Extra columns are dropped.
    Raises SchemaError, saying `where`, for missing columns and values that cannot be read as the column's kind.

    >>> raw = pa.table({"age": [31, 47], "city": [" Dubai", " ?"]})
    >>> schema = Schema((Column("city", "string"), Column("age", "number")))
    >>> conform(raw, schema, where="example").to_pydict()
    {'city': ['Dubai', None], 'age': [31, 47]}
    """
    _check_names(table.column_names, schema, where)
    cleaned = []
    for column in schema.columns:
        values = _CONFORM[column.kind](_plain(table.column(column.name)), column, schema, where)
        if not column.nullable and values.null_count:
            raise _refusal(column, where, expected="no missing value", got=f"{values.null_count} missing")
        cleaned.append(values)
    if not cleaned:
        return table.select([])
    return pa.Table.from_arrays(cleaned, names=list(schema.names))


def is_text(data_type: pa.DataType) -> bool:
    """Whether values of this Arrow type are texts: utf8 in any layout, or a dictionary of it."""
    if pa.types.is_dictionary(data_type):
        return is_text(data_type.value_type)
    return bool(
        pa.types.is_string(data_type) or pa.types.is_large_string(data_type) or pa.types.is_string_view(data_type)
    )


def _check_names(present: list[str], schema: Schema, where: str) -> None:
    missing = sorted(set(schema.names) - set(present), key=schema.names.index)
    if missing:
        raise SchemaError(
            problem(
                expected=f"columns {listed(schema.names)}",
                got=f"no {listed(missing)}",
                where=where,
                next_step=f"add the missing columns; the input has {listed(present)}",
            )
        )
    repeated = [name for name in repeated_names(present) if name in schema.names]
    if repeated:
        raise SchemaError(
            problem(
                expected="one column of each name",
                got=f"{listed(repeated)} more than once",
                where=where,
                next_step="rename or drop the duplicates",
            )
        )


def _plain(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Undo the layouts that no kernel reads: dictionaries of non-texts, and string views."""
    if pa.types.is_dictionary(values.type) and not is_text(values.type):
        return values.cast(values.type.value_type)
    return values.cast(pa.utf8()) if pa.types.is_string_view(values.type) else values


def _number(values: pa.ChunkedArray, column: Column, schema: Schema, where: str) -> pa.ChunkedArray:
    kind = values.type
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind):
        return values
    if pa.types.is_null(kind) or pa.types.is_decimal(kind):
        return values.cast(pa.float64())
    if is_text(kind):
        return _parse(values, pa.float64(), column, schema, where)
    raise _refusal(column, where, expected="numbers", got=f"values of type {kind}")


def _integer(values: pa.ChunkedArray, column: Column, schema: Schema, where: str) -> pa.ChunkedArray:
    kind = values.type
    if pa.types.is_int64(kind) or pa.types.is_uint64(kind):
        return values
    if is_text(kind):
        return _parse(values, pa.int64(), column, schema, where)
    if pa.types.is_null(kind) or pa.types.is_integer(kind):
        return values.cast(pa.int64())
    if pa.types.is_floating(kind):
        try:
            return pc.if_else(pc.is_nan(values), None, values).cast(pa.int64())
        except pa.ArrowInvalid as error:
            raise _refusal(column, where, expected="whole numbers", got=str(error)) from error
    raise _refusal(column, where, expected="whole numbers", got=f"values of type {kind}")


def _string(values: pa.ChunkedArray, column: Column, schema: Schema, where: str) -> pa.ChunkedArray:
    kind = values.type
    if is_text(kind):
        try:
            return _clean(values, schema)
        except pa.ArrowInvalid as error:
            raise _refusal(column, where, expected="valid UTF-8", got=str(error)) from error
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind) or values.null_count == len(values):
        return values.cast(pa.utf8())
    if pa.types.is_floating(kind) and pc.all(pc.is_nan(values), skip_nulls=True).as_py():
        return pa.chunked_array([pa.nulls(len(values), pa.utf8())])
    raise _refusal(column, where, expected="texts", got=f"values of type {kind}")


def _timestamp(values: pa.ChunkedArray, column: Column, schema: Schema, where: str) -> pa.ChunkedArray:
    kind = values.type
    if is_text(kind):
        return _parse(values, TIMESTAMP, column, schema, where)
    if pa.types.is_null(kind) or (pa.types.is_temporal(kind) and not pa.types.is_time(kind)):
        try:
            naive_safe = values.cast(pa.timestamp("us")) if pa.types.is_date(kind) else values
            return naive_safe.cast(TIMESTAMP, safe=False)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise _refusal(column, where, expected="times", got=str(error)) from error
    raise _refusal(column, where, expected="times (ISO 8601)", got=f"values of type {kind}")


_CONFORM: dict[ColumnKind, Callable[[pa.ChunkedArray, Column, Schema, str], pa.ChunkedArray]] = {
    "number": _number,
    "integer": _integer,
    "string": _string,
    "timestamp": _timestamp,
}


def _clean(values: pa.ChunkedArray, schema: Schema) -> pa.ChunkedArray:
    """Trim texts and turn null tokens into null; of a dictionary column only the dictionary is rewritten."""
    if not pa.types.is_dictionary(values.type):
        return pa.chunked_array([_clean_texts(chunk, schema) for chunk in values.chunks], values.type)
    chunks = [_clean_dictionary(chunk, schema) for chunk in values.unify_dictionaries().chunks]
    return pa.chunked_array(chunks, chunks[0].type if chunks else values.type)


def _clean_texts(texts: pa.Array, schema: Schema) -> pa.Array:
    trimmed = pc.utf8_trim_whitespace(texts) if schema.trim else texts
    is_token = pc.is_in(trimmed, value_set=_token_set(schema.null_tokens, str(trimmed.type)), skip_nulls=True)
    return pc.if_else(is_token, pa.scalar(None, trimmed.type), trimmed)


@functools.lru_cache(maxsize=64)
def _token_set(tokens: tuple[str, ...], data_type: str) -> pa.Array:
    return pa.array(tokens, pa.type_for_alias(data_type))


def _clean_dictionary(chunk: pa.DictionaryArray, schema: Schema) -> pa.DictionaryArray:
    cleaned = _clean_texts(chunk.dictionary, schema)
    if cleaned.equals(chunk.dictionary) and cleaned.null_count == 0:
        return chunk
    encoded = cleaned.dictionary_encode()
    if encoded.null_count == 0 and len(encoded.dictionary) == len(cleaned):
        return pa.DictionaryArray.from_arrays(chunk.indices, cleaned)
    return pa.DictionaryArray.from_arrays(
        encoded.indices.take(chunk.indices).cast(chunk.indices.type), encoded.dictionary
    )


def _parse(values: pa.ChunkedArray, target: pa.DataType, column: Column, schema: Schema, where: str) -> pa.ChunkedArray:
    """Read texts as numbers or times, each distinct text once."""
    cleaned = _clean(values, schema)
    encoded = cleaned if pa.types.is_dictionary(cleaned.type) else cleaned.dictionary_encode()
    whole = encoded.unify_dictionaries().combine_chunks()
    if isinstance(whole, pa.ChunkedArray):  # no chunk at all
        return pa.chunked_array([], target)
    try:
        parsed = _parse_times(whole.dictionary) if target == TIMESTAMP else whole.dictionary.cast(target)
    except pa.ArrowInvalid as error:
        bad = _first_unreadable(whole.dictionary, target)
        row = pc.index(cleaned.cast(pa.utf8()), bad).as_py()
        got = f"{bad!r} in row {row + 1}"
        raise _refusal(column, where, expected=f"values of kind {column.kind}", got=got) from error
    return pa.chunked_array([parsed.take(whole.indices)])


def _parse_times(texts: pa.Array) -> pa.Array:
    has_zone = pc.match_substring_regex(texts, _HAS_ZONE)
    zoned = pc.if_else(has_zone, texts, None).cast(TIMESTAMP)
    naive = pc.if_else(has_zone, None, texts).cast(pa.timestamp("us")).cast(TIMESTAMP)
    return pc.coalesce(zoned, naive)


def _first_unreadable(texts: pa.Array, target: pa.DataType) -> str:
    for position in range(len(texts)):
        one = texts.slice(position, 1)
        try:
            _parse_times(one) if target == TIMESTAMP else one.cast(target)
        except pa.ArrowInvalid:
            return str(one[0].as_py())
    raise AssertionError("the caller saw a text that cannot be read")


def _refusal(column: Column, where: str, *, expected: str, got: str) -> SchemaError:
    return SchemaError(
        problem(
            expected=f"{expected} in column `{column.name}` (kind {column.kind})",
            got=got,
            where=where,
            next_step="correct the values or leave the column out",
        )
    )
