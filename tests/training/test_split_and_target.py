"""How rows are held out, and how a target column is understood."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from mlops_runtime.core.errors import DataError, EmptyInputError
from mlops_runtime.training.labels import alike_notes, match_labels
from mlops_runtime.training.split import Split, random_split, time_order, time_split
from mlops_runtime.training.target import Labels, read_labels, understand_target


def column(*values: object) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(list(values))])


def parts_of(split: Split) -> list[np.ndarray]:
    return [split.train, split.validation, split.test]


def test_every_row_is_in_exactly_one_part() -> None:
    strata = np.random.default_rng(0).integers(0, 5, 1003)
    for split in (random_split(strata, seed=1), time_split(strata, column="t")):
        assert np.array_equal(np.sort(np.concatenate(parts_of(split))), np.arange(1003))


def test_a_random_split_keeps_class_shares_and_repeats_with_its_seed() -> None:
    strata = (np.arange(1000) % 10 == 0).astype(np.int64)
    first, again, other = (random_split(strata, seed=seed) for seed in (1, 1, 2))
    assert [len(part) for part in parts_of(first)] == [700, 150, 150]
    assert [int(strata[part].sum()) for part in parts_of(first)] == [70, 15, 15]
    assert np.array_equal(first.test, again.test)
    assert not np.array_equal(first.test, other.test)


def test_a_class_of_three_rows_is_in_every_part_and_one_of_two_rows_is_trained_on() -> None:
    strata = np.array([0] * 95 + [1] * 3 + [2] * 2)
    split = random_split(strata, seed=0)
    assert [int((strata[part] == 1).sum()) for part in parts_of(split)] == [1, 1, 1]
    assert [int((strata[part] == 2).sum()) for part in parts_of(split)] == [2, 0, 0]


def test_a_time_split_trains_on_the_past_and_tests_on_the_future() -> None:
    times = np.random.default_rng(0).permutation(200)
    split = time_split(times, column="t")
    assert times[split.train].max() < times[split.validation].min()
    assert times[split.validation].max() < times[split.test].min()


def test_rows_of_the_same_time_are_never_parted() -> None:
    times = np.repeat(np.arange(10), 10)
    found = [set(times[part].tolist()) for part in parts_of(time_split(times, column="t"))]
    assert found[0].isdisjoint(found[1])
    assert found[1].isdisjoint(found[2])


def test_a_time_column_of_one_value_is_refused() -> None:
    with pytest.raises(DataError, match="1 distinct times"):
        time_split(np.zeros(100, np.int64), column="t")


@pytest.mark.parametrize(
    "values",
    [pa.array([2.5, 0.5, 2.5]), pa.array(["2024-02", "2023-01", "2024-02"]).dictionary_encode(), pa.array([9, -1, 9])],
)
def test_time_columns_of_any_kind_are_ranked_with_ties_equal(values: pa.Array) -> None:
    assert time_order(pa.chunked_array([values]), column="t").tolist() == [2, 1, 2]


def test_a_missing_time_is_refused() -> None:
    with pytest.raises(DataError, match="1 of 2 missing"):
        time_order(column(1.0, float("nan")), column="t")


@pytest.mark.parametrize(
    ("values", "task", "classes"),
    [
        (column("no", "yes", "no"), "binary", ("no", "yes")),
        (column(True, False, True), "binary", ("false", "true")),
        (column(0, 1, 1), "binary", ("0", "1")),
        (column(0.0, 1.0, None), "binary", ("0", "1")),
        (column(10, 9, 2, 10, 9, 2), "multiclass", ("2", "9", "10")),
        (column(*range(30)), "regression", ()),
        (column(0.5, 1.5, 2.5), "regression", ()),
    ],
)
def test_the_task_follows_from_the_values(values: pa.ChunkedArray, task: str, classes: tuple[str, ...]) -> None:
    target = understand_target(values, name="y")
    assert (target.task, target.classes) == (task, classes)


def test_the_task_can_be_asked_for() -> None:
    assert understand_target(column(1, 2, 3, 4), name="y", task="regression").task == "regression"
    assert understand_target(column(*range(4), *range(4)), name="y", task="classification").task == "multiclass"


def test_missing_labels_are_nan_in_the_target() -> None:
    target = understand_target(column("a", None, "b", "b"), name="y")
    assert np.array_equal(target.values, [0.0, np.nan, 1.0, 1.0], equal_nan=True)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (column("a", "a", None), "only `a` in 2 rows"),
        (column(*(f"id{number}" for number in range(50))), "50 different labels in 50 rows, as an identifier has"),
        (column(3.5, 3.5), "only `3.5`"),
    ],
)
def test_a_target_nothing_can_be_learned_from_is_refused(values: pa.ChunkedArray, message: str) -> None:
    with pytest.raises(DataError, match=message):
        understand_target(values, name="y")


def test_a_target_without_any_label_is_refused() -> None:
    with pytest.raises(EmptyInputError, match="every row's label is missing"):
        understand_target(column(None, float("nan")), name="y")


def test_labels_read_alike_from_texts_integers_and_floats() -> None:
    for values in (column("0", "1"), column(0, 1), column(0.0, 1.0)):
        assert read_labels(values).texts == ("0", "1")


def test_a_final_dot_and_outer_spaces_are_forgiven_visibly() -> None:
    labels = Labels((" a.", "b"), np.array([0, 1, 0, -1]))
    match = match_labels(labels, ("a", "b"), strict=False, where="f.csv")
    assert match.index.tolist() == [0, 1, 0, -1]
    assert match.mapping == {" a.": {"read_as": "a", "rows": 2}}
    assert match.notes == ("label ` a.` is read as class `a` (2 rows)",)


def test_strict_labels_forgive_nothing() -> None:
    with pytest.raises(DataError, match=r"got labels `a\.`.*leave --strict-labels out"):
        match_labels(Labels(("a.",), np.array([0])), ("a", "b"), strict=True, where="f.csv")


def test_unknown_labels_are_named() -> None:
    with pytest.raises(DataError, match="expected the classes `a`, `b`, got labels `c`"):
        match_labels(Labels(("a", "c"), np.array([0, 1])), ("a", "b"), strict=False, where="f.csv")


def test_a_label_with_a_dot_that_is_a_class_itself_is_left_alone() -> None:
    match = match_labels(Labels(("a.", "a"), np.array([0, 1])), ("a", "a."), strict=False, where="f.csv")
    assert (match.index.tolist(), match.mapping) == ([1, 0], {})


def test_classes_that_look_alike_are_noted_and_others_are_not() -> None:
    assert alike_notes(("<=50K", "<=50K.", ">50K")) == (
        "classes `<=50K` and `<=50K.` look alike: write them the same way if they are one",
    )
    assert alike_notes(("0", "1", "10", "no", "yes")) == ()
