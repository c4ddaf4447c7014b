"""The one place that cleans data, so that training, batch scoring and the server all see the same values.

Texts are trimmed and null tokens become null; on a dictionary column only the dictionary is touched. Numbers keep their
Arrow type; NaN stays NaN (the kernels treat it as missing); times become timestamp[us, UTC]; lists become list<string>
or list<int64>, texts that are JSON arrays included.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from mlops_runtime._native import ArrowTable, texts_are_clean
from mlops_runtime.core.errors import SchemaError, problem
from mlops_runtime.data.lists import is_list, parse_lists, to_lists
from mlops_runtime.data.schema import Column, ColumnKind, Schema, listed, repeated_names

__all__ = ["TIMESTAMP", "conform", "is_text", "without_null_keys"]

TIMESTAMP = pa.timestamp("us", "UTC")

_WORTH_A_LOOK = 256  # texts; fewer are rewritten faster than an Arrow stream is opened
_HAS_ZONE = r"[T ]\d{2}:\d{2}.*(Z|[+-]\d{2}(:?\d{2})?)$"


def conform(table: pa.Table, schema: Schema, *, where: str, first_row: int = 0) -> pa.Table:
    """Return the schema's columns of `table`, in the schema's order, cleaned and cast to their canonical types.

    number: any integer, float or bool type as it came. integer: int64 or uint64. string: utf8, large_utf8 or a
    dictionary of them. timestamp: timestamp[us, UTC], a time without zone read as UTC. string_list: list<string>, each
    element cleaned like a text. integer_list: list<int64>. Extra columns are dropped.
    first_row: the place of the table's first row in the data set, from 0, for messages.
    Raises SchemaError, saying `where`, for missing columns and values that cannot be read as the column's kind.

    >>> raw = pa.table({"age": [31, 47], "city": [" Dubai", " ?"]})
    >>> schema = Schema((Column("city", "string"), Column("age", "number")))
    >>> conform(raw, schema, where="example").to_pydict()
    {'city': ['Dubai', None], 'age': [31, 47]}
    """
    _check_names(table.column_names, schema, where)
    cleaned = []
    for column in schema.columns:
        task = _Task(column, schema, where, first_row)
        values = _CONFORM[column.kind](_plain(table.column(column.name)), task)
        if not column.nullable and values.null_count:
            raise task.refusal(expected="no missing value", got=f"{values.null_count} missing")
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


@dataclass(frozen=True, slots=True)
class _Task:
    """One column to clean, by the rules of its schema, and where it lies, for messages."""

    column: Column
    schema: Schema
    where: str
    first_row: int

    def refusal(self, *, expected: str, got: str) -> SchemaError:
        return SchemaError(
            problem(
                expected=f"{expected} in column `{self.column.name}` (kind {self.column.kind})",
                got=got,
                where=self.where,
                next_step="correct the values or leave the column out",
            )
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
    if pa.types.is_dictionary(values.type):
        if not is_text(values.type):
            return values.cast(values.type.value_type)
        if pa.types.is_string_view(values.type.value_type):  # as polars has categories
            values = values.cast(pa.dictionary(values.type.index_type, pa.utf8()))
    return values.cast(pa.utf8()) if pa.types.is_string_view(values.type) else without_null_keys(values)


def without_null_keys(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a column so that no dictionary of it holds a null, which Arrow cannot unify; such a value is missing."""
    kind = values.type
    if not pa.types.is_dictionary(kind) or not any(chunk.dictionary.null_count for chunk in values.chunks):
        return values
    encoded = values.cast(kind.value_type).dictionary_encode()
    return encoded.cast(pa.dictionary(kind.index_type, kind.value_type))


def _number(values: pa.ChunkedArray, task: _Task) -> pa.ChunkedArray:
    kind = values.type
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind):
        return values
    if pa.types.is_null(kind) or pa.types.is_decimal(kind):
        return values.cast(pa.float64())
    if is_text(kind):
        return _parse(values, _parse_numbers, task)
    raise task.refusal(expected="numbers", got=f"values of type {kind}")


def _integer(values: pa.ChunkedArray, task: _Task) -> pa.ChunkedArray:
    kind = values.type
    if pa.types.is_int64(kind) or pa.types.is_uint64(kind):
        return values
    if is_text(kind):
        return _parse(values, functools.partial(pc.cast, target_type=pa.int64()), task)
    if pa.types.is_null(kind) or pa.types.is_integer(kind) or pa.types.is_boolean(kind):
        return values.cast(pa.int64())
    if pa.types.is_floating(kind):
        try:
            return pc.if_else(pc.is_nan(values), None, values).cast(pa.int64())
        except pa.ArrowInvalid as error:
            raise task.refusal(expected="whole numbers", got=str(error)) from error
    raise task.refusal(expected="whole numbers", got=f"values of type {kind}")


def _string(values: pa.ChunkedArray, task: _Task) -> pa.ChunkedArray:
    kind = values.type
    if is_text(kind):
        try:
            return _clean(values, task.schema)
        except pa.ArrowInvalid as error:
            raise task.refusal(expected="valid UTF-8", got=str(error)) from error
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind) or values.null_count == len(values):
        return values.cast(pa.utf8())
    if pa.types.is_floating(kind) and pc.all(pc.is_nan(values), skip_nulls=True).as_py():
        return pa.chunked_array([pa.nulls(len(values), pa.utf8())])
    raise task.refusal(expected="texts", got=f"values of type {kind}")


def _timestamp(values: pa.ChunkedArray, task: _Task) -> pa.ChunkedArray:
    kind = values.type
    if is_text(kind):
        return _parse(values, _parse_times, task)
    if pa.types.is_null(kind) or (pa.types.is_temporal(kind) and not pa.types.is_time(kind)):
        try:
            naive_safe = values.cast(pa.timestamp("us")) if pa.types.is_date(kind) else values
            return naive_safe.cast(TIMESTAMP, safe=False)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise task.refusal(expected="times", got=str(error)) from error
    raise task.refusal(expected="times (ISO 8601)", got=f"values of type {kind}")


def _lists(values: pa.ChunkedArray, task: _Task, element: pa.DataType) -> pa.ChunkedArray:
    kind = values.type
    if is_text(kind):
        return _parse(values, functools.partial(parse_lists, element=element), task)
    if values.null_count == len(values):
        return pa.chunked_array([pa.nulls(len(values), pa.list_(element))])
    readable = is_text if pa.types.is_string(element) else pa.types.is_integer
    if not is_list(kind) or not (readable(kind.value_type) or pa.types.is_null(kind.value_type)):
        raise task.refusal(expected=f"lists of {element} values", got=f"values of type {kind}")
    try:
        chunks = [to_lists(chunk, lambda found: _elements(found, element, task.schema)) for chunk in values.chunks]
    except pa.ArrowInvalid as error:
        raise task.refusal(expected=f"lists of {element} values", got=str(error)) from error
    return pa.chunked_array(chunks, pa.list_(element))


def _elements(values: pa.Array, element: pa.DataType, schema: Schema) -> pa.Array:
    plain = values.cast(element)
    return _clean_texts(plain, schema) if pa.types.is_string(element) else plain


_CONFORM: dict[ColumnKind, Callable[[pa.ChunkedArray, _Task], pa.ChunkedArray]] = {
    "number": _number,
    "integer": _integer,
    "string": _string,
    "timestamp": _timestamp,
    "string_list": functools.partial(_lists, element=pa.utf8()),
    "integer_list": functools.partial(_lists, element=pa.int64()),
}


def _clean(values: pa.ChunkedArray, schema: Schema) -> pa.ChunkedArray:
    """Trim texts and turn null tokens into null; of a dictionary column only the dictionary is rewritten."""
    if not pa.types.is_dictionary(values.type):
        return pa.chunked_array([_clean_texts(chunk, schema) for chunk in values.chunks], values.type)
    chunks = [_clean_dictionary(chunk, schema) for chunk in values.unify_dictionaries().chunks]
    return pa.chunked_array(chunks, chunks[0].type if chunks else values.type)


def _clean_texts(texts: pa.Array, schema: Schema) -> pa.Array:
    if len(texts) >= _WORTH_A_LOOK and _is_clean(texts, schema):
        return texts
    trimmed = pc.utf8_trim_whitespace(texts) if schema.trim else texts
    is_token = pc.is_in(trimmed, value_set=_token_set(schema.null_tokens, str(trimmed.type)), skip_nulls=True)
    return pc.if_else(is_token, pa.scalar(None, trimmed.type), trimmed)


def _is_clean(texts: pa.Array, schema: Schema) -> bool:
    table = ArrowTable(pa.table({"": texts}))
    return texts_are_clean(table, 0, list(schema.null_tokens), trim=schema.trim)


@functools.lru_cache(maxsize=64)
def _token_set(tokens: tuple[str, ...], data_type: str) -> pa.Array:
    return pa.array(tokens, pa.type_for_alias(data_type))


def _clean_dictionary(chunk: pa.DictionaryArray, schema: Schema) -> pa.DictionaryArray:
    texts = chunk.dictionary
    cleaned = _clean_texts(texts, schema)
    if cleaned is texts or (cleaned.equals(texts) and cleaned.null_count == 0):
        return chunk
    encoded = cleaned.dictionary_encode()
    if encoded.null_count == 0 and len(encoded.dictionary) == len(cleaned):
        return pa.DictionaryArray.from_arrays(chunk.indices, cleaned)
    return pa.DictionaryArray.from_arrays(
        encoded.indices.take(chunk.indices).cast(chunk.indices.type), encoded.dictionary
    )


def _parse(values: pa.ChunkedArray, parse: Callable[[pa.Array], pa.Array], task: _Task) -> pa.ChunkedArray:
    """Read texts as numbers, times or lists, each distinct text once."""
    cleaned = _clean(values, task.schema)
    encoded = cleaned if pa.types.is_dictionary(cleaned.type) else cleaned.dictionary_encode()
    whole = encoded.unify_dictionaries().combine_chunks()
    if isinstance(whole, pa.ChunkedArray):  # no chunk at all
        return pa.chunked_array([], parse(pa.array([], pa.utf8())).type)
    try:
        parsed = parse(whole.dictionary)
    except pa.ArrowInvalid:  # a slice shares its dictionary with rows that it does not have: look at its own texts
        plain = whole.cast(pa.utf8())
        whole = plain.dictionary_encode()
        parsed = _parse_present(whole.dictionary, parse, plain, task)
    return pa.chunked_array([_clean_parsed(parsed, task).take(whole.indices)])


def _parse_present(texts: pa.Array, parse: Callable[[pa.Array], pa.Array], values: pa.Array, task: _Task) -> pa.Array:
    try:
        return parse(texts)
    except pa.ArrowInvalid as error:
        bad = _first_unreadable(texts, parse)
        row = task.first_row + pc.index(values, bad).as_py()
        got = f"{bad!r} in row {row + 1}"
        raise task.refusal(expected=f"values of kind {task.column.kind}", got=got) from error


def _clean_parsed(parsed: pa.Array, task: _Task) -> pa.Array:
    """Clean the texts inside lists, too: a list means the same however it came."""
    if task.column.kind != "string_list":
        return parsed
    return to_lists(parsed, lambda texts: _clean_texts(texts, task.schema))


def _parse_numbers(texts: pa.Array) -> pa.Array:
    try:
        return texts.cast(pa.float64())
    except pa.ArrowInvalid:
        try:
            return texts.cast(pa.bool_()).cast(pa.float64())
        except pa.ArrowInvalid:
            pass
        raise


def _parse_times(texts: pa.Array) -> pa.Array:
    has_zone = pc.match_substring_regex(texts, _HAS_ZONE)
    zoned = pc.if_else(has_zone, texts, None).cast(TIMESTAMP)
    naive = pc.if_else(has_zone, None, texts).cast(pa.timestamp("us")).cast(TIMESTAMP)
    return pc.coalesce(zoned, naive)


def _first_unreadable(texts: pa.Array, parse: Callable[[pa.Array], pa.Array]) -> str:
    for position in range(len(texts)):
        one = texts.slice(position, 1)
        try:
            parse(one)
        except pa.ArrowInvalid:
            return str(one[0].as_py())
    raise AssertionError("the caller saw a text that cannot be read")
