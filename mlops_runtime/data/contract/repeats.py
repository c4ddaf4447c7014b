"""Which rows repeat an earlier one: decided in the stream, without a look back at the data.

A key is kept as 128 bits, however long it is, in a hash table at most five eighths full: 26 to 52 bytes a distinct key,
and half as much again while the table grows. 10 million distinct keys take 256 MiB.
Nothing is missed: rows with one key are always told. Of n different keys two count as one with probability below
n**2 / 2**128 (10 million: 3e-25); the hash is seeded afresh for every check, so nobody can choose them beforehand.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mlops_runtime._native import ArrowTable, hash_values
from mlops_runtime.data.conform import is_text
from mlops_runtime.data.contract.values import Mask, Reading

__all__ = ["Repeats"]

_Words = list[NDArray[np.uint64]]

_LEAST_SLOTS = 1 << 12
_FULL = 5 / 8
_MOVED = 1 << 18  # slots at a time
_SEED_BITS = 64
_EXACT = 2.0**53
_LAST_BITS = (1 << 12) - 1  # float64 rounds whole numbers of 64 bits to the next 2**11 at most


class Repeats:
    """The keys of all batches so far: open addressing with linear probing, a batch of keys at a time."""

    def __init__(self) -> None:
        self._seeds = (secrets.randbits(_SEED_BITS), secrets.randbits(_SEED_BITS))
        self._table = _empty(_LEAST_SLOTS)
        self._keys = 0

    def update(self, readings: Sequence[Reading]) -> Mask:
        """Add a batch, of which the columns together are the key; return which rows repeat an earlier one.

        A row with a missing or unreadable part is not compared. The kinds of the columns are the same in every batch.
        """
        absent = np.logical_or.reduce([reading.missing | reading.unreadable for reading in readings])
        rows = np.flatnonzero(~absent)
        repeated = np.zeros(len(absent), np.bool_)
        if len(rows):
            words = [word[rows] for word in _words(readings, self._seeds)]
            self._reserve(len(rows))
            repeated[rows] = True
            repeated[rows[self._add(words)]] = False
        return repeated

    def _add(self, words: _Words) -> NDArray[np.int64]:
        """Add keys for which there is room; return where each new one comes first."""
        slots, is_new = _place(self._table, words)
        new = np.flatnonzero(is_new)
        shift = int(new[-1]).bit_length() if len(new) else 0
        claims = np.sort(slots[new] << shift | new)  # by slot, then by row
        taken = claims >> shift
        is_first = np.append(True, taken[1:] != taken[:-1])[: len(new)]
        first: NDArray[np.int64] = claims[is_first] & ((1 << shift) - 1)
        self._keys += len(first)
        return first

    def _reserve(self, keys: int) -> None:
        old, slots = self._table, len(self._table[0])
        while self._keys + keys > _FULL * slots:
            slots *= 2
        if slots > len(old[0]):
            self._table = _empty(slots)
            for start in range(0, len(old[0]), _MOVED):
                part = [word[start : start + _MOVED] for word in old]
                _place(self._table, [word[part[0] != 0] for word in part])


def _empty(slots: int) -> _Words:
    return [np.zeros(slots, np.uint64) for _ in range(2)]


def _place(table: _Words, words: _Words) -> tuple[NDArray[np.int64], Mask]:
    """Find or insert keys; return the slot of each, and whether it was not there before.

    The rows of one key walk together, so that all of them or none see it as new. Of different keys that claim one
    slot the last gets it, and the others walk on.
    """
    last = len(table[0]) - 1
    slots = (words[0] & np.uint64(last)).astype(np.int64)
    is_new = np.zeros(len(slots), np.bool_)
    walking = np.arange(len(slots))
    while len(walking):
        here = slots[walking]
        empty = table[0][here] == 0
        claims = walking[empty]
        is_new[claims] = True
        for column, word in zip(table, words, strict=True):
            column[here[empty]] = word[claims]
        there = np.logical_and.reduce(
            [column[here] == word[walking] for column, word in zip(table, words, strict=True)]
        )
        walking = walking[~there]
        slots[walking] = (slots[walking] + 1) & last
    return slots, is_new


def _words(readings: Sequence[Reading], seeds: Sequence[int]) -> _Words:
    """Return 128 bits for each row's key, the first 64 of them not 0: equal bits, equal values in every column."""
    parts = [part for reading in readings for part in _parts(reading.values)]
    table = ArrowTable(pa.table({str(place): part for place, part in enumerate(parts)}))
    first, second = (hash_values(table, list(range(len(parts))), seed) for seed in seeds)
    return [np.maximum(first, 1), second]


def _parts(values: pa.Array) -> Iterator[pa.Array]:
    """Yield what tells a value from every other of its kind, whatever type it came in: 5 and 5.0 are one number."""
    if is_text(values.type):
        yield values
    elif pa.types.is_timestamp(values.type):
        yield values.cast(pa.int64())
    else:
        numbers = values.cast(pa.float64(), safe=False).fill_null(0.0).to_numpy(zero_copy_only=False)
        yield pa.array((numbers + 0.0).view(np.int64))  # -0.0 + 0.0 is 0.0
        if pa.types.is_integer(values.type) and values.type.bit_width == 64:
            yield _rounded_off(values, numbers)
        else:
            yield pa.array(np.zeros(len(values), np.int64))


def _rounded_off(values: pa.Array, numbers: NDArray[np.float64]) -> pa.Array:
    """The last bits of whole numbers that are none of float64's: those of one float64 differ in them."""
    whole = values.fill_null(0).to_numpy(zero_copy_only=False)
    return pa.array(np.where(np.abs(numbers) < _EXACT, 0, whole & whole.dtype.type(_LAST_BITS)).astype(np.int64))
