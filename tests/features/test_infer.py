"""Inferred specifications: useful columns in, useless ones out with a reason."""

import pyarrow as pa
import pytest

from mlops_runtime.core.errors import EmptyInputError
from mlops_runtime.data import conform, from_frame, read_dataset
from mlops_runtime.features import infer_spec

ROWS = 200


def inferred(columns, **options):
    table, schema, _ = from_frame(pa.table(columns))
    return infer_spec(table, schema, **{"target": None, **options})


def kinds(result):
    return {feature.column: feature.kind for feature in result.spec.features}


def test_numbers_and_times_are_numeric_and_texts_are_categories():
    times = pa.array(range(0, ROWS * 7, 7), pa.int64()).cast(pa.timestamp("s"))
    result = inferred({"n": [i * 0.5 for i in range(ROWS)], "t": times, "c": ["a", "b"] * (ROWS // 2)})
    assert kinds(result) == {"n": "numeric", "t": "numeric", "c": "category"}
    assert result.notes == ()


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ([7] * ROWS, "7 in every row"),
        (["x"] * ROWS, "one value"),
        ([None] * ROWS, "every value is missing"),
        ([float("nan")] * ROWS, "every value is missing"),
        (pa.nulls(ROWS, pa.utf8()), "every value is missing"),
        ([f"name-{i}" for i in range(ROWS)], "identifier"),
        ([2**60 + i for i in range(ROWS)], "identifier"),
        (list(range(1, ROWS + 1)), "numbers the rows"),
    ],
)
def test_a_column_that_says_nothing_is_left_out_with_the_reason(values, reason):
    result = inferred({"useless": values, "n": [i % 7 for i in range(ROWS)]})
    assert kinds(result) == {"n": "numeric"}
    assert len(result.notes) == 1
    assert "`useless`" in result.notes[0]
    assert reason in result.notes[0]


def test_a_constant_with_gaps_is_kept_because_the_gaps_may_tell_something():
    assert kinds(inferred({"x": [1, None] * (ROWS // 2)})) == {"x": "numeric"}


def test_codes_beyond_what_a_float_holds_are_categories():
    assert kinds(inferred({"code": [2**60 + i % 5 for i in range(ROWS)]})) == {"code": "category"}


def test_texts_of_many_values_get_a_least_count_and_a_note():
    (feature,) = (result := inferred({"c": [f"v{i % 600}" for i in range(6000)]})).spec.features
    assert feature.min_count == 5
    assert "600 distinct values" in result.notes[0]


def test_lists_are_multi_hot():
    tags = [["a", "b"], [], None, ["a", None]] * (ROWS // 4)
    codes = [[i % 300] for i in range(ROWS * 2)]
    assert kinds(inferred({"tags": tags, "n": [i % 7 for i in range(ROWS)]})) == {"tags": "list", "n": "numeric"}
    assert "300 distinct elements: the 256 most frequent" in inferred({"codes": codes}).notes[0]


def test_a_list_without_elements_is_left_out():
    result = inferred({"tags": pa.array([[]] * ROWS, pa.list_(pa.utf8())), "n": [i % 7 for i in range(ROWS)]})
    assert "its lists are empty" in result.notes[0]


@pytest.mark.parametrize("rows", [1, 7, 100, ROWS])
def test_batches_give_the_specification_of_the_whole(rows):
    table = pa.table(
        {
            "row": range(-5, ROWS - 5),
            "nearly": [-5, *range(-5, ROWS - 6)],
            "city": ["Dubai", "Wien", None, "Oslo"] * (ROWS // 4),
            "n": [i / 3 for i in range(ROWS)],
        }
    )
    schema = from_frame(table).schema
    whole = infer_spec(conform(table, schema, where="test"), schema, target=None)
    parts = [conform(table.slice(begin, rows), schema, where="test") for begin in range(0, ROWS, rows)]
    assert infer_spec(iter(parts), schema, target=None) == whole
    assert kinds(whole) == {"nearly": "numeric", "city": "category", "n": "numeric"}


def test_target_and_excluded_columns_are_not_used():
    columns = {name: [0, 1] * (ROWS // 2) for name in ("a", "y", "z")}
    assert kinds(inferred(columns, target="y", exclude=("z",))) == {"a": "numeric"}


def test_no_useful_column_is_an_error_that_says_why():
    with pytest.raises(EmptyInputError, match="`a` is left out: it is 1 in every row"):
        inferred({"a": [1] * ROWS, "y": [0, 1] * (ROWS // 2)}, target="y")


def test_adult_gives_six_numbers_and_eight_categories(shared_data):
    dataset = read_dataset(shared_data / "adult" / "train.csv")
    found = list(kinds(infer_spec(dataset.table, dataset.schema, target="income")).values())
    assert (found.count("numeric"), found.count("category")) == (6, 8)
