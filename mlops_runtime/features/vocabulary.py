"""A fitted vocabulary: keys by descending frequency, their counts, and the ids that follow from them."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mlops_runtime._native import ArrowTable, Vocabulary, VocabularyCounter
from mlops_runtime.core.digest import canonical_json
from mlops_runtime.core.errors import IntegrityError, problem

__all__ = ["FIRST_KEY_ID", "RARE_ID", "FittedVocabulary"]

MISSING_ID, RARE_ID, UNSEEN_ID, FIRST_KEY_ID = 0, 1, 2, 3

_SCHEMAS = {
    dtype: pa.schema([pa.field(name, pa.type_for_alias(kind), nullable=False) for name, kind in fields])
    for dtype, fields in {
        "utf8": (("keys", "string"), ("ids", "int64"), ("counts", "int64")),
        "int64": (("keys", "int64"), ("ids", "int64"), ("counts", "int64")),
    }.items()
}


@dataclass(frozen=True, eq=False)
class FittedVocabulary:
    """Keys (utf8 or int64, most frequent first, ties by value), how often each was seen, and how many have an own id.

    The first `kept` keys have the ids 3, 4, …; the rest are rare (id 1). They are stored so that a rare key can be told
    from an unseen one (id 2).
    """

    keys: pa.Array
    counts: NDArray[np.int64]
    kept: int

    @classmethod
    def freeze(cls, counter: VocabularyCounter, *, min_count: int, max_size: int) -> FittedVocabulary:
        """Make the vocabulary of what was counted."""
        if counter.kind == "int64":
            integers, counts = counter.integer_entries()
            keys = pa.array(integers)
        else:
            data, offsets, counts = counter.string_entries()
            texts = pa.LargeStringArray.from_buffers(len(counts), pa.py_buffer(offsets), pa.py_buffer(data))
            keys = texts.cast(pa.utf8())
        return cls(keys, counts, min(max_size, int((counts >= min_count).sum())))

    @property
    def dtype(self) -> Literal["utf8", "int64"]:
        """The type of the keys."""
        return "int64" if pa.types.is_int64(self.keys.type) else "utf8"

    @property
    def cardinality(self) -> int:
        """How many ids there are: the largest id + 1."""
        return FIRST_KEY_ID + self.kept

    @cached_property
    def ids(self) -> NDArray[np.int64]:
        """The id of each key, int64[n]."""
        ids = np.full(len(self.keys), RARE_ID, np.int64)
        ids[: self.kept] = np.arange(FIRST_KEY_ID, self.cardinality)
        return ids

    @cached_property
    def native(self) -> Vocabulary:
        """The hash table the encode kernel probes."""
        return Vocabulary(ArrowTable(pa.table({"keys": self.keys})), self.ids)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the logical content: dtypes and length, then keys, ids and counts.

        Numbers are little-endian; a text is its UTF-8 length (uint32) and its bytes.
        """
        hasher = hashlib.sha256(canonical_json({"keys": self.dtype, "rows": len(self.keys)}))
        if self.dtype == "int64":
            hasher.update(self.keys.to_numpy().astype("<i8").tobytes())
        else:
            for key in self.keys.cast(pa.binary()).to_pylist():
                hasher.update(len(key).to_bytes(4, "little") + key)
        hasher.update(self.ids.astype("<i8").tobytes())
        hasher.update(self.counts.astype("<i8").tobytes())
        return hasher.hexdigest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FittedVocabulary) and (other is self or other.digest == self.digest)

    def __hash__(self) -> int:
        return hash(self.digest)

    def to_arrow(self) -> bytes:
        """Return the Arrow IPC file of columns keys, ids and counts."""
        columns = [self.keys, pa.array(self.ids), pa.array(self.counts)]
        table = pa.Table.from_arrays(columns, schema=_SCHEMAS[self.dtype])
        sink = io.BytesIO()
        with pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table)
        return sink.getvalue()

    @classmethod
    def from_arrow(cls, data: bytes, *, dtype: Literal["utf8", "int64"], kept: int, where: str) -> FittedVocabulary:
        """Read what `to_arrow` wrote. Raises IntegrityError, saying `where`, when it is anything else."""
        try:
            with pa.ipc.open_file(pa.py_buffer(data)) as reader:
                if not reader.schema.equals(_SCHEMAS[dtype]):
                    raise _refusal(where, f"columns {_SCHEMAS[dtype].names} with {dtype} keys", str(reader.schema))
                table = reader.read_all().combine_chunks()
            table.validate(full=True)
        except (pa.ArrowException, OSError) as error:
            raise _refusal(where, "an Arrow IPC file", str(error).splitlines()[0]) from error
        keys, ids, counts = (_one_chunk(column) for column in table.columns)
        if keys.null_count or len(keys.unique()) != len(keys):
            raise _refusal(where, "distinct keys, none missing", "missing or repeated keys")
        if not 0 <= kept <= len(keys):
            raise _refusal(where, f"at most {len(keys)} keys with an id", str(kept))
        read = cls(keys, counts.to_numpy(), kept)
        if ids.null_count or counts.null_count or not np.array_equal(ids.to_numpy(), read.ids):
            raise _refusal(where, "ids 3, 4, … by descending count, then 1", "other ids")
        return read


def _one_chunk(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks else pa.array([], column.type)


def _refusal(where: str, expected: str, got: str) -> IntegrityError:
    return IntegrityError(
        problem(expected=expected, got=got, where=where, next_step="the program is damaged: fit or export it again")
    )
