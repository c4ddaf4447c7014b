"""Where wrong values of a training set came from: the feature rows that hold them, and what kind of leak that makes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlops_runtime.features.leaks.candidates import NOBODY
from mlops_runtime.features.leaks.recorded import Recorded, TrainingSet
from mlops_runtime.features.leaks.report import KINDS, LeakKind
from mlops_runtime.features.leaks.search import Answer, Question, search
from mlops_runtime.features.tables import MISSING_TIME

__all__ = ["EVERY", "FINDING", "Differences", "explain"]

EVERY = -1  # instead of a feature: all that are wrong in the row

# A wrong row, by its place in the training set: the place of its kind in KINDS, of a feature among those recorded, and
# the times of the feature row that holds what was recorded (MISSING_TIME if none).
FINDING = np.dtype([(name, np.int64) for name in ("row", "kind", "feature", "event", "available")])

Ints = NDArray[np.int64]
Findings = NDArray[np.void]


@dataclass(frozen=True, slots=True)
class Differences:
    """For each recorded feature, bool[rows]: where its value is not the join's, and where nothing is recorded."""

    wrong: Mapping[str, NDArray[np.bool_]]
    blank: Mapping[str, NDArray[np.bool_]]


def explain(training: TrainingSet, recorded: Recorded, differences: Differences) -> Findings:
    """Return FINDING[found] about every row that has a wrong value of a feature table, in any order.

    A row is one finding, if a feature row holds everything recorded in it; else each of its wrong values is one.
    """
    suspects = np.flatnonzero(np.any(list(differences.wrong.values()), axis=0))
    blank = np.all([marks[suspects] for marks in differences.blank.values()], axis=0)
    has_key = training.has_key(recorded.table.joins_on)[suspects]
    whole = _ask({EVERY: Question(recorded, tuple(recorded.columns), training, suspects[has_key & ~blank])})
    is_open = (whole["kind"] == KINDS.index("unexplained")) & (len(recorded.columns) > 1)
    one_by_one = _by_feature(training, recorded, differences, whole["row"][is_open])
    keyless = _of_kind("unexplained", suspects[~has_key & ~blank])
    return np.concatenate([_of_kind("missing", suspects[blank]), keyless, whole[~is_open], one_by_one])


def _by_feature(training: TrainingSet, recorded: Recorded, differences: Differences, rows: Ints) -> Findings:
    """Explain the wrong values of these rows one by one."""
    missing, questions = [], {}
    for place, name in enumerate(recorded.columns):
        wrong = rows[differences.wrong[name][rows]]
        blank = differences.blank[name][wrong]
        missing.append(_of_kind("missing", wrong[blank], place))
        questions[place] = Question(recorded, (name,), training, wrong[~blank])
    return np.concatenate([*missing, _ask(questions)])


def _ask(questions: Mapping[int, Question]) -> Findings:
    """Return the findings that answer the questions, each about the feature of that place or about EVERY one."""
    asked = {place: question for place, question in questions.items() if len(question.rows)}
    found = [np.empty(0, FINDING)]
    for (place, question), answer in zip(asked.items(), search(list(asked.values())), strict=True):
        found.append(_classified(question, answer))
        found[-1]["feature"] = place
    return np.concatenate(found)


def _classified(question: Question, answer: Answer) -> Findings:
    found = _of_kind("unexplained", question.rows)
    times, ttl_us = question.training.times[question.rows], question.recorded.table.ttl_us
    is_there = answer.ordinal != NOBODY
    in_time, happened = answer.available <= times, answer.event <= times
    holds = np.ones(len(times), np.bool_) if ttl_us is None else times - answer.event <= ttl_us
    cases: dict[LeakKind, NDArray[np.bool_]] = {
        "superseded": in_time & holds,
        "stale": in_time & ~holds,
        "late": ~in_time & happened,
        "future": ~in_time & ~happened,
    }
    for kind, marks in cases.items():
        found["kind"][marks & is_there] = KINDS.index(kind)
    found["event"], found["available"] = answer.event, answer.available
    return found


def _of_kind(kind: LeakKind, rows: Ints, feature: int = EVERY) -> Findings:
    found = np.empty(len(rows), FINDING)
    found["row"], found["kind"], found["feature"] = rows, KINDS.index(kind), feature
    found["event"] = found["available"] = MISSING_TIME
    return found
