"""Which rows of a feature table hold one of the combinations of key and values that a training set recorded."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mlops_runtime._native import ArrowTable, SparsePlan, Vocabulary, VocabularyIds, hash_values
from mlops_runtime.features.leaks.comparable import differ

__all__ = ["Wanted"]

_FIRST_ID = 3  # of a Vocabulary: those below mean that a key is not in it


class Wanted:
    """The distinct rows of a table of codes, to be found again in other tables of the same columns.

    Rows are found by a 64-bit hash and then compared, code by code, so no two of them are ever mistaken for each other;
    the seed is one that gives the wanted rows different hashes. Missing equals missing.

    >>> wanted = Wanted(pa.table({"key": [7, 7, 8], "value": [1, 1, None]}))
    >>> wanted.number_of.tolist()
    [0, 0, 1]
    >>> rows, numbers = wanted.find(pa.table({"key": [8, 7, 7], "value": [None, 2, 1]}))
    >>> rows.tolist(), numbers.tolist()
    ([0, 2], [1, 0])
    """

    def __init__(self, rows: pa.Table) -> None:
        self._seed = 0
        while True:
            hashes, first, inverse = np.unique(_hashes(rows, self._seed), return_index=True, return_inverse=True)
            numbers = np.argsort(np.argsort(first))  # by first appearance, whatever the hashes are
            self.number_of: NDArray[np.int64] = numbers[inverse]
            self._distinct = rows.take(pa.array(np.sort(first)))
            if _equal(rows, self._distinct.take(pa.array(self.number_of))).all():
                break
            self._seed += 1
        keys = ArrowTable(pa.table({"hash": hashes.view(np.int64)}))
        self._ids = SparsePlan([VocabularyIds(0, Vocabulary(keys, numbers + _FIRST_ID))])

    def __len__(self) -> int:
        return int(self._distinct.num_rows)

    def find(self, rows: pa.Table) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return (which of the rows are wanted, the numbers of the wanted rows that they equal), both int64[found]."""
        hashes = _hashes(rows, self._seed).view(np.int64)
        ids = self._ids.run(ArrowTable(pa.table({"hash": hashes}))).ravel()
        found = np.flatnonzero(ids >= _FIRST_ID)
        numbers = ids[found] - _FIRST_ID
        equal = _equal(rows.take(pa.array(found)), self._distinct.take(pa.array(numbers)))
        return found[equal], numbers[equal]


def _hashes(rows: pa.Table, seed: int) -> NDArray[np.uint64]:
    return hash_values(ArrowTable(rows), list(range(rows.num_columns)), seed)


def _equal(rows: pa.Table, others: pa.Table) -> NDArray[np.bool_]:
    equal = np.ones(rows.num_rows, np.bool_)
    for one, other in zip(rows.columns, others.columns, strict=True):
        equal &= ~differ(one, other)
    return equal
