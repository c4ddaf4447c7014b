"""The native executor against the oracle: every step, at every instruction set, on values chosen to hurt."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_runtime.data import Column, Schema
from mlops_runtime.features import FeatureProgram
from mlops_runtime.features.encoders import ExpressionIds, HashIds, VocabularyIds
from mlops_runtime.features.expression import (
    DATE_PARTS,
    OPERATIONS,
    Arithmetic,
    ColumnValue,
    Expression,
    Step,
    VocabularyId,
)
from mlops_runtime.features.fitting.sample import gauss_knots
from mlops_runtime.features.fitting.zone import zone_transitions
from mlops_runtime.features.outputs import DenseOutput, SparseOutput
from mlops_runtime.features.parity import check_parity
from mlops_runtime.features.vocabulary import FittedVocabulary

TINY, LARGE, LARGE_F32 = 5e-324, np.finfo(np.float64).max, float(np.finfo(np.float32).max)
HARD = np.array(
    [
        *(0.0, 1.0, -1 + 2.0**-53, 0.25, 0.5, 1.5, 1e-300, 1e-16, 1e-8, 709.8, 745.2, 2.0**53, 2.0**53 + 2, 2.0**63),
        *(np.inf, np.nan, TINY, 2.0**-1022, np.nextafter(2.0**-1022, 0), LARGE, 1.4e-45, 7e-46, 1.1754942e-38),
        *(LARGE_F32, np.nextafter(LARGE_F32, np.inf), LARGE_F32 * (1 + 2.0**-25)),
        *(86400e6, 86400e6 - 1, 253402300800e6, 62135596800e6),  # days, and the ends of the calendar
    ]
)
HARD = np.concatenate([HARD, -HARD, np.nextafter(HARD, 9), -np.nextafter(HARD, 0), 3 * HARD[:12]])
FINITE = st.floats(allow_nan=False, allow_infinity=False)
SCALES = FINITE.filter(lambda value: value != 0)
INCREASING = st.lists(st.floats(-1e300, 1e300).map(lambda x: x + 0.0), min_size=1, max_size=20, unique=True).map(sorted)

STEPS = st.one_of(
    st.builds(lambda fill: Step("impute", [fill]), FINITE),
    st.builds(lambda bounds: Step("clip", sorted(bounds)), st.tuples(FINITE, FINITE)),
    st.sampled_from([Step(name) for name in ("log1p", "signed_log1p", "sqrt", "is_missing")]),
    st.builds(lambda lam: Step("yeo_johnson", [lam]), st.one_of(st.sampled_from([0.0, 1.0, 2.0]), st.floats(-5, 5))),
    st.builds(lambda center, scale: Step("affine", [center, scale]), FINITE, SCALES),
    st.builds(lambda values: Step("interpolate", gauss_knots(np.array(values))), INCREASING),
    st.builds(lambda edges: Step("bucket", edges), INCREASING),
    st.builds(lambda values: Step("table", values), st.lists(FINITE | st.just(np.nan), min_size=1, max_size=9)),
    st.builds(lambda key: Step("equals", [key]), st.integers(-2, 9).map(float) | FINITE),
    st.builds(
        lambda zone: Step("local_time", zone_transitions(zone)), st.sampled_from(["Europe/Berlin", "Asia/Dubai"])
    ),
    st.sampled_from([Step(f"date_{part}") for part in DATE_PARTS]),
)
CODES = VocabularyId("k", FittedVocabulary(pa.array([7, -1, 0]), np.array([3, 2, 1]), 2))
ID_STEPS = st.one_of(  # a table of ids has a value for each
    st.builds(lambda values: Step("table", values), st.lists(FINITE | st.just(np.nan), min_size=5, max_size=5)),
    st.builds(lambda key: Step("equals", [key]), st.integers(0, 5).map(float)),
)
FIRST = st.one_of(
    st.just(Expression(ColumnValue("x"))),
    st.builds(lambda operation: Expression(Arithmetic(operation, "x", "y")), st.sampled_from(OPERATIONS)),
    st.builds(lambda step: Expression(CODES, (step,)), ID_STEPS),
)
EXPRESSIONS = st.builds(lambda first, steps: first.then(*steps), FIRST, st.lists(STEPS, max_size=4))
SCHEMA = Schema((Column("x", "number"), Column("y", "number"), Column("k", "number"), Column("t", "string")))


def dense_program(*expressions):
    outputs = [DenseOutput(str(position), expression, 0) for position, expression in enumerate(expressions)]
    return FeatureProgram(SCHEMA, tuple(outputs), (), (), 0)


def differing(program, table):
    return [(entry.backend, entry.output, entry.max_ulp) for entry in check_parity(program, table).refused]


def hard_table(rows, seed):
    """Values that hurt, among any bit patterns."""
    random = np.random.default_rng(seed)
    anything = np.frombuffer(random.bytes(8 * rows), np.float64)
    x = np.where(random.random(rows) < 0.5, random.choice(HARD, rows), anything)
    y = np.where(random.random(rows) < 0.5, random.choice(HARD, rows), random.normal(size=rows))
    k = pa.array(random.integers(-2, 9, rows), mask=random.random(rows) < 0.1)
    texts = pa.array(["a", "b", "", None, "é" * 40, "a key of sixteen", "seventeen letters", "x" * 300])
    return pa.table({"x": x, "y": y, "k": k, "t": texts.take(pa.array(random.integers(0, len(texts), rows)))})


@given(st.lists(EXPRESSIONS, min_size=1, max_size=4), st.integers(0, 600), st.integers(0, 2**32 - 1))
def test_any_expressions_give_the_bits_of_the_oracle(expressions, rows, seed):
    assert differing(dense_program(*expressions), hard_table(rows, seed)) == []


@pytest.fixture(scope="module")
def million():
    return hard_table(1_000_000, 1)


def of_x(*steps):
    return Expression(ColumnValue("x"), steps)


ZONE = Step("local_time", zone_transitions("Europe/Berlin"))
KNOTS = Step("interpolate", gauss_knots(np.sort(np.random.default_rng(0).lognormal(size=5000))))
GROUPS = {
    "sources": [of_x(), *(Expression(Arithmetic(operation, "x", "y")) for operation in OPERATIONS)],
    "scales": [
        of_x(Step("impute", [1.5]), Step("affine", [0.1, 3.0])),
        of_x(Step("clip", [-2.5, 1e9]), Step("affine", [-1e300, 1e-300])),
        of_x(Step("is_missing")),
        of_x(Step("impute", [-0.0]), Step("equals", [0.0])),
    ],
    "powers": [
        of_x(Step("log1p")),
        of_x(Step("impute", [1.0]), Step("signed_log1p"), Step("affine", [0.3, 1.7])),
        of_x(Step("sqrt")),
        *(of_x(Step("yeo_johnson", [power])) for power in (-1.3, 0.0, 0.7, 2.0, 5.0)),
    ],
    "lookups": [
        of_x(KNOTS),
        of_x(Step("bucket", np.linspace(-3, 3, 100)), Step("table", np.random.default_rng(2).normal(size=101))),
        Expression(ColumnValue("k"), (Step("table", [1.0, np.nan, 3.0]),)),
    ],
    "dates": [of_x(ZONE, Step(f"date_{part}")) for part in DATE_PARTS],
}


@pytest.mark.parametrize("group", GROUPS)
def test_a_million_hard_rows_give_the_same_bits_at_every_level(million, group):
    assert differing(dense_program(*GROUPS[group]), million) == []


def test_the_ids_of_a_million_hard_rows_are_the_same_at_every_level(million):
    texts = FittedVocabulary(pa.array(["a", "é" * 40, "x" * 300]), np.array([3, 2, 1]), 2)
    buckets = Expression(ColumnValue("x"), (Step("bucket", np.linspace(-1, 1, 9)),))
    encoders = {
        "codes": VocabularyIds("k", CODES.vocabulary),
        "texts": VocabularyIds("t", texts),
        "hash": HashIds(("t",), 1000, 3),
        "cross": HashIds(("t", "k"), 2**31 - 1, 2**53 - 1),
        "buckets": ExpressionIds(buckets, 11),
        "clamped": ExpressionIds(buckets.then(Step("table", np.arange(10.0)[::-1])), 7),
    }
    sparse = tuple(SparseOutput(name, encoder, 0) for name, encoder in encoders.items())
    ids = Expression(VocabularyId("t", texts), (Step("equals", [3.0]),))
    program = FeatureProgram(SCHEMA, (DenseOutput("hot", ids, 0),), sparse, (), 0)
    assert differing(program, million) == []
