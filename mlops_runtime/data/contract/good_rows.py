"""The rows that broke no rule, cleaned, as one table whatever the files they came from."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from mlops_runtime.core.errors import SchemaError, problem
from mlops_runtime.data.batch import Batch
from mlops_runtime.data.conform import TIMESTAMP
from mlops_runtime.data.contract.rules import Readings
from mlops_runtime.data.contract.table_file import TableFile
from mlops_runtime.data.contract.values import Mask
from mlops_runtime.data.schema import ColumnKind, Schema

__all__ = ["GoodRows"]

_TYPES: dict[ColumnKind, pa.DataType] = {
    "number": pa.float64(),
    "integer": pa.int64(),
    "string": pa.utf8(),
    "timestamp": TIMESTAMP,
    "string_list": pa.list_(pa.utf8()),
    "integer_list": pa.list_(pa.int64()),
}


class GoodRows:
    """Writes good rows: declared columns as values of their kind, the others as they came; texts plain.

    A column that is not declared has the type that the first batch gives it; one that only later batches have must be
    declared. So must whole numbers beyond 2**53, as integers: kind number is float64.
    """

    def __init__(self, file: TableFile, declared: Schema, columns: Sequence[str]) -> None:
        """columns: of all batches."""
        self._file = file
        self._kinds = {column.name: column.kind for column in declared.columns}
        self._columns = tuple(columns)
        self._schema: pa.Schema | None = None

    def add(self, batch: Batch, good: Mask, readings: Readings) -> None:
        """Add the rows of a batch that are `good`. Raises SchemaError when they do not fit to those before."""
        table = batch.table
        read = {name: readings[name].values if name in readings else table.column(name) for name in table.column_names}
        plain = pa.table({name: _plain(values) for name, values in read.items()}).filter(pa.array(good))
        if self._schema is None:
            self._start(plain.schema, readings)
        self._file.write(self._fitted(plain, batch.file))

    def close(self) -> None:
        """Say what the columns are when no batch did: then there are no rows."""
        if self._schema is None:
            self._start(pa.schema([]), {})

    def _start(self, first: pa.Schema, readings: Readings) -> None:
        types = {name: _TYPES[self._kinds[name]] for name in self._columns if name in self._kinds}
        as_it_came = (field for field in first if field.name not in readings or pa.types.is_uint64(field.type))
        types |= {field.name: field.type for field in as_it_came}
        self._schema = pa.schema([(name, types[name]) for name in self._columns if name in types])
        self._file.write(self._schema.empty_table())

    def _fitted(self, table: pa.Table, file: str) -> pa.Table:
        schema = self._schema or table.schema
        unknown = [name for name in table.column_names if name not in schema.names]
        if unknown:
            raise _misfit(file, f"the columns {schema.names}", f"`{unknown[0]}`, which earlier files lack")
        columns = []
        for field in schema:
            present = field.name in table.column_names
            values = table.column(field.name) if present else pa.nulls(table.num_rows, field.type)
            try:
                columns.append(values.cast(field.type))
            except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
                expected = f"values that {field.type} holds exactly in column `{field.name}`"
                raise _misfit(file, expected, f"{values.type}: {error}") from error
        return pa.Table.from_arrays(columns, schema=schema)


def _plain(values: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    return values.cast(values.type.value_type) if pa.types.is_dictionary(values.type) else values


def _misfit(file: str, expected: str, got: str) -> SchemaError:
    advice = "declare the column in the contract, whole numbers beyond 2**53 as integer, or check file by file"
    return SchemaError(problem(expected=expected, got=got, where=f"good rows of {file}", next_step=advice))
