"""From a data frame in memory to a conformed table: what `open_source` is for files."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import pyarrow as pa

from mlops_runtime.core.errors import SchemaError, problem
from mlops_runtime.data.conform import conform
from mlops_runtime.data.infer import facts_of, infer
from mlops_runtime.data.schema import Schema

__all__ = ["Frame", "from_frame"]

_UNNAMED_INDEX = re.compile(r"__index_level_\d+__")


class Frame(NamedTuple):
    """A conformed table, its schema, and what a reader should know about it."""

    table: pa.Table
    schema: Schema
    notes: tuple[str, ...]


def from_frame(frame: Any, *, schema: Schema | None = None) -> Frame:
    """Return the rows of a data frame, conformed: of pyarrow, polars, pandas, DuckDB, or anything else in Arrow's form.

    frame: an object with `__arrow_c_stream__` or `__arrow_c_array__`; without copying where the types allow.
    schema: read these columns as these kinds; without it every column has the kind that its type says, and columns that
    nothing can use are left out, with a note. An index of pandas is a column if it has a name.
    Raises SchemaError for other objects, and as `conform`.

    >>> import pandas as pd
    >>> table, schema, notes = from_frame(pd.DataFrame({"city": ["Dubai", " ?"], "age": [31, 47], "span": [b"", b""]}))
    >>> [(column.name, column.kind) for column in schema.columns]
    [('city', 'string'), ('age', 'number')]
    >>> table["city"].to_pylist(), notes
    (['Dubai', None], ('column `span` of type binary is left out: cast or flatten it to use it',))
    """
    if not (hasattr(frame, "__arrow_c_stream__") or hasattr(frame, "__arrow_c_array__")):
        raise SchemaError(
            problem(
                expected="a data frame in Arrow's form (with `__arrow_c_stream__`)",
                got=type(frame).__name__,
                where="from_frame",
                next_step="pass a frame of pyarrow, polars, pandas 2.2 or newer, or a DuckDB relation",
            )
        )
    table = _without_empty_chunks(pa.table(frame))
    table = table.select([i for i, name in enumerate(table.column_names) if not _UNNAMED_INDEX.fullmatch(name)])
    if schema is not None:
        return Frame(conform(table, schema, where="data frame"), schema, ())
    found = infer({name: facts_of(values) for name, values in zip(table.column_names, table.columns, strict=True)})
    inferred = Schema(found.columns)
    return Frame(conform(table, inferred, where="data frame"), inferred, found.notes)


def _without_empty_chunks(table: pa.Table) -> pa.Table:
    """Drop chunks without rows: one that was sliced and came through the C interface cannot be read by pyarrow."""
    columns = [pa.chunked_array([c for c in column.chunks if len(c)], column.type) for column in table.columns]
    return pa.Table.from_arrays(columns, schema=table.schema) if columns else table
