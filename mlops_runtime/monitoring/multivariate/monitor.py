"""Watching live rows for drift of all columns together: exact sums of every row, and a sample for the classifier."""

from __future__ import annotations

from typing import Self

from mlops_runtime.core.errors import SchemaError
from mlops_runtime.monitoring.multivariate.comparison import compare_state
from mlops_runtime.monitoring.multivariate.reference import MultivariateReference
from mlops_runtime.monitoring.multivariate.report import MultivariateReport
from mlops_runtime.monitoring.multivariate.state import MultivariateState
from mlops_runtime.monitoring.state.table import as_table

__all__ = ["MultivariateMonitor"]


class MultivariateMonitor:
    """Counts batches against a multivariate reference; memory does not grow with the data.

    merge of the parts of a stream equals one monitor that saw it whole, bit for bit. stream: another number for each
    stream of rows, such as a server's process, whose monitors are to be merged. Not safe for concurrent updates.
    """

    def __init__(self, reference: MultivariateReference, *, stream: int = 0) -> None:
        self._reference, self._stream = reference, stream
        self._next_row = 0
        self._state = MultivariateState.empty(width=reference.encoding.width, features=reference.features.size)

    @property
    def rows(self) -> int:
        """Rows counted."""
        return self._state.rows

    @property
    def state(self) -> MultivariateState:
        """What was counted so far: frozen, to keep, send or merge."""
        return self._state

    def update(self, table: object, *, first_row: int | None = None) -> Self:
        """Count a batch (any Arrow-able object).

        first_row: its place in the stream, when batches do not come in order; behind the last one unless given. Raises
        SchemaError, before anything is counted, for a column that is missing or of another kind.
        """
        reference, state = self._reference, self._state
        rows = reference.encoding.encode(as_table(table))
        start = self._next_row if first_row is None else first_row
        self._state = MultivariateState(
            state.residuals.add(reference.components.residuals(rows)),
            state.feature_sums + reference.features.sums(rows),
            state.sample.offer(rows, seed=reference.seed, stream=self._stream, first_row=start),
        )
        self._next_row = start + len(rows)
        return self

    def merge(self, other: MultivariateMonitor) -> Self:
        """Add what another monitor of the same reference counted. Raises SchemaError for another reference."""
        ours, theirs = self._reference, other._reference
        if ours is not theirs and ours.to_files() != theirs.to_files():
            raise SchemaError(
                "MultivariateMonitor.merge: expected the same reference, got another — merge like with like"
            )
        self._state = self._state.merge(other._state)
        self._next_row = max(self._next_row, other._next_row)
        return self

    def report(self) -> MultivariateReport:
        """Compare what was counted with the reference; below 30 rows there is nothing to say."""
        return compare_state(self._reference, self._state)
