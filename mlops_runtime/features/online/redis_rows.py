"""How one row lies in a Redis value. Little-endian but for the stamp, whose bytes sort as (event, known) do.

- 0: uint32, the format, 1; then uint32, the tag: the first bytes of the SHA-256 of the view's columns, so that no row
  is read as one of another view
- 8: the stamp: event and known, each int64 microseconds with the sign bit flipped, big-endian
- 24: float64, one a number, NaN where missing; then uint32, one a text: its length in bytes, 0 where missing
- then the texts, UTF-8, one after the other
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mlops_runtime.core.digest import canonical_json, sha256_bytes
from mlops_runtime.core.errors import IntegrityError
from mlops_runtime.features.online.rows import OnlineRows
from mlops_runtime.features.online.view import OnlineView
from mlops_runtime.features.tables import MISSING_TIME

__all__ = ["RowPacking"]

Moments: TypeAlias = int | NDArray[np.int64]

_FORMAT = 1
_TAG_DIGITS = 8
_SIGN = np.int64(np.iinfo(np.int64).min)


class RowPacking:
    """Rows of a view, to and from bytes."""

    def __init__(self, view: OnlineView) -> None:
        self._view = view
        self._texts = len(view.texts)
        columns = canonical_json({"keys": view.keys.to_dict(), "features": view.features.to_dict()})
        self._tag = int(sha256_bytes(columns)[:_TAG_DIGITS], 16)
        fields = [("format", "<u4"), ("tag", "<u4"), ("event", ">i8"), ("known", ">i8")]
        self._head = np.dtype([*fields, ("numbers", "<f8", (len(view.numbers),)), ("lengths", "<u4", (self._texts,))])
        self._nothing = self._heads(1)
        self._nothing["event"] = MISSING_TIME ^ _SIGN

    def pack(
        self,
        event: NDArray[np.int64],
        known: NDArray[np.int64],
        numbers: NDArray[np.float64],
        texts: Sequence[pa.Array],
    ) -> list[bytes]:
        """Return one value a row. numbers: float64[n, F]. texts: large_string[n] each. Both in the view's order."""
        heads = self._heads(len(event))
        heads["event"], heads["known"], heads["numbers"] = event ^ _SIGN, known ^ _SIGN, numbers
        if not self._texts:
            return _cut(heads.tobytes(), np.arange(len(heads) + 1) * self._head.itemsize)
        lengths = np.stack([pc.binary_length(column).fill_null(0).to_numpy() for column in texts], axis=1)
        heads["lengths"] = lengths
        starts = _cut(heads.tobytes(), np.arange(len(heads) + 1) * self._head.itemsize)
        letters = [column.cast(pa.large_binary()).fill_null(b"").to_pylist() for column in texts]
        return [b"".join(parts) for parts in zip(starts, *letters, strict=True)]

    def unpack(self, values: Sequence[bytes | None], oldest: Moments, newest: Moments) -> OnlineRows:
        """Return the rows of some values, None where there is none. oldest, newest: `moments.bounds` of those found.

        Raises IntegrityError for a value that was not packed so.
        """
        size, nothing = self._head.itemsize, self._nothing.tobytes()
        whole = [nothing if value is None else value for value in values]
        heads = self._checked([value[:size] for value in whole], np.fromiter(map(len, whole), np.int64, len(whole)))
        event, known = heads["event"].astype(np.int64) ^ _SIGN, heads["known"].astype(np.int64) ^ _SIGN
        found = (event != MISSING_TIME) & (event >= oldest) & (np.maximum(event, known) <= newest)
        numbers = np.array(heads["numbers"], np.float64)
        numbers[~found] = np.nan
        lengths = np.where(found[:, None], heads["lengths"], 0).astype(np.int64)
        letters = b"".join([value[size:] for value, here in zip(whole, found.tolist(), strict=True) if here])
        return OnlineRows(self._view, found, event, numbers, *_by_feature(lengths, letters))

    def _heads(self, rows: int) -> NDArray[Any]:
        heads = np.zeros(rows, self._head)
        heads["format"], heads["tag"] = _FORMAT, self._tag
        return heads

    def _checked(self, heads: list[bytes], sizes: NDArray[np.int64]) -> NDArray[Any]:
        size = self._head.itemsize
        self._refuse(sizes < size, f"a value of at least {size} bytes")
        rows = np.frombuffer(b"".join(heads), self._head)
        self._refuse(rows["format"] != _FORMAT, f"format {_FORMAT}")
        self._refuse(rows["tag"] != self._tag, "a row of this view's columns")
        self._refuse(rows["lengths"].sum(axis=1, dtype=np.int64) + size != sizes, "texts as long as their lengths say")
        return rows

    def _refuse(self, wrong: NDArray[np.bool_], expected: str) -> None:
        if wrong.any():
            raise IntegrityError(
                f"online view `{self._view.name}`: expected {expected}, got another value for key "
                f"{int(wrong.argmax())} of those asked for — another program wrote it: forget the key, write it anew"
            )


def _cut(data: bytes, ends: NDArray[np.int64]) -> list[bytes]:
    """Return the pieces between one end and the next."""
    return [data[start:stop] for start, stop in itertools.pairwise(ends.tolist())]


def _by_feature(lengths: NDArray[np.int64], letters: bytes) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """Turn texts that follow one another row by row into offsets and letters feature by feature.

    lengths: int64[n, T]. Raises IntegrityError when they are no UTF-8.
    """
    rows, many = lengths.shape
    if not many:
        return np.zeros((0, rows + 1), np.int64), np.zeros(0, np.uint8)
    ends = np.concatenate([[0], np.cumsum(lengths.ravel())])
    by_row = pa.LargeStringArray.from_buffers(rows * many, pa.py_buffer(ends), pa.py_buffer(letters))
    try:
        by_row.validate(full=True)
    except pa.ArrowInvalid as error:
        raise IntegrityError(f"online store: expected UTF-8 in every stored text, got other bytes ({error})") from error
    ordered = by_row.take(pa.array(np.arange(rows * many).reshape(rows, many).T.ravel()))
    ends = np.concatenate([[0], np.cumsum(lengths.T.ravel())])
    starts = np.arange(many)[:, None] * rows
    data = ordered.buffers()[2]
    return ends[starts + np.arange(rows + 1)], np.frombuffer(b"" if data is None else data, np.uint8)[: ends[-1]]
