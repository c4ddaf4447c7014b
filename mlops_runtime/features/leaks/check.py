"""The leak check: a training set against what a point-in-time join gives for its keys and times."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mlops_runtime.data import Source
from mlops_runtime.features.join import join
from mlops_runtime.features.leaks.comparable import codes, comparable, differ
from mlops_runtime.features.leaks.explain import Differences, explain
from mlops_runtime.features.leaks.listing import list_leaks
from mlops_runtime.features.leaks.recorded import Recorded, TrainingSet, match_columns, read_training
from mlops_runtime.features.leaks.report import KINDS, Leak, LeakReport, TableLeaks
from mlops_runtime.features.tables import FeatureTable, timed_frame

__all__ = ["find_leaks"]


def find_leaks(
    training: Source | Any,
    tables: Sequence[FeatureTable],
    *,
    entity_time: str,
    columns: Mapping[str, str] | None = None,
    limit: int = 100,
    progress: Callable[[str, float], None] = lambda *_: None,
) -> LeakReport:
    """Compare a training set with the join it should have come from, and say where each wrong value was taken from.

    training: a data set or a data frame with the keys, a time and recorded features, however it was made. tables: the
    feature tables. entity_time: the column with the time at which a row's values had to be known. columns: for features
    that are called neither `table__feature` nor, if that is unambiguous, by their own name: {"table__feature": column}.
    limit: how many wrong rows are listed; all are counted. progress: called with a stage and the share that is done.

    A value is right when it equals that of the join: missing (null, NaN, "") equals missing, -0.0 equals 0.0, and where
    one of the two is of a narrower float type, both are rounded to it. A wrong row is explained by a feature row of its
    key that holds all values recorded of the table, else value by value, and always as innocently as possible: as
    values of the future only if no row that was available at the time holds them. Rows are found by hash and compared
    in full, so nothing is reported that is not so.

    Feature tables stream, once for the join and, when something is wrong, once or twice more; memory is for the
    training set and one table's features of it. Raises as `match_columns` and `read_training` do, and as `join`.

    >>> prices = pa.table({"item": [7, 7], "since": ["2024-01-01", "2024-02-01"], "price": [10.0, 30.0]})
    >>> table = FeatureTable("prices", prices, ("item",), "since")
    >>> training = pa.table({"item": [7, 7], "sold": ["2024-01-05", "2024-02-05"], "price": [30.0, 30.0]})
    >>> report = find_leaks(training, [table], entity_time="sold")
    >>> report.leaks, [(leak.row, leak.kind, leak.recorded, leak.expected) for leak in report.listed]
    (1, [(0, 'future', {'price': 30.0}, {'price': 10.0})])
    """
    opened = training if isinstance(training, Source) else timed_frame(training, (entity_time,))
    matched, notes = match_columns(opened.schema.names, tables, entity_time, columns or {})
    progress("reading the training set", 0.0)
    rows, found = read_training(opened, entity_time, matched), []
    for done, recorded in enumerate(matched):
        progress(f"checking {recorded.table.name}", (done + 1) / (len(matched) + 1))
        found.append(_check_table(rows, recorded, limit))
    every = sorted(itertools.chain(*(table.listed for table in found)), key=_gravest_first)
    return LeakReport(rows.table.num_rows, tuple(found), tuple(every[:limit]), notes)


def _check_table(training: TrainingSet, recorded: Recorded, limit: int) -> TableLeaks:
    table = recorded.table
    entities = training.table.select(list(dict.fromkeys((*table.joins_on, training.entity_time))))
    expected = join(entities, [table], entity_time=training.entity_time).table
    differences = _differences(training, recorded, expected)
    findings = explain(training, recorded, differences)
    rows = {kind: _rows_of(training, findings[findings["kind"] == place]) for place, kind in enumerate(KINDS)}
    listed = list_leaks(findings, limit, training, recorded, expected, differences)
    return TableLeaks(table.name, dict(recorded.columns), rows, listed)


def _differences(training: TrainingSet, recorded: Recorded, expected: pa.Table) -> Differences:
    wrong, blank = {}, {}
    for feature, column in recorded.columns.items():
        values = expected.column(recorded.table.output_name(feature))
        form, ours = comparable(training.table.column(column), values.type, column)
        wrong[feature] = differ(ours, codes(values, form))
        blank[feature] = ours.is_null().to_numpy(zero_copy_only=False)
    return Differences(wrong, blank)


def _rows_of(training: TrainingSet, findings: NDArray[np.void]) -> NDArray[np.int64]:
    found = np.zeros(len(training.numbers), np.bool_)
    found[findings["row"]] = True
    return training.numbers[found]


def _gravest_first(leak: Leak) -> tuple[int, int]:
    return KINDS.index(leak.kind), leak.row
