"""From findings to what people read: whose row it is, what it recorded, and what it should have."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mlops_runtime.features.leaks.explain import EVERY, Differences
from mlops_runtime.features.leaks.recorded import Recorded, TrainingSet
from mlops_runtime.features.leaks.report import KINDS, Leak
from mlops_runtime.features.tables import MISSING_TIME

__all__ = ["list_leaks"]


def list_leaks(
    findings: NDArray[np.void], training: TrainingSet, recorded: Recorded, expected: pa.Table, differences: Differences
) -> tuple[Leak, ...]:
    """Return the findings, in their order, with keys and values. expected: the join of the training set's rows."""
    table, rows = recorded.table, pa.array(findings["row"])
    keys = training.table.select(list(table.joins_on)).take(rows).to_pylist()
    names = list(recorded.columns)
    ours = _values(training.table, [recorded.columns[name] for name in names], names, rows)
    theirs = _values(expected, [table.output_name(name) for name in names], names, rows)
    leaks = []
    for place, found in enumerate(findings):
        row, feature = int(found["row"]), int(found["feature"])
        wrong = [name for name in names if differences.wrong[name][row]] if feature == EVERY else [names[feature]]
        leak = Leak(
            row=int(training.numbers[row]),
            table=table.name,
            kind=KINDS[found["kind"]],
            features=tuple(wrong),
            key=keys[place],
            time=_time(training.times[row]),
            event=_time(found["event"]),
            available=_time(found["available"]),
            recorded={name: ours[place][name] for name in wrong},
            expected={name: theirs[place][name] for name in wrong},
        )
        leaks.append(leak)
    return tuple(leaks)


def _values(table: pa.Table, columns: list[str], names: list[str], rows: pa.Array) -> list[dict[str, Any]]:
    taken = [table.column(column).take(rows) for column in columns]
    values: list[dict[str, Any]] = pa.Table.from_arrays(taken, names=names).to_pylist()
    return values


def _time(microseconds: np.int64) -> int | None:
    return None if microseconds == MISSING_TIME else int(microseconds)
