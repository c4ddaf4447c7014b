"""Rows of a stream as a reference measures them, each with the key that decides whether it is sampled."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlops_runtime.kernels.permutation.reference import keyed_words
from mlops_runtime.monitoring.multivariate.reference import MultivariateReference
from mlops_runtime.monitoring.multivariate.state import MultivariateState
from mlops_runtime.monitoring.state.table import as_table

__all__ = ["EncodedRows", "RowEncoder"]


@dataclass(frozen=True, slots=True, eq=False)
class EncodedRows:
    """rows: int16[n, width], keys: uint64[n], both of one reference: encoded once, counted in any parts."""

    reference: MultivariateReference
    rows: NDArray[np.int16]
    keys: NDArray[np.uint64]

    def take(self, order: NDArray[np.int64]) -> EncodedRows:
        """Return these of the rows, in this order."""
        return EncodedRows(self.reference, self.rows[order], self.keys[order])

    def add_to(self, state: MultivariateState, begin: int, end: int) -> MultivariateState:
        """Return the state with the rows from `begin` up to `end`, too."""
        rows = self.rows[begin:end]
        return MultivariateState(
            state.reference,
            state.residuals.add(self.reference.components.residuals(rows)),
            state.feature_sums + self.reference.features.sums(rows),
            state.sample.offer(rows, self.keys[begin:end]),
        )


class RowEncoder:
    """Encodes the batches of one stream against a reference.

    stream: another number for each stream whose counts are to be merged, such as a server's process. A row's key
    follows from its stream and its place there. next_row: the place of the row to come.
    """

    def __init__(self, reference: MultivariateReference, *, stream: int = 0) -> None:
        self.reference, self.next_row = reference, 0
        self._stream = stream

    def encode(self, table: object, *, first_row: int | None = None) -> EncodedRows:
        """Encode the next rows (any Arrow-able object). first_row: their place, when batches do not come in order.

        Raises SchemaError for a column that is missing or of another kind.
        """
        rows = self.reference.encoding.encode(as_table(table))
        start = self.next_row if first_row is None else first_row
        self.next_row = start + len(rows)
        return EncodedRows(self.reference, rows, keyed_words(self.reference.seed, self._stream, start, len(rows)))

    def empty_state(self, *, sample_rows: int) -> MultivariateState:
        """Return the state that has counted nothing. sample_rows: how many rows it keeps for the classifier."""
        width, features = self.reference.encoding.width, self.reference.features.size
        return MultivariateState.empty(self.reference.digest, width=width, features=features, sample_rows=sample_rows)
