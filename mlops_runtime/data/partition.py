"""Hive partitions: what the folders `key=value` on the way to a file say about its rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from urllib.parse import unquote

import pyarrow as pa

from mlops_runtime.core.errors import DataError, problem
from mlops_runtime.data.conform import conform
from mlops_runtime.data.header import is_code
from mlops_runtime.data.infer import ColumnFacts, infer
from mlops_runtime.data.schema import Schema
from mlops_runtime.data.text_type import TextType

__all__ = ["HIVE_NULL", "partition_of", "partition_table"]

HIVE_NULL = "__HIVE_DEFAULT_PARTITION__"


def partition_of(name: str) -> dict[str, str | None]:
    """Return the keys and values in the folders of a relative path, percent signs decoded.

    Raises DataError for a key that occurs twice.

    >>> partition_of("year=2025/city=Abu%20Dhabi/part-0.parquet")
    {'year': '2025', 'city': 'Abu Dhabi'}
    """
    parts = [part.split("=", 1) for part in name.split("/")[:-1] if "=" in part]
    pairs = [(unquote(key), None if value == HIVE_NULL else unquote(value)) for key, value in parts]
    repeated = [key for key, times in Counter(key for key, _ in pairs).items() if times > 1]
    if repeated:
        raise DataError(
            problem(
                expected="each partition key once",
                got=f"`{repeated[0]}` more than once",
                where=name,
                next_step="rename the folders, or pass partitioning=None",
            )
        )
    return dict(pairs)


def partition_table(partitions: Sequence[Mapping[str, str | None]], rules: Schema) -> tuple[pa.Table, Schema]:
    """Return a conformed table with a row per file and a column per key, and its schema.

    Keys that `rules` has are read as it says; of others the kind is inferred from the values as for a CSV column: whole
    numbers, numbers, dates, times, else texts; digits of which some begin with a zero are texts. A file without a key
    has null there.
    """
    keys = list(dict.fromkeys(key for partition in partitions for key in partition))
    texts = {key: pa.array([partition.get(key) for partition in partitions], pa.utf8()) for key in keys}
    inferred = infer({key: _facts(values, rules) for key, values in texts.items() if key not in rules.names})
    known = {column.name: column for column in (*inferred.columns, *rules.columns)}
    schema = Schema(tuple(known[key] for key in keys), rules.trim, rules.null_tokens)
    table = pa.table({key: values.dictionary_encode() for key, values in texts.items()})
    return conform(table, schema, where="partition values"), schema


def _facts(values: pa.Array, rules: Schema) -> ColumnFacts:
    found = TextType(rules)
    found.update(values)
    code = is_code({text.strip() for text in values.to_pylist() if text is not None})
    return ColumnFacts(pa.utf8() if code else found.type, len(values), values.null_count, found.exact)
