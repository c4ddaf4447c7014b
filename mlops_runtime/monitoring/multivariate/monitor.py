"""Watching live rows for drift of all columns together: exact sums of every row, and a sample for the classifier."""

from __future__ import annotations

from typing import Self

from mlops_runtime.monitoring.multivariate.comparison import compare_state
from mlops_runtime.monitoring.multivariate.encoded_rows import RowEncoder
from mlops_runtime.monitoring.multivariate.reference import MultivariateReference
from mlops_runtime.monitoring.multivariate.report import MultivariateReport
from mlops_runtime.monitoring.multivariate.state import MultivariateState
from mlops_runtime.monitoring.state.table import as_table

__all__ = ["MultivariateMonitor"]

_SAMPLE_ROWS = 2048
_BLOCK_ROWS = 8192  # encoded at a time, lest memory grow with the batch


class MultivariateMonitor:
    """Counts batches against a multivariate reference; memory does not grow with the data.

    merge of the parts of a stream equals one monitor that saw it whole, bit for bit. stream: another number for each
    stream of rows, such as a server's process, whose monitors are to be merged. Not safe for concurrent updates.
    """

    def __init__(self, reference: MultivariateReference, *, stream: int = 0) -> None:
        self._encoder = RowEncoder(reference, stream=stream)
        self._state = self._encoder.empty_state(sample_rows=_SAMPLE_ROWS)

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
        batch, state = as_table(table), self._state
        start = self._encoder.next_row if first_row is None else first_row
        for begin in range(0, max(1, batch.num_rows), _BLOCK_ROWS):
            encoded = self._encoder.encode(batch.slice(begin, _BLOCK_ROWS), first_row=start + begin)
            state = encoded.add_to(state, 0, len(encoded.rows))
        self._state = state
        return self

    def merge(self, other: MultivariateMonitor) -> Self:
        """Add what another monitor of the same reference counted. Raises SchemaError for another reference."""
        self._state = self._state.merge(other._state)
        self._encoder.next_row = max(self._encoder.next_row, other._encoder.next_row)
        return self

    def report(self) -> MultivariateReport:
        """Compare what was counted with the reference; below 30 rows there is nothing to say."""
        return compare_state(self._encoder.reference, self._state)
