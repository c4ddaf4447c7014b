"""What a monitor has counted of all columns together: whole numbers and a sample of rows, exact and mergeable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlops_runtime.monitoring.multivariate.row_sample import RowSample
from mlops_runtime.monitoring.multivariate.tally import Tally
from mlops_runtime.monitoring.state.arrays import array_of, plain

__all__ = ["MultivariateState"]

_SAMPLE_ROWS = 2048


@dataclass(frozen=True, slots=True, eq=False)
class MultivariateState:
    """residuals: of every row. feature_sums: int64[k] over every row. sample: of the rows, for the classifier.

    The parts of a stream, merged in any order, give the state of the whole, bit for bit. A few hundred KiB at most.
    """

    residuals: Tally
    feature_sums: NDArray[np.int64]
    sample: RowSample

    @classmethod
    def empty(cls, *, width: int, features: int) -> MultivariateState:
        """Return the state that saw nothing."""
        return cls(Tally(), np.zeros(features, np.int64), RowSample.empty(_SAMPLE_ROWS, width))

    @property
    def rows(self) -> int:
        """Rows counted."""
        return self.residuals.count

    def merge(self, other: MultivariateState) -> MultivariateState:
        """Return the state of both parts, counted against one reference."""
        return MultivariateState(
            self.residuals.merge(other.residuals),
            self.feature_sums + other.feature_sums,
            self.sample.merge(other.sample),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain values; equal states give equal values."""
        return {
            "residuals": self.residuals.to_dict(),
            "feature_sums": plain(self.feature_sums),
            "sample_keys": plain(self.sample.keys),
            "sample_rows": plain(self.sample.rows),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], *, width: int, features: int, where: str) -> MultivariateState:
        """Read what `to_dict` wrote. Raises SchemaError, KeyError, TypeError or ValueError for anything else."""
        residuals = Tally.from_dict(values["residuals"])
        keys = array_of(values["sample_keys"], "u8", (min(residuals.count, _SAMPLE_ROWS),), where=where)
        rows = array_of(values["sample_rows"], "i2", (len(keys), width), where=where)
        sums = array_of(values["feature_sums"], "i8", (features,), where=where)
        return cls(residuals, sums, RowSample(_SAMPLE_ROWS, keys, rows))
