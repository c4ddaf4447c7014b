"""SparsePlan: several encoders in one matrix, of both widths, and the ids of expressions."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from kernel_inputs import column

from mlops_runtime._native import ArrowTable, Expression, ExpressionIds, HashIds, SparsePlan, Vocabulary, VocabularyIds
from mlops_runtime.kernels.sparse.reference import ids_of_values

EDGES = np.array([-1.0, 0.0, 2.5, 1e300])


def bucketed(edges: np.ndarray = EDGES, size: int | None = None) -> ExpressionIds:
    return ExpressionIds(Expression([0], "column", [("bucket", edges)]), edges.size + 2 if size is None else size)


@pytest.mark.usefixtures("isa")
def test_buckets_are_ids_from_one_on(size: int) -> None:
    rng = np.random.default_rng(size)
    values = np.where(rng.random(size) < 0.2, np.nan, rng.normal(size=size) * 3)
    expected = ids_of_values(np.where(np.isnan(values), np.nan, np.searchsorted(EDGES, values, "right")), 6)
    table = column(pa.array(values, from_pandas=bool(size % 2)))
    assert SparsePlan([bucketed()]).run(table).ravel().tolist() == expected.tolist()
    assert SparsePlan([bucketed()]).run(table, dtype="int32").ravel().tolist() == expected.tolist()


def test_values_beyond_the_size_get_the_last_id_and_values_below_the_first() -> None:
    values = np.array([-5.0, 0.0, 7.0, np.inf, np.nan, 2.0**62])
    steps = [("table", np.array([0.0, -3.0, 2.0**53, 5.0, np.nan, 1e300, -1e300]))]
    ids = ExpressionIds(Expression([0], "column", steps), 6)
    table = column(np.arange(7.0))
    assert SparsePlan([ids]).run(table).ravel().tolist() == [1, 1, 5, 5, 0, 5, 1]
    assert SparsePlan([bucketed(size=3)]).run(column(values)).ravel().tolist() == [1, 2, 2, 2, 0, 2]


@pytest.mark.usefixtures("isa", "threads")
def test_encoders_of_every_kind_share_a_matrix_whose_rows_do_not_depend_on_chunks() -> None:
    rng = np.random.default_rng(0)
    rows = 150_000  # more than two tasks, and large enough to be streamed past the caches
    table = pa.table(
        {
            "number": rng.normal(size=rows),
            "word": pa.array([f"{i:x}" for i in rng.integers(0, 999, rows)]).dictionary_encode(),
            "code": rng.integers(-50, 50, rows),
        }
    )
    vocabulary = Vocabulary(column(np.arange(-20, 20)), np.arange(3, 43))
    encoders = [bucketed(), HashIds([1], 77, 1), HashIds([1, 2], 99, 0), VocabularyIds(2, vocabulary)] * 4
    alone = np.hstack([SparsePlan([encoder]).run(ArrowTable(table)) for encoder in encoders])
    chunked = pa.concat_tables([table.slice(0, 70_001), table.slice(70_001, 0), table.slice(70_001)])
    assert np.array_equal(SparsePlan(encoders).run(ArrowTable(table)), alone)
    assert np.array_equal(SparsePlan(encoders).run(ArrowTable(chunked), dtype="int32"), alone)


def test_ids_that_int32_cannot_hold_are_refused_for_int32_alone() -> None:
    vocabulary = Vocabulary(column(["a"]), np.array([2**31]))
    plan, table = SparsePlan([HashIds([0], 5, 0), VocabularyIds(0, vocabulary)]), column(["a"])
    assert plan.run(table)[0, 1] == 2**31
    with pytest.raises(ValueError, match=r"encoder 1: expected ids below 2\^31 for int32, got 2147483648"):
        plan.run(table, dtype="int32")


@pytest.mark.parametrize(
    ("steps", "size", "message"),
    [
        ([], 5, "last step is bucket or table, got no step"),
        ([("bucket", EDGES), ("sqrt", np.zeros(0))], 5, "last step is bucket or table, got another step"),
        ([("bucket", EDGES)], 1, r"a size from 2 to 2\^31 - 1, got 1"),
        ([("bucket", EDGES)], 2**31, r"a size from 2 to 2\^31 - 1, got 2147483648"),
    ],
)
def test_an_expression_that_gives_no_ids_is_refused(
    steps: list[tuple[str, np.ndarray]], size: int, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        ExpressionIds(Expression([0], "column", steps), size)


def test_a_column_that_the_expression_cannot_read_is_named() -> None:
    with pytest.raises(ValueError, match="column `x`: expected a column of numbers"):
        SparsePlan([bucketed()]).run(column(["a"]))
