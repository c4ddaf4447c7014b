"""Fitting: the documented statistics, exactly, however the rows are cut into parts."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import StandardScaler

from mlops_runtime.core.errors import ConfigError, EmptyInputError, SchemaError
from mlops_runtime.data import Column, Schema
from mlops_runtime.features import CategoryFeature, FeatureSpec, FitState, NumericFeature, fit_program

SCHEMA = Schema((Column("n", "number"), Column("c", "string"), Column("i", "integer"), Column("t", "timestamp")))
SPEC = FeatureSpec(
    features=(
        NumericFeature(column="n"),
        CategoryFeature(column="c", min_count=2, max_size=3),
        CategoryFeature(column="i"),
        NumericFeature(column="t", impute="mean"),
    )
)


def table(rows, seed=0):
    random = np.random.default_rng(seed)
    numbers = random.normal(size=rows) * 10.0 ** random.integers(-300, 300, rows)
    return pa.table(
        {
            "n": pa.array(np.where(random.random(rows) < 0.1, np.nan, numbers)),
            "c": pa.array(random.choice(["a", "b", "c", "d", "é", ""], rows)).dictionary_encode(),
            "i": pa.array(2**60 + random.integers(0, 4, rows), mask=random.random(rows) < 0.1),
            "t": pa.array(random.integers(0, 2**50, rows)).cast(pa.timestamp("us", "UTC")),
        }
    )


def fit_one(values, feature, kind="number"):
    return fit_program(FeatureSpec(features=(feature,)), pa.table({"x": values}), Schema((Column("x", kind),)))


def parameters(output):
    return [value for step in output.expression.steps for value in step.parameters.tolist()]


@given(st.lists(st.integers(0, 500), max_size=5), st.randoms(use_true_random=False))
def test_parts_merge_to_the_program_of_the_whole(cuts, random):
    whole = table(500)
    edges = sorted({0, 500, *cuts})
    states = []
    for begin, end in itertools.pairwise(edges):
        state = FitState(SPEC, SCHEMA)
        state.update(whole.slice(begin, end - begin), first_row=begin)
        states.append(state)
    random.shuffle(states)
    for state in states[1:]:
        states[0].merge(state)
    assert states[0].finish().document == fit_program(SPEC, whole, SCHEMA).document


@pytest.mark.parametrize("impute", ["median", "mean"])
def test_imputing_and_scaling_agree_with_scikit_learn(impute):
    values = np.random.default_rng(1).lognormal(size=1001)
    values[::7] = np.nan
    program = fit_one(values, NumericFeature(column="x", impute=impute))
    expected = StandardScaler().fit_transform(SimpleImputer(strategy=impute).fit_transform(values[:, None]))
    assert program.dense_names == ("x", "x:missing")
    got = program.transform(pa.table({"x": values})).dense
    np.testing.assert_allclose(got[:, 0], expected[:, 0], rtol=1e-6, atol=1e-6)
    np.testing.assert_array_equal(got[:, 1], np.isnan(values))


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=30))
def test_mean_and_deviation_are_the_exact_ones_rounded(values):
    (output,) = fit_one(values, NumericFeature(column="x", indicator=False)).dense
    exact = [Fraction(value) for value in values]
    mean = sum(exact) / len(exact)
    variance = sum((value - mean) ** 2 for value in exact) / len(exact)
    center, scale = output.expression.steps[1].parameters
    assert center == float(mean)
    if variance < Fraction(2.0**-1022) ** 2:
        assert scale == 1.0
    elif scale >= 2.0**-1022:  # below, 1 / deviation has fewer bits
        assert float(Fraction(scale) ** 2 * variance) == pytest.approx(1.0, rel=1e-14)


def test_infinite_values_are_imputed_and_count_for_nothing():
    (output,) = fit_one([1.0, 3.0, math.inf, -math.inf], NumericFeature(column="x", indicator=False)).dense
    assert parameters(output) == [2.0, 2.0, pytest.approx(math.sqrt(2))]


def test_a_constant_is_centred_and_not_scaled():
    (output,) = fit_one([5, 5, 5], NumericFeature(column="x")).dense
    assert parameters(output)[1:] == [5.0, 1.0]


def test_a_column_without_any_value_is_filled_with_zero_or_the_constant():
    assert parameters(fit_one([None, None], NumericFeature(column="x")).dense[0])[0] == 0.0
    assert (
        parameters(fit_one([None, None], NumericFeature(column="x", impute="constant", constant=9.0)).dense[0])[0]
        == 9.0
    )


def test_ids_follow_descending_frequency_then_bytes():
    texts = ["b"] * 3 + ["a"] * 3 + ["é"] * 4 + ["rare"] + ["d"] * 2 + ["e"] * 2 + [None, ""]
    program = fit_one(texts, CategoryFeature(column="x", min_count=2, max_size=4), "string")
    keys = ["é", "a", "b", "d", "e", "rare", "never", None, ""]
    assert program.transform(pa.table({"x": keys})).sparse[:, 0].tolist() == [3, 4, 5, 6, 1, 1, 2, 0, 0]
    assert program.cardinalities == (7,)


def test_numbers_can_be_codes_and_a_fraction_is_an_unseen_code():
    program = fit_one([10, 20, 20, None], CategoryFeature(column="x"), "number")
    live = pa.table({"x": [20.0, 10.0, 10.5, 30.0, math.nan, math.inf]})
    assert program.transform(live).sparse[:, 0].tolist() == [3, 4, 2, 2, 0, 2]


@pytest.mark.parametrize(
    ("feature", "kind", "advice"),
    [
        (NumericFeature(column="x"), "string", "make it a category"),
        (CategoryFeature(column="x"), "timestamp", "make it a numeric"),
    ],
)
def test_a_feature_of_the_wrong_kind_is_refused(feature, kind, advice):
    with pytest.raises(SchemaError, match=advice):
        FitState(FeatureSpec(features=(feature,)), Schema((Column("x", kind),)))


def test_a_table_without_rows_is_refused():
    with pytest.raises(EmptyInputError, match="rows to fit on"):
        fit_program(SPEC, table(5).slice(0, 0), SCHEMA)


def test_states_of_different_specifications_do_not_merge():
    other = FeatureSpec(features=SPEC.features[:2])
    with pytest.raises(ConfigError, match="same specification"):
        FitState(SPEC, SCHEMA).merge(FitState(other, SCHEMA))


def test_an_indicator_that_collides_with_a_column_is_refused():
    spec = FeatureSpec(features=(NumericFeature(column="x"), NumericFeature(column="x:missing")))
    with pytest.raises(ConfigError, match="`x:missing` twice"):
        fit_program(
            spec,
            pa.table({"x": [1, None], "x:missing": [1, 2]}),
            Schema((Column("x", "number"), Column("x:missing", "number"))),
        )
