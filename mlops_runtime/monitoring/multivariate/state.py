"""What a monitor has counted of all columns together: whole numbers and a sample of rows, exact and mergeable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlops_runtime.core.errors import SchemaError, problem
from mlops_runtime.monitoring.multivariate.row_sample import RowSample
from mlops_runtime.monitoring.multivariate.tally import Tally
from mlops_runtime.monitoring.state.arrays import array_of, plain

__all__ = ["MultivariateState", "merge_states"]

_MOST_SAMPLE_ROWS = 1 << 16


@dataclass(frozen=True, slots=True, eq=False)
class MultivariateState:
    """residuals: of every row. feature_sums: int64[k] over every row. sample: of the rows, for the classifier.

    reference: the digest of what it was counted against. The parts of a stream, merged in any order, give the state of
    the whole, bit for bit. A few hundred KiB at most.
    """

    reference: str
    residuals: Tally
    feature_sums: NDArray[np.int64]
    sample: RowSample

    @classmethod
    def empty(cls, reference: str, *, width: int, features: int, sample_rows: int) -> MultivariateState:
        """Return the state that saw nothing."""
        return cls(reference, Tally(), np.zeros(features, np.int64), RowSample.empty(sample_rows, width))

    @property
    def rows(self) -> int:
        """Rows counted."""
        return self.residuals.count

    def merge(self, other: MultivariateState) -> MultivariateState:
        """Return the state of both parts; its sample is as large as the smaller's may be.

        Raises SchemaError for counts against another reference.
        """
        if self.reference != other.reference:
            expected, got = f"a state of reference {self.reference[:16]}", f"one of {other.reference[:16]}"
            where, next_step = "MultivariateState.merge", "merge like with like"
            raise SchemaError(problem(expected=expected, got=got, where=where, next_step=next_step))
        return MultivariateState(
            self.reference,
            self.residuals.merge(other.residuals),
            self.feature_sums + other.feature_sums,
            self.sample.merge(other.sample),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain values; equal states give equal values."""
        return {
            "reference": self.reference,
            "residuals": self.residuals.to_dict(),
            "feature_sums": plain(self.feature_sums),
            "sample_keys": plain(self.sample.keys),
            "sample_rows": plain(self.sample.rows),
            "most_sample_rows": self.sample.capacity,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], *, where: str) -> MultivariateState:
        """Read what `to_dict` wrote. Raises SchemaError, KeyError, TypeError or ValueError for anything else."""
        residuals, capacity = Tally.from_dict(values["residuals"]), int(values["most_sample_rows"])
        if not 0 < capacity <= _MOST_SAMPLE_ROWS:
            raise ValueError(f"a sample of {capacity} rows")
        keys = array_of(values["sample_keys"], "u8", (min(residuals.count, capacity),), where=where)
        rows = array_of(values["sample_rows"], "i2", (len(keys), None), where=where)
        sums = array_of(values["feature_sums"], "i8", (None,), where=where)
        if not isinstance(values["reference"], str):
            raise TypeError(f"reference {values['reference']!r}")
        return cls(values["reference"], residuals, sums, RowSample(capacity, keys, rows))


def merge_states(one: MultivariateState | None, other: MultivariateState | None) -> MultivariateState | None:
    """Return the state of both parts of a window, of which either may have none.

    Of two references the one of the lesser digest is kept: the same in any order.
    """
    if one is None or other is None:
        return other if one is None else one
    return one.merge(other) if one.reference == other.reference else min(one, other, key=lambda each: each.reference)
