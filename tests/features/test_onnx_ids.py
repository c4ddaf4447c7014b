"""Ids, counts and bags in ONNX Runtime are those of the native kernels; missing, rare and unseen stay apart."""

from __future__ import annotations

import numpy as np
import onnx
import pyarrow as pa
import pytest

from mlops_runtime.data import Column, Schema
from mlops_runtime.features import FeatureProgram
from mlops_runtime.features.encoders import Bag, Encoder, ExpressionIds, HashBuckets, HashIds, VocabularyIds
from mlops_runtime.features.expression import ColumnValue, Expression, Step, VocabularyId
from mlops_runtime.features.onnx import export_program
from mlops_runtime.features.outputs import BagOutput, DenseCounts, DenseOutput, SparseOutput
from mlops_runtime.features.vocabulary import FittedVocabulary
from mlops_runtime.registry.portable import PortableCheck, check_program, onnx_backend

RANDOM = np.random.default_rng(11)
CITIES = ["Dubai", "Żuławy", "दुबई", "a\0b", "x" * 300, "Abu Dhabi", "😀"]
TEXTS = FittedVocabulary(pa.array(CITIES), np.arange(7, 0, -1, dtype=np.int64), 4)
CODES = FittedVocabulary(pa.array([3, -1, 2**53 - 1, 0, 7], pa.int64()), np.arange(5, 0, -1, dtype=np.int64), 3)
LARGE = FittedVocabulary(pa.array([2**53 + 1, -(2**62)], pa.int64()), np.array([2, 1]), 2)


def sparse_program(encoder: Encoder, kind: str) -> FeatureProgram:
    schema = Schema(tuple(Column(reading.column, kind) for reading in encoder.reads))
    return FeatureProgram(schema, (), (SparseOutput("id", encoder, 0),), (), 1)


def check(program: FeatureProgram, table: pa.Table) -> None:
    graph = export_program(program)
    for part in (table, table.slice(0, 0), table.slice(1, 1)):
        assert check_program(program, graph, part) == PortableCheck(len(part), 0.0, 0)


def test_texts_missing_rare_and_unseen_keep_their_ids() -> None:
    table = pa.table({"x": ["Dubai", None, "", "Dubai ", "dubai", "nowhere", *CITIES]})
    program = sparse_program(VocabularyIds("x", TEXTS), "string")
    check(program, table)
    ids = onnx_backend(program).run(table).sparse[:, 0].tolist()
    assert ids == [3, 0, 0, 2, 2, 2, 3, 4, 5, 6, 1, 1, 1]


def test_dictionaries_and_large_texts_are_read_as_texts() -> None:
    program = sparse_program(VocabularyIds("x", TEXTS), "string")
    values = pa.array(["Dubai", None, "", "😀", "nowhere"])
    for data_type in (pa.large_utf8(), pa.dictionary(pa.int8(), pa.utf8()), pa.dictionary(pa.int64(), pa.large_utf8())):
        check(program, pa.table({"x": pa.chunked_array([values.cast(data_type)] * 2)}))


def test_codes_in_a_number_column_must_be_whole() -> None:
    values = [3.0, -1.0, 2.0**53 - 1, 0.0, -0.0, 7.0, np.nan, None, np.inf, -np.inf, 3.5, 8.0, 2.0**53 + 2, 1e300]
    program = sparse_program(VocabularyIds("x", CODES), "number")
    check(program, pa.table({"x": values}))
    check(program, pa.table({"x": pa.array([3, None, 7, 9], pa.int32())}))


def test_numbers_that_are_no_codes_may_be_a_key() -> None:
    fractions = FittedVocabulary(pa.array([-(2**63), 3], pa.int64()), np.array([4, 2]), 2)
    program = sparse_program(VocabularyIds("x", fractions), "number")
    table = pa.table({"x": [0.5, 3.0, np.inf, None, 4.0, 1e300, 2.0**53 + 2]})
    check(program, table)
    assert onnx_backend(program).run(table).sparse[:, 0].tolist() == [3, 4, 3, 0, 2, 3, 3]


def test_whole_numbers_beyond_float_precision_are_told_apart() -> None:
    program = sparse_program(VocabularyIds("x", LARGE), "integer")
    table = pa.table({"x": [2**53 + 1, 2**53, 2**53 + 2, None, -(2**62), 2**63 - 1]})
    check(program, table)
    assert onnx_backend(program).run(table).sparse[:, 0].tolist() == [3, 2, 2, 0, 4, 2]


@pytest.mark.parametrize(("vocabulary", "kind"), [(TEXTS, "string"), (CODES, "number")])
def test_a_vocabulary_without_keys_knows_missing_and_unseen(vocabulary: FittedVocabulary, kind: str) -> None:
    empty = FittedVocabulary(vocabulary.keys.slice(0, 0), np.empty(0, np.int64), 0)
    values = [None, *vocabulary.keys.to_pylist()]
    check(sparse_program(VocabularyIds("x", empty), kind), pa.table({"x": values}))


def test_null_tokens_are_missing_as_in_cleaned_data() -> None:
    program = sparse_program(VocabularyIds("x", TEXTS), "string")
    table = pa.table({"x": ["?", "NaN", "Dubai", "NULL"]})
    assert onnx_backend(program).run(table).sparse[:, 0].tolist() == [0, 0, 3, 0]


@pytest.mark.parametrize("parts", [1, 2, 3, 4, 5, 9, 16])
@pytest.mark.parametrize("seed", [0, 2**53 - 1])
def test_hashes_and_crosses_of_whole_numbers(parts: int, seed: int) -> None:
    names = [f"x{part}" for part in range(parts)]
    program = sparse_program(HashIds(tuple(names), 2**31 - 1, seed), "integer")
    columns = {}
    for name in names:
        column = RANDOM.integers(-(2**63) + 1, 2**63 - 1, 200).tolist()
        columns[name] = [None, 0, -1, 2**53 + 1, *column, None, 5 if name == "x0" else None]
    check(program, pa.table(columns))


def test_hashes_of_a_number_column_that_holds_fractions() -> None:
    program = sparse_program(HashIds(("x",), 1000, 3), "number")
    check(program, pa.table({"x": [1.0, 1.5, np.nan, np.inf, -0.0, 2.0**60, None, -7.0]}))


@pytest.mark.parametrize(
    ("last", "size"), [(Step("bucket", [0.0, 1.0, 5.0]), 5), (Step("table", [2.0, np.nan, 9.0, 0.0, 1.0]), 11)]
)
def test_ids_of_an_expression(last: Step, size: int) -> None:
    expression = Expression(ColumnValue("x"), (last,))
    table = pa.table({"x": [np.nan, -1.0, 0.0, 0.5, 1.0, 2.0, 3.0, 4.0, 5.0, np.inf]})
    check(sparse_program(ExpressionIds(expression, size), "number"), table)


def test_one_hot_columns_cost_one_comparison() -> None:
    ids = [Expression(VocabularyId("x", TEXTS), (Step("equals", [float(value)]),)) for value in range(7)]
    columns = [DenseOutput(f"x={value}", expression, 0) for value, expression in enumerate(ids)]
    number = DenseOutput("y", Expression(ColumnValue("y"), (Step("equals", [1.0]),)), 0)
    schema = Schema((Column("x", "string"), Column("y", "number")))
    program = FeatureProgram(schema, (*columns[:4], number, *columns[4:]), (), (), 1)
    check(program, pa.table({"x": ["Dubai", None, "nowhere", *CITIES], "y": np.arange(10) % 2}))
    graph = onnx.load_from_string(export_program(program)).graph
    assert sum(node.op_type == "LabelEncoder" for node in graph.node) == 2  # null tokens, keys
    assert sum(node.op_type == "Equal" for node in graph.node) == 3


LISTS = {
    "string_list": [["Dubai", "Dubai", "nowhere"], None, [], [None, "😀", "Żuławy"], ["दुबई"], [None], ["", "Dubai"]],
    "integer_list": [[3, 3, 9], None, [], [None, 7, -1], [2**53 - 1], [None], [0, 3, 3, 3]],
}


@pytest.mark.parametrize("kind", LISTS)
@pytest.mark.parametrize("list_type", [pa.list_, pa.large_list])
def test_lists_are_counted_and_bagged(kind: str, list_type: type) -> None:
    element, vocabulary = (pa.utf8(), TEXTS) if kind == "string_list" else (pa.int64(), CODES)
    bag = Bag("x", "list", 1, 1, False, vocabulary)
    names = tuple(f"x{position}" for position in range(vocabulary.cardinality - 2))
    counts = DenseCounts("counts", names, bag, 2, False)
    binary = DenseCounts("binary", ("rare", "unseen"), bag, 1, True)
    program = FeatureProgram(Schema((Column("x", kind),)), (counts, binary), (), (BagOutput("bag", bag),), 1)
    column = pa.array(LISTS[kind], list_type(element))
    check(program, pa.table({"x": pa.chunked_array([column, column.slice(2, 3), column.slice(0, 0)])}))
    check(program, pa.table({"x": pa.array([None, [], [None]], list_type(element))}))


def test_hashes_of_list_elements() -> None:
    bag = Bag("x", "list", 1, 1, False, HashBuckets(20, 4))
    counts = DenseCounts("counts", tuple(map(str, range(20))), bag, 1, False)
    schema = Schema((Column("x", "integer_list"),))
    program = FeatureProgram(schema, (counts,), (), (BagOutput("bag", bag),), 1)
    check(program, pa.table({"x": pa.array(LISTS["integer_list"], pa.list_(pa.int64()))}))
