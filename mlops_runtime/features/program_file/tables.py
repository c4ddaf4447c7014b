"""The side tables of a program file: each vocabulary and each long list of parameters, stored once."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from mlops_runtime.core.digest import canonical_json
from mlops_runtime.core.errors import IntegrityError, problem
from mlops_runtime.features.vocabulary import FittedVocabulary

__all__ = ["TableEntry", "TableReader", "TableWriter", "table_name"]

_VALUES = pa.schema([pa.field("values", pa.float64(), nullable=False)])


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class VocabularyEntry(_Strict):
    """A vocabulary, as `program.json` names it."""

    kind: Literal["vocabulary"]
    dtype: Literal["utf8", "int64"]
    keys: int = Field(ge=0)
    kept: int = Field(ge=0)
    digest: str = Field(pattern=r"^[0-9a-f]{64}$")


class ParametersEntry(_Strict):
    """The parameters of a step, as `program.json` names them."""

    kind: Literal["parameters"]
    values: int = Field(ge=0)
    digest: str = Field(pattern=r"^[0-9a-f]{64}$")


TableEntry = Annotated[VocabularyEntry | ParametersEntry, Field(discriminator="kind")]


def table_name(position: int) -> str:
    """Return the file of a side table; column names never become paths."""
    return f"tables/{position:03d}.arrow"


class TableWriter:
    """Numbers tables in the order of their first use; equal content gets one number."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._tables: list[FittedVocabulary | NDArray[np.float64]] = []

    def vocabulary(self, vocabulary: FittedVocabulary) -> int:
        """Return the number of a vocabulary's table."""
        return self._number(vocabulary.digest, vocabulary)

    def parameters(self, values: NDArray[np.float64]) -> int:
        """Return the number of a table of parameters."""
        return self._number(_digest(values), values)

    def _number(self, digest: str, table: FittedVocabulary | NDArray[np.float64]) -> int:
        if digest not in self._numbers:
            self._numbers[digest] = len(self._tables)
            self._tables.append(table)
        return self._numbers[digest]

    def entries(self) -> list[dict[str, Any]]:
        """Return what `program.json` says of each table."""
        return [_entry(table) for table in self._tables]

    def files(self) -> dict[str, bytes]:
        """Return the Arrow IPC file of each table."""
        return {
            table_name(number): table.to_arrow() if isinstance(table, FittedVocabulary) else _to_arrow(table)
            for number, table in enumerate(self._tables)
        }


class TableReader:
    """Reads the tables that a document names, each when it is first referred to; two references share one object."""

    def __init__(self, entries: list[VocabularyEntry | ParametersEntry], files: Mapping[str, bytes]) -> None:
        self._entries = entries
        self._files = files
        self._read: dict[int, FittedVocabulary | NDArray[np.float64]] = {}

    def vocabulary(self, number: int) -> FittedVocabulary:
        """Return a vocabulary. Raises IntegrityError when the table is another one, or damaged."""
        table = self._table(number)
        if not isinstance(table, FittedVocabulary):
            raise _refusal(table_name(number), "a vocabulary", "parameters")
        return table

    def parameters(self, number: int) -> NDArray[np.float64]:
        """Return parameters. Raises IntegrityError when the table is a vocabulary, or damaged."""
        table = self._table(number)
        if isinstance(table, FittedVocabulary):
            raise _refusal(table_name(number), "parameters", "a vocabulary")
        return table

    def check_all_used(self) -> None:
        """Raise IntegrityError for a table that nothing referred to."""
        unused = [table_name(number) for number in range(len(self._entries)) if number not in self._read]
        if unused:
            raise _refusal("program.json", "tables that an output uses", f"{', '.join(unused)} unused")

    def _table(self, number: int) -> FittedVocabulary | NDArray[np.float64]:
        if number >= len(self._entries):
            raise _refusal("program.json", f"a table below {len(self._entries)}", str(number))
        if number not in self._read:
            self._read[number] = _read(self._entries[number], self._files[table_name(number)], table_name(number))
        return self._read[number]


def _entry(table: FittedVocabulary | NDArray[np.float64]) -> dict[str, Any]:
    if isinstance(table, FittedVocabulary):
        sizes = {"keys": len(table.keys), "kept": table.kept}
        return {"kind": "vocabulary", "dtype": table.dtype, **sizes, "digest": table.digest}
    return {"kind": "parameters", "values": table.size, "digest": _digest(table)}


def _read(entry: VocabularyEntry | ParametersEntry, data: bytes, where: str) -> FittedVocabulary | NDArray[np.float64]:
    table: FittedVocabulary | NDArray[np.float64]
    if isinstance(entry, VocabularyEntry):
        table = FittedVocabulary.from_arrow(data, dtype=entry.dtype, kept=entry.kept, where=where)
    else:
        table = _from_arrow(data, where)
    found = _entry(table)
    if found != entry.model_dump():
        raise _refusal(where, f"digest {entry.digest[:16]}…", f"{found['digest'][:16]}…")
    return table


def _digest(values: NDArray[np.float64]) -> str:
    """SHA-256 of the logical content: dtype and length, then little-endian values."""
    hasher = hashlib.sha256(canonical_json({"rows": values.size, "values": "float64"}))
    hasher.update(values.astype("<f8").tobytes())
    return hasher.hexdigest()


def _to_arrow(values: NDArray[np.float64]) -> bytes:
    sink = io.BytesIO()
    with pa.ipc.new_file(sink, _VALUES) as writer:
        writer.write_table(pa.Table.from_arrays([pa.array(values)], schema=_VALUES))
    return sink.getvalue()


def _from_arrow(data: bytes, where: str) -> NDArray[np.float64]:
    try:
        with pa.ipc.open_file(pa.py_buffer(data)) as reader:
            if not reader.schema.equals(_VALUES):
                raise _refusal(where, "one column `values` of float64", str(reader.schema))
            table = reader.read_all()
        table.validate(full=True)
    except (pa.ArrowException, OSError) as error:
        raise _refusal(where, "an Arrow IPC file", str(error).splitlines()[0]) from error
    column = table.column(0)
    if column.null_count:
        raise _refusal(where, "values, none missing", f"{column.null_count} missing")
    return np.array(column.to_numpy(), np.float64)


def _refusal(where: str, expected: str, got: str) -> IntegrityError:
    return IntegrityError(
        problem(expected=expected, got=got[:300], where=where, next_step="the program is damaged: fit it again")
    )
