"""A reference as one file: the baseline, and beside it, where asked for, what all columns together are told by."""

from __future__ import annotations

import json
from dataclasses import dataclass

from mlops_runtime.core.digest import canonical_json
from mlops_runtime.monitoring.multivariate import MULTIVARIATE_FILE, MultivariateReference
from mlops_runtime.monitoring.state.baseline import Baseline

__all__ = ["ReferenceFile"]

_BASELINE_FILE = "baseline.json"
_MULTIVARIATE = "multivariate"


@dataclass(frozen=True, slots=True)
class ReferenceFile:
    """A baseline document, in which the multivariate reference is one key more: readers of baselines pass it over."""

    baseline: Baseline
    multivariate: MultivariateReference | None = None

    def to_bytes(self) -> bytes:
        """Return the file; the same reference gives the same bytes."""
        data = self.baseline.to_files()[_BASELINE_FILE]
        if self.multivariate is None:
            return data
        together = json.loads(self.multivariate.to_files()[MULTIVARIATE_FILE])
        return canonical_json({**json.loads(data), _MULTIVARIATE: together})

    @classmethod
    def from_bytes(cls, data: bytes) -> ReferenceFile:
        """Read what `to_bytes` wrote. Raises SchemaError for anything else."""
        baseline = Baseline.from_files({_BASELINE_FILE: data})
        together = json.loads(data).get(_MULTIVARIATE)
        if together is None:
            return cls(baseline)
        return cls(baseline, MultivariateReference.from_files({MULTIVARIATE_FILE: canonical_json(together)}))
