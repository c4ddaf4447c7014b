"""What drift of all inputs together will be told by: fitted on the rows that the model learned from."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from mlops_runtime.core.errors import EmptyInputError, SchemaError
from mlops_runtime.monitoring import Baseline
from mlops_runtime.monitoring.multivariate import MultivariateReference
from mlops_runtime.training.prepare import Prepared

__all__ = ["Together", "fit_multivariate"]


@dataclass(frozen=True, slots=True)
class Together:
    """reference: None where it cannot be fitted; notes then say why."""

    reference: MultivariateReference | None
    notes: tuple[str, ...] = ()


def fit_multivariate(prepared: Prepared, baseline: Baseline, *, seed: int) -> Together:
    """Fit on at most 16,384 of the training rows, drawn at random: 0.4 to 1 CPU-seconds, 0.8 to 2.4 MB.

    Inputs that the baseline counts as categories are categories here. There is no reference where there is nothing but
    times, or too many inputs (256 numbers, or some thirty columns of categories).
    """
    names = prepared.program.schema.names
    rows = prepared.table.select(list(names)).take(pa.array(prepared.split.train))
    summaries = ((name, baseline.columns.get(name)) for name in names)
    categorical = [name for name, one in summaries if one is not None and one.kind == "categorical"]
    try:
        return Together(MultivariateReference.fit(rows, categorical=categorical, seed=seed))
    except (EmptyInputError, SchemaError) as error:
        return Together(None, (f"the bundle does not know its inputs together: {error}",))
