"""One pass over a feature table that finds the rows which hold what training rows recorded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mlops_runtime.data import Batch, Source
from mlops_runtime.features.join.streams import mapped
from mlops_runtime.features.join.values import fetch
from mlops_runtime.features.leaks.candidates import Candidates, Holders
from mlops_runtime.features.leaks.comparable import Form, codes, comparable
from mlops_runtime.features.leaks.recorded import Recorded, TrainingSet
from mlops_runtime.features.leaks.wanted import Wanted
from mlops_runtime.features.tables import MISSING_TIME, FeatureTable, FeatureTimes

__all__ = ["Answer", "Question", "search"]


@dataclass(frozen=True, slots=True)
class Question:
    """Which feature row holds these features as recorded, and the same key?

    rows: int64, the places in the training set of those for which it is asked; they have key and time.
    """

    recorded: Recorded
    features: tuple[str, ...]
    training: TrainingSet
    rows: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Answer:
    """For each row of a question the feature row chosen, by `Candidates`. ordinal: NOBODY where no row agrees.

    int64[rows] each; event and available in microseconds, MISSING_TIME where no row agrees.
    """

    ordinal: NDArray[np.int64]
    event: NDArray[np.int64]
    available: NDArray[np.int64]


def search(questions: Sequence[Question]) -> list[Answer]:
    """Answer questions about one feature table, in a pass over it and one over the times of the rows that were found.

    Memory is for the training rows and a few batches. Without a question nothing is read.
    """
    if not questions:
        return []
    features = dict.fromkeys(feature for question in questions for feature in question.features)
    table = replace(questions[0].recorded.table, features=tuple(features))
    past = table.narrowed(table.schema.names)
    types = past.arrow_schema if isinstance(past, Source) else past.table.schema
    searches = [_Search(question, types) for question in questions]

    def look(batch: Batch) -> list[Holders]:
        times, ordinals = table.times(batch.table), batch.row_numbers()
        return [each.holders(batch.table, times, ordinals) for each in searches]

    for found in mapped(past, look) if isinstance(past, Source) else map(look, table.batches()):
        for each, holders in zip(searches, found, strict=True):
            each.candidates.add(holders)
    return [_timed(table, each.candidates.choice()) for each in searches]


class _Search:
    def __init__(self, question: Question, types: pa.Schema) -> None:
        self._forms: dict[str, Form] = {}
        columns, wanted = question.recorded.pairs(question.features), {}
        rows = question.training.table.select(list(set(columns.values()))).take(pa.array(question.rows))
        for name, column in columns.items():
            self._forms[name], wanted[name] = comparable(rows.column(column), types.field(name).type, column)
        self._wanted = Wanted(pa.table(wanted))
        self.candidates = Candidates(self._wanted.number_of, question.training.times[question.rows])

    def holders(self, table: pa.Table, times: FeatureTimes, ordinals: NDArray[np.int64]) -> Holders:
        """Return the rows that hold what was asked for, and have times."""
        rows = pa.table({name: codes(table.column(name), form) for name, form in self._forms.items()})
        found, numbers = self._wanted.find(rows)
        timed = times.available[found] != MISSING_TIME
        found = found[timed]
        return Holders(numbers[timed], ordinals[found], times.event[found], times.known[found])


def _timed(table: FeatureTable, ordinals: NDArray[np.int64]) -> Answer:
    names = dict.fromkeys(name for name in (table.event_time, table.known_time) if name is not None)
    times = table.times(fetch(table.narrowed(list(names)), ordinals, lambda _: None))
    return Answer(ordinals, times.event, times.available)
