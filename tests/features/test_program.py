"""A program runs: expressions, ids and bags into matrices, whatever the buffers, the types and the number of rows."""

import threading

import numpy as np
import pyarrow as pa
import pytest

from mlops_runtime.core.errors import ConfigError, SchemaError, ShapeError
from mlops_runtime.data import Column, Schema
from mlops_runtime.features import FeatureProgram, Matrices
from mlops_runtime.features.encoders import Bag, ExpressionIds, HashBuckets, HashIds, VocabularyIds
from mlops_runtime.features.expression import Arithmetic, ColumnValue, Expression, Step, VocabularyId
from mlops_runtime.features.outputs import BagOutput, DenseCounts, DenseOutput, SparseOutput
from mlops_runtime.features.vocabulary import FittedVocabulary

SCHEMA = Schema(
    (
        Column("age", "number"),
        Column("income", "number"),
        Column("city", "string"),
        Column("seen", "timestamp"),
        Column("tags", "string_list"),
    )
)
TABLE = pa.table(
    {
        "age": [31.0, None, 52.5, 18.0],
        "income": [62.0, 10.0, 105.0, None],
        "city": ["Dubai", None, "Oslo", "Wien"],
        "seen": pa.array([0, 86_400_000_000, None, 1], pa.timestamp("us", "UTC")),
        "tags": pa.array([["new", "used", "new"], [], None, ["other", None]]),
    }
)
CITIES = FittedVocabulary(pa.array(["Dubai", "Wien"]), np.array([2, 1]), 1)
AGES = FittedVocabulary(pa.array([18, 31]), np.array([1, 1]), 2)
TAGS = FittedVocabulary(pa.array(["new", "used"]), np.array([7, 7]), 2)
AGE = Expression(ColumnValue("age"))


def program(dense=(), sparse=(), bags=()):
    return FeatureProgram(SCHEMA, tuple(dense), tuple(sparse), tuple(bags), 4)


def whole():
    words = Bag("city", "characters", 1, 1, True, HashBuckets(4, 9))
    tags = Bag("tags", "list", 1, 1, False, TAGS)
    ratio = Expression(Arithmetic("divide", "income", "age"), (Step("impute", [0.0]),))
    share = Expression(VocabularyId("city", CITIES), (Step("table", [0.1, 0.2, 0.3, 0.4]),))
    return program(
        dense=(
            DenseOutput("age", AGE.then(Step("impute", [20.0]), Step("affine", [20.0, 0.5])), 1),
            DenseCounts("letters", ("a", "b"), words, 1, False),
            DenseOutput("ratio", ratio, 1),
            DenseOutput("share", share, 1),
            DenseOutput("weekday", Expression(ColumnValue("seen"), (Step("date_day_of_week"),)), 1),
            DenseCounts("tags counted", ("tags=new", "tags=used"), tags, 3, False),
            DenseCounts("tags hot", ("new", "used"), tags, 3, True),
        ),
        sparse=(
            SparseOutput("city", VocabularyIds("city", CITIES), 1),
            SparseOutput("age as code", VocabularyIds("age", AGES), 1),
            SparseOutput("decade", ExpressionIds(AGE.then(Step("bucket", [20.0, 40.0])), 4), 1),
            SparseOutput("cross", HashIds(("city", "age"), 1000, 7), 0),
        ),
        bags=(BagOutput("tags", tags),),
    )


def test_dense_columns_are_expressions_and_counts():
    made = whole().transform(TABLE)
    by_name = dict(zip(whole().dense_names, made.dense.T.tolist(), strict=True))
    assert by_name["age"] == [5.5, 0.0, 16.25, -1.0]
    assert by_name["ratio"] == [2.0, 0.0, 2.0, 0.0]
    assert by_name["share"] == pytest.approx([0.4, 0.1, 0.3, 0.2])
    assert by_name["weekday"][:2] == [3.0, 4.0]  # 1970 began on a Thursday
    assert np.isnan(by_name["weekday"][2])
    assert (by_name["tags=new"], by_name["tags=used"]) == ([2.0, 0.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0])
    assert (by_name["new"], by_name["used"]) == ([1.0, 0.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0])


def test_sparse_columns_are_ids_and_one_column_serves_as_number_and_code():
    ids = whole().transform(TABLE).sparse
    assert ids[:, :3].T.tolist() == [[3, 0, 2, 1], [4, 0, 2, 3], [2, 0, 3, 1]]
    assert ((ids[:, 3] >= 0) & (ids[:, 3] <= 1000)).all()
    assert ids[1, 3] == 0
    assert whole().cardinalities == (4, 5, 4, 1001)


def test_a_bag_has_an_id_for_each_element_that_is_present():
    bag = whole().transform(TABLE).bags["tags"]
    assert (bag.ids.tolist(), bag.offsets.tolist()) == ([3, 4, 3, 2], [0, 3, 3, 3, 4])


def test_short_ids_have_the_same_values():
    wide, short = whole().transform(TABLE), whole().transform(TABLE, ids="int32")
    assert (wide.sparse.dtype, short.sparse.dtype) == (np.int64, np.int32)
    assert short.sparse.tolist() == wide.sparse.tolist()


@pytest.mark.parametrize("ids", ["int64", "int32"])
def test_buffers_are_written_to_and_may_have_more_rows(ids):
    fitted = whole()
    first = fitted.transform(pa.concat_tables([TABLE, TABLE]), ids=ids)
    again = fitted.transform(TABLE.slice(1), out=first, ids=ids)
    fresh = fitted.transform(TABLE.slice(1), ids=ids)
    assert again.dense.tobytes() == fresh.dense.tobytes()
    assert again.sparse.tobytes() == fresh.sparse.tobytes()
    assert np.shares_memory(again.dense, first.dense)
    assert np.shares_memory(again.sparse, first.sparse)


@pytest.mark.parametrize(
    ("dense", "sparse", "message"),
    [
        (np.empty((4, 10), np.float64), np.empty((4, 4), np.int64), r"out\.dense: expected float32\[4 or more, 10\]"),
        (np.empty((3, 10), np.float32), np.empty((4, 4), np.int64), r"out\.dense"),
        (np.empty((4, 10), np.float32), np.empty((4, 4), np.int32), r"out\.sparse: .*int64"),
        (np.empty((4, 10), np.float32), np.empty((4, 5), np.int64), r"out\.sparse"),
    ],
)
def test_a_buffer_that_does_not_fit_is_refused(dense, sparse, message):
    with pytest.raises(ShapeError, match=message):
        whole().transform(TABLE, out=Matrices(dense, sparse))


def test_no_rows_and_no_outputs_give_matrices_all_the_same():
    empty = whole().transform(TABLE.slice(0, 0))
    assert (empty.dense.shape, empty.sparse.shape) == ((0, 10), (0, 4))
    assert (empty.bags["tags"].ids.tolist(), empty.bags["tags"].offsets.tolist()) == ([], [0])
    nothing = program().transform(TABLE)
    assert (nothing.dense.shape, nothing.sparse.shape, dict(nothing.bags)) == ((4, 0), (4, 0), {})
    assert program().transform(TABLE, out=nothing).dense.shape == (4, 0)


def test_counts_of_no_id_are_no_column():
    none = DenseCounts("tags", (), Bag("tags", "list", 1, 1, False, TAGS), 3, True)
    fitted = program(dense=[none, DenseOutput("age", AGE, 1)])
    assert fitted.dense_names == ("age",)
    assert fitted.transform(TABLE).dense[:, 0].tolist()[2:] == [52.5, 18.0]


def test_threads_share_a_program():
    fitted, table = whole(), pa.concat_tables([TABLE] * 500)
    expected = fitted.transform(table)
    results = []
    threads = [threading.Thread(target=lambda: results.append(fitted.transform(table))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [r.dense.tobytes() == expected.dense.tobytes() for r in results] == [True] * 4
    assert [r.sparse.tobytes() == expected.sparse.tobytes() for r in results] == [True] * 4


def test_a_table_without_an_input_column_is_refused():
    with pytest.raises(SchemaError, match="no `tags`"):
        whole().transform(TABLE.drop_columns(["tags"]))


@pytest.mark.parametrize(
    ("output", "message"),
    [
        (DenseOutput("x", Expression(ColumnValue("city")), 0), "read as a value, got `city` of kind string"),
        (DenseOutput("x", Expression(VocabularyId("seen", CITIES)), 0), "read as a code, got `seen` of kind timestamp"),
        (DenseOutput("x", Expression(VocabularyId("age", CITIES)), 0), "kind number, got utf8 keys"),
        (DenseCounts("x", ("a",), Bag("city", "list", 1, 1, False, TAGS), 3, True), "read as a list, got `city`"),
        (DenseCounts("x", ("a",), Bag("tags", "words", 1, 1, False, TAGS), 3, True), "read as a text, got `tags`"),
        (DenseOutput("x", Expression(ColumnValue("nowhere")), 0), "column `nowhere`"),
    ],
)
def test_an_output_that_cannot_read_its_column_is_refused(output, message):
    with pytest.raises(SchemaError, match=message):
        program(dense=[output])


def test_outputs_of_one_name_are_refused():
    with pytest.raises(ConfigError, match="distinct output names, got `age` twice"):
        program(dense=[DenseOutput("age", AGE, 0)], sparse=[SparseOutput("age", VocabularyIds("age", AGES), 0)])


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("impute", [np.nan], "impute"),
        ("impute", [], "impute"),
        ("clip", [2.0, 1.0], "clip"),
        ("affine", [0.0, 0.0], "affine"),
        ("bucket", [1.0, 1.0], "bucket"),
        ("table", [np.inf], "table"),
        ("interpolate", [1.0, 2.0, 3.0], "interpolate"),
        ("interpolate", [1.0, 0.0, 3.0, 4.0], "interpolate"),
        ("sqrt", [1.0], "sqrt"),
        ("logarithm", [], "logarithm"),
        ("impute", [[1.0]], "impute"),
    ],
)
def test_a_step_with_parameters_that_it_does_not_allow_is_refused(name, parameters, message):
    with pytest.raises(ShapeError, match=message):
        Step(name, parameters)


def test_steps_are_equal_by_content_and_cannot_be_changed():
    step = Step("table", [1.0, np.nan])
    assert step == Step("table", np.array([1.0, -np.nan]))
    assert hash(step) == hash(Step("table", [1.0, np.nan]))
    assert step != Step("table", [1.0, 2.0])
    assert Step("impute", [0.0]) != Step("impute", [-0.0])
    with pytest.raises(ValueError, match="read-only"):
        step.parameters[0] = 2.0


def test_describe_says_source_and_steps_in_words():
    described = {entry["name"]: entry for entry in whole().describe()}
    assert described["age"] == {
        "name": "age",
        "columns": ["age"],
        "matrix": "dense",
        "source": "`age`",
        "steps": ["missing becomes 20", "minus 20, times 0.5"],
        "missing_share": 0.25,
    }
    assert described["ratio"]["source"] == "`income` / `age`"
    assert described["letters"]["source"] == "character 1-grams of `city`, in lower case: hash into 4 buckets (seed 9)"
    assert described["cross"]["source"] == "`city` × `age`"
    assert (described["decade"]["ids"], described["decade"]["steps"]) == (4, ["bucket of 3", "0 is missing"])
    assert described["tags"]["matrix"] == "bag"
