"""Sums of a target by key and fold, exact and in any order, and the encodings that follow from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mlops_runtime.features.vocabulary import MISSING_ID, FittedVocabulary

__all__ = ["TargetEncoding", "TargetSums"]

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

_MANTISSA_BITS, _LIMB_BITS = 53, 32
_LOW_LIMB = 2**_LIMB_BITS - 1
_GROUP = ["key", "fold", "window"]
_LIMBS = ["low", "middle", "high"]
_COMPACT_ROWS = 1 << 18
_COLUMNS = (  # as narrow as they can be: each key has a row for every fold
    ("fold", pa.int16()),
    ("window", pa.int8()),
    ("low", pa.uint32()),
    ("middle", pa.uint32()),
    ("high", pa.int64()),
    ("rows", pa.int64()),
)


@dataclass(frozen=True, slots=True)
class TargetEncoding:
    """What a key's id is encoded as. full: float64[ids]. out_of_fold: float64[folds, ids], without the fold's rows."""

    full: F64
    out_of_fold: F64


class TargetSums:
    """The exact sum and count of a target for every key and fold.

    A value is cut into an integer multiple of 2**(32 * window), and that into limbs of 32 bits, whose int64 sums are
    exact for up to 2**30 rows a batch, whatever their order.
    """

    def __init__(self, key_type: pa.DataType, folds: int) -> None:
        self._folds = folds
        self._schema = pa.schema([("key", key_type), *_COLUMNS])
        self._parts: list[pa.Table] = [self._schema.empty_table()]
        self._pending_rows = 0

    @property
    def rows(self) -> int:
        """How many rows had a target."""
        return sum(pc.sum(part.column("rows")).as_py() or 0 for part in self._parts)

    def update(self, keys: pa.ChunkedArray, target: F64, folds: I64) -> None:
        """Add rows: their keys (null where missing), the target (not finite: skipped) and the fold of each."""
        present = np.isfinite(target)
        if not present.any():
            return
        window, limbs = _split(target[present])
        table = pa.table(
            {
                "key": keys.filter(pa.array(present)),
                "fold": folds[present].astype(np.int16),
                "window": window.astype(np.int8),
                **dict(zip(_LIMBS, limbs, strict=True)),
                "rows": np.ones(len(window), np.int64),
            }
        )
        self._add(_grouped(table, self._schema))

    def merge(self, other: TargetSums) -> None:
        """Add what another state of the same folds has seen."""
        for part in other._parts:
            self._add(part)

    def to_table(self) -> pa.Table:
        """Return the sums, one row for each key, fold and window."""
        if len(self._parts) > 1:
            self._parts = [_grouped(pa.concat_tables(self._parts), self._schema)]
            self._pending_rows = 0
        return self._parts[0]

    def replace(self, table: pa.Table) -> None:
        """Forget everything and take the sums of `to_table`. Raises ValueError when the table is none."""
        table.validate(full=True)
        fold = table.column("fold").to_numpy() if table.schema.equals(self._schema) else np.array([-1])
        if fold.min(initial=0) < 0 or fold.max(initial=0) >= self._folds:
            raise ValueError(f"expected target sums of {self._folds} folds, got another table")
        self._parts, self._pending_rows = [table], 0

    def encode(self, vocabulary: FittedVocabulary, smoothing: float) -> TargetEncoding:
        """Return the m-estimate of each id's mean, drawn to the mean of all rows as by `smoothing` rows of it.

        An id that was never seen is the mean itself. Source: Micci-Barreca (2001), SIGKDD Explorations 3(1).
        """
        table, size = self.to_table(), vocabulary.cardinality
        ids = _ids(table.column("key"), vocabulary)
        fold, window, *limbs, rows = (column.to_numpy() for column in table.columns[1:])
        total = _sum_into(size, ids, rows)
        full, whole = _Estimate(total, smoothing), {}
        for exponent in np.unique(window).tolist():  # from the smallest values to the largest
            whole[exponent] = _limb_sums(size, ids, limbs, window == exponent)
            full.add(exponent, whole[exponent])
        out_of_fold = np.empty((self._folds, size))
        for number in range(self._folds):  # one by one: what it takes to make one is much more than the result
            at = fold == number
            rest = _Estimate(total - _sum_into(size, ids[at], rows[at]), smoothing)
            for exponent, sums in whole.items():
                rest.add(exponent, sums - _limb_sums(size, ids, limbs, at & (window == exponent)))
            out_of_fold[number] = rest.result
        return TargetEncoding(full.result, out_of_fold)

    def _add(self, part: pa.Table) -> None:
        self._parts.append(part)
        self._pending_rows += part.num_rows
        if self._pending_rows > max(_COMPACT_ROWS, self._parts[0].num_rows):
            self.to_table()


def _grouped(table: pa.Table, schema: pa.Schema) -> pa.Table:
    grouped = table.group_by(_GROUP).aggregate([(name, "sum") for name in (*_LIMBS, "rows")])
    low, middle, high = _carried(*(grouped.column(f"{name}_sum").to_numpy().astype(np.int64) for name in _LIMBS))
    limbs = [pa.array(low.astype(np.uint32)), pa.array(middle.astype(np.uint32)), pa.array(high)]
    return pa.Table.from_arrays([*map(grouped.column, _GROUP), *limbs, grouped.column("rows_sum")], schema=schema)


def _split(values: F64) -> tuple[I64, tuple[I64, I64, I64]]:
    """Return windows and limbs: value = sign * (low + middle * 2**32 + high * 2**64) * 2**(32 * window)."""
    fraction, exponent = np.frexp(values)
    exponent = exponent.astype(np.int64) - _MANTISSA_BITS
    window = exponent // _LIMB_BITS
    shift = exponent - window * _LIMB_BITS
    mantissa = np.abs(np.ldexp(fraction, _MANTISSA_BITS)).astype(np.int64)
    below, above = (mantissa & _LOW_LIMB) << shift, (mantissa >> _LIMB_BITS) << shift
    sign = np.where(values < 0, -1, 1)
    low, middle = below & _LOW_LIMB, (below >> _LIMB_BITS) + (above & _LOW_LIMB)
    return window, (sign * low, sign * middle, sign * (above >> _LIMB_BITS))


def _carried(low: I64, middle: I64, high: I64) -> tuple[I64, I64, I64]:
    """The same numbers with low and middle limbs in 0..2**32 - 1."""
    middle = middle + (low >> _LIMB_BITS)
    high = high + (middle >> _LIMB_BITS)
    return low & _LOW_LIMB, middle & _LOW_LIMB, high


def _sum_into(size: int, at: I64, values: I64) -> I64:
    sums = np.zeros(size, np.int64)
    np.add.at(sums, at, values)
    return sums


def _limb_sums(size: int, ids: I64, limbs: Sequence[I64], rows: NDArray[np.bool_]) -> I64:
    """Sum the limbs of some rows by id: int64[3, size]."""
    return np.stack([_sum_into(size, ids[rows], limb[rows]) for limb in limbs])


def _ids(keys: pa.ChunkedArray, vocabulary: FittedVocabulary) -> I64:
    position = pc.index_in(keys, value_set=vocabulary.keys).fill_null(-1).to_numpy()
    ids: I64 = np.append(vocabulary.ids, MISSING_ID)[position]  # every key was counted: what is not found is missing
    return ids


class _Estimate:
    """(sum + smoothing * mean) / (count + smoothing) along the last axis, the sums added window by window."""

    def __init__(self, counts: I64, smoothing: float) -> None:
        self._smoothing = smoothing
        self._rows = np.maximum(counts.sum(axis=-1, keepdims=True), 1)
        self._weight = counts + smoothing
        self._safe = np.where(self._weight > 0, self._weight, 1.0)
        self._mean = np.zeros(self._rows.shape)
        self._own = np.zeros(counts.shape)

    def add(self, exponent: int, limbs: I64) -> None:
        """Add sums in units of 2**(32 * exponent), divided before they are scaled: no sum overflows."""
        self._mean += np.ldexp(_float(limbs.sum(axis=-1, keepdims=True)) / self._rows, exponent * _LIMB_BITS)
        self._own += np.ldexp(_float(limbs) / self._safe, exponent * _LIMB_BITS)

    @property
    def result(self) -> F64:
        """The estimates; the mean where nothing has any weight."""
        return np.where(self._weight > 0, self._own + self._mean * (self._smoothing / self._safe), self._mean)


def _float(limbs: I64) -> F64:
    low, middle, high = (limb.astype(np.float64) for limb in _carried(*limbs))
    return (high * 2.0 ** (2 * _LIMB_BITS) + middle * 2.0**_LIMB_BITS) + low
