"""Ids and bags of any keys in any layout: native at every instruction set, the oracle and ONNX Runtime agree."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from mlops_runtime.data import Column, Schema
from mlops_runtime.features import FeatureProgram
from mlops_runtime.features.encoders import Bag, ExpressionIds, HashBuckets, HashIds, VocabularyIds
from mlops_runtime.features.expression import ColumnValue, Expression, Step
from mlops_runtime.features.onnx import export_program
from mlops_runtime.features.outputs import BagOutput, DenseCounts, DenseOutput, SparseOutput
from mlops_runtime.features.parity import check_parity
from mlops_runtime.features.vocabulary import FittedVocabulary
from mlops_runtime.registry.portable import PortableCheck, check_program

WORDS = ["a", "ab", "abcd", "exactly8", "exactly-16-bytes", "exactly-thirty-two-bytes-long-ok", "x" * 300, "é", "a\0"]
TEXTS = FittedVocabulary(pa.array(WORDS[:7]), np.arange(7, 0, -1), 5)
NUMBERS = FittedVocabulary(pa.array([7, -1, 0, 2**53 + 1, -(2**62)]), np.arange(5, 0, -1), 4)

Texts = st.none() | st.sampled_from(["", *WORDS]) | st.text(max_size=20)
# In ONNX the least integer means missing, so none has it as a key.
Integers = st.none() | st.sampled_from([7, -1, 0, 2**53 + 1]) | st.integers(1 - 2**63, 2**63 - 1)
ROWS = st.lists(
    st.tuples(
        Texts,
        Integers,
        st.none() | st.floats(),
        st.none() | st.lists(Texts, max_size=5),
        st.none() | st.lists(Integers, max_size=5),
    ),
    max_size=40,
)
TEXT_TYPES = st.sampled_from([pa.utf8(), pa.large_utf8(), pa.string_view(), pa.dictionary(pa.int16(), pa.utf8())])
LISTS = st.sampled_from([pa.list_, pa.large_list])
KINDS = {"s": "string", "i": "integer", "n": "number", "l": "string_list", "w": "integer_list"}
SCHEMA = Schema(tuple(Column(name, kind) for name, kind in KINDS.items()))


@st.composite
def tables(draw):
    """Chunks of the rows, of which the first rows are cut off again, so that nothing starts at offset 0."""
    types = [draw(TEXT_TYPES), pa.int64(), pa.float64(), draw(LISTS)(draw(TEXT_TYPES)), draw(LISTS)(pa.int64())]
    rows, skip = draw(ROWS), draw(st.integers(0, 3))
    columns = zip(*rows, strict=True) if rows else [[]] * 5
    arrays = [pa.array(list(values), kind) for values, kind in zip(columns, types, strict=True)]
    table = pa.table(dict(zip(KINDS, arrays, strict=True)))
    cut = draw(st.integers(0, len(rows)))
    return pa.concat_tables([table.slice(0, cut), table.slice(cut)]).slice(skip)


def bag_of(column, encoder, tokens="list", shortest=1, longest=1, lower=False):
    return Bag(column, tokens, shortest, longest, lower, encoder)


def counted(name, bag, first_id, count, binary=False):
    return DenseCounts(name, tuple(f"{name} {j}" for j in range(count)), bag, first_id, binary)


def program_of(sparse=(), dense=(), bags=()):
    ids = tuple(SparseOutput(f"id {j}", encoder, 0) for j, encoder in enumerate(sparse))
    ragged = tuple(BagOutput(f"bag {j}", bag) for j, bag in enumerate(bags))
    return FeatureProgram(SCHEMA, tuple(dense), ids, ragged, 1)


BUCKETS = ExpressionIds(Expression(ColumnValue("n"), (Step("bucket", [-1.0, 0.0, 2.5]),)), 5)
SIGNED = ExpressionIds(
    Expression(ColumnValue("n"), (Step("bucket", [-1.0, 0.0, 2.5]), Step("table", [-3.0, 0.0, 99.0, np.nan]))), 4
)
EVERYTHING = program_of(
    sparse=[
        *(VocabularyIds("s", TEXTS), VocabularyIds("i", NUMBERS), BUCKETS, SIGNED),
        *(HashIds(("s",), 2**31 - 1, 3), HashIds(("i",), 10, 2**53 - 1), HashIds(("s", "i", "s"), 1000, 0)),
    ],
    dense=[
        counted("counts", bag_of("l", TEXTS), 1, 4),
        counted("nothing", bag_of("l", TEXTS), 3, 0),
        counted("whether", bag_of("w", HashBuckets(6, 1)), 1, 6, binary=True),
        counted("pairs", bag_of("s", HashBuckets(6, 1), "characters", 2, 3, True), 0, 7),
    ],
    bags=[
        *(bag_of("l", TEXTS), bag_of("l", HashBuckets(99, 7)), bag_of("w", NUMBERS), bag_of("w", HashBuckets(9, 0))),
        *(bag_of("s", TEXTS, "characters", 1, 2), bag_of("s", HashBuckets(50, 0), "words", 1, 3, True)),
    ],
)
PORTABLE = program_of(
    sparse=[VocabularyIds("s", TEXTS), VocabularyIds("i", NUMBERS), HashIds(("i",), 10, 5), BUCKETS, SIGNED],
    dense=[
        counted("counts", bag_of("l", TEXTS), 1, 4),
        counted("nothing", bag_of("l", TEXTS), 3, 0),
        counted("whether", bag_of("w", HashBuckets(6, 1)), 1, 6, binary=True),
    ],
    bags=[bag_of("l", TEXTS), bag_of("w", NUMBERS), bag_of("w", HashBuckets(9, 0))],
)
GRAPH = export_program(PORTABLE)


@given(tables())
def test_native_ids_are_the_oracles_at_every_instruction_set(table):
    assert check_parity(EVERYTHING, table).identical


@given(tables())
def test_int32_ids_are_the_int64_ids(table):
    narrow, wide = (EVERYTHING.transform(table, ids=width).sparse for width in ("int32", "int64"))
    assert (narrow.dtype, wide.dtype) == (np.int32, np.int64)
    assert np.array_equal(narrow, wide)


@given(tables())
def test_onnx_ids_are_the_native_ones(table):
    assert check_program(PORTABLE, GRAPH, table) == PortableCheck(len(table), 0.0, 0)


def test_an_output_without_columns_takes_no_part_anywhere():
    table = pa.table({"s": ["a"], "i": [1], "n": [0.5], "l": [["a", None, ""]], "w": [[1]]})
    nothing, number = counted("nothing", bag_of("l", TEXTS), 3, 0), DenseOutput("n", BUCKETS.expression, 0)
    for dense in ([nothing], [nothing, number], [number, nothing]):
        program = program_of(dense=dense)
        assert program.transform(table).dense.tolist() == [[2.0] * (len(dense) - 1)]
        assert check_parity(program, table).identical
        assert check_program(program, export_program(program), table) == PortableCheck(1, 0.0, 0)
