"""From findings to what people read: whose row it is, what it recorded, and what it should have."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mlops_runtime.features.leaks.explain import EVERY, Differences
from mlops_runtime.features.leaks.recorded import Recorded, TrainingSet
from mlops_runtime.features.leaks.report import KINDS, Leak
from mlops_runtime.features.tables import MISSING_TIME

__all__ = ["list_leaks"]

_SOURCE = ("kind", "row", "event", "available")


def list_leaks(
    findings: NDArray[np.void],
    limit: int,
    training: TrainingSet,
    recorded: Recorded,
    expected: pa.Table,
    differences: Differences,
) -> tuple[Leak, ...]:
    """Return the `limit` gravest findings, those with one source in a row as one. expected: the join of the rows."""
    table, names = recorded.table, list(recorded.columns)
    groups = _by_source(findings, limit)
    rows = pa.array([int(group["row"][0]) for group in groups], pa.int64())
    keys = training.table.select(list(table.joins_on)).take(rows).to_pylist()
    ours = _values(training.table, [recorded.columns[name] for name in names], names, rows)
    theirs = _values(expected, [table.output_name(name) for name in names], names, rows)
    leaks = []
    for place, group in enumerate(groups):
        row = int(group["row"][0])
        every = [name for name in names if differences.wrong[name][row]]
        wrong = every if group["feature"][0] == EVERY else [names[feature] for feature in group["feature"]]
        leak = Leak(
            row=int(training.numbers[row]),
            table=table.name,
            kind=KINDS[group["kind"][0]],
            features=tuple(wrong),
            key=keys[place],
            time=_time(training.times[row]),
            event=_time(group["event"][0]),
            available=_time(group["available"][0]),
            recorded={name: ours[place][name] for name in wrong},
            expected={name: theirs[place][name] for name in wrong},
        )
        leaks.append(leak)
    return tuple(leaks)


def _by_source(findings: NDArray[np.void], limit: int) -> list[NDArray[np.void]]:
    """Return the findings about each row from one source, those of the gravest kinds first, `limit` of them."""
    ordered = findings[np.lexsort([findings[name] for name in ("feature", *_SOURCE[::-1])])]
    is_new = np.zeros(len(ordered), np.bool_)
    is_new[:1] = True
    for name in _SOURCE:
        is_new[1:] |= np.diff(ordered[name]) != 0
    starts = [*np.flatnonzero(is_new)[: limit + 1].tolist(), len(ordered)]
    return [ordered[start:stop] for start, stop in itertools.pairwise(starts[: limit + 1])]


def _values(table: pa.Table, columns: list[str], names: list[str], rows: pa.Array) -> list[dict[str, Any]]:
    taken = [table.column(column).take(rows) for column in columns]
    values: list[dict[str, Any]] = pa.Table.from_arrays(taken, names=names).to_pylist()
    return values


def _time(microseconds: np.int64) -> int | None:
    return None if microseconds == MISSING_TIME else int(microseconds)
