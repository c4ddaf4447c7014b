"""Numbers: every statistic is the documented one, exactly where it says so, and scikit-learn's where that has one."""

import math
from fractions import Fraction

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MinMaxScaler,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)

from mlops_runtime.data import Column, Schema
from mlops_runtime.features import FeatureSpec, NumericFeature, fit_program
from mlops_runtime.features.fitting.power import yeo_johnson_lambda
from mlops_runtime.features.fitting.sample import gauss_knots, quantiles

FINITE = st.floats(allow_nan=False, allow_infinity=False)


def fit_one(values, kind="number", **options):
    spec = FeatureSpec(features=(NumericFeature(column="x", **{"indicator": False, **options}),))
    return fit_program(spec, pa.table({"x": values}), Schema((Column("x", kind),)))


def applied(values, **options):
    return fit_one(values, **options).transform(pa.table({"x": values})).dense[:, 0]


def steps(program):
    return {step.name: step.parameters.tolist() for step in program.dense[0].expression.steps}


@pytest.fixture(scope="module")
def skewed():
    values = np.random.default_rng(1).lognormal(size=3001)
    values[::7] = np.nan
    return values


@pytest.mark.parametrize(
    ("options", "peer"),
    [
        ({"impute": "mean"}, [SimpleImputer(strategy="mean"), StandardScaler()]),
        ({"impute": "median"}, [SimpleImputer(strategy="median"), StandardScaler()]),
        ({"impute": "mode"}, [SimpleImputer(strategy="most_frequent"), StandardScaler()]),
        (
            {"impute": "median", "transform": "log1p"},
            [SimpleImputer(strategy="median"), FunctionTransformer(np.log1p), StandardScaler()],
        ),
        (
            {"impute": "constant", "constant": 3.0, "transform": "sqrt"},
            [SimpleImputer(strategy="constant", fill_value=3.0), FunctionTransformer(np.sqrt), StandardScaler()],
        ),
        ({"impute": "median", "scale": "min_max"}, [SimpleImputer(strategy="median"), MinMaxScaler()]),
        ({"impute": "none", "scale": "robust"}, [RobustScaler()]),
        ({"impute": "none", "transform": "yeo_johnson"}, [PowerTransformer()]),
    ],
)
def test_a_feature_agrees_with_scikit_learn(skewed, options, peer):
    expected = make_pipeline(*peer).fit_transform(skewed[:, None])[:, 0]
    np.testing.assert_allclose(applied(skewed, **options), expected, rtol=2e-5, atol=2e-5)


def test_a_winsorised_feature_is_cut_at_its_quantiles_before_it_is_scaled(skewed):
    present = skewed[~np.isnan(skewed)]
    low, high = np.quantile(present, [0.05, 0.9])
    program = fit_one(present, winsorise=(0.05, 0.9))
    assert steps(program)["clip"] == pytest.approx([low, high], rel=1e-15)
    expected = StandardScaler().fit_transform(np.clip(present, low, high)[:, None])[:, 0]
    np.testing.assert_allclose(program.transform(pa.table({"x": present})).dense[:, 0], expected, rtol=1e-5, atol=1e-5)


def test_imputed_rows_count_in_the_deviation_of_a_winsorised_feature(skewed):
    program = fit_one(skewed, impute="mean", winsorise=(0.05, 0.9))
    got = program.transform(pa.table({"x": skewed})).dense[:, 0].astype(np.float64)
    assert got.mean() == pytest.approx(0.0, abs=1e-6)
    assert got.std() == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("distribution", ["normal", "lognormal", "standard_cauchy", "uniform"])
def test_ranks_become_the_normal_distribution_of_scikit_learn(distribution):
    values = getattr(np.random.default_rng(5), distribution)(size=20_000)
    peer = QuantileTransformer(output_distribution="normal", n_quantiles=20_000, subsample=None)
    expected = peer.fit_transform(values[:, None])[:, 0]
    got = applied(values, scale="rank_gauss")
    assert np.abs(got - expected)[np.abs(expected) < 3].max() < 0.02
    assert (got.min(), got.max()) == (np.float32(-5.2), np.float32(5.2))


def test_tied_values_share_the_middle_of_their_ranks():
    got = applied([0.0] * 500 + [1.0] * 500, scale="rank_gauss")
    assert got[0] == pytest.approx(-0.6745, abs=0.02)
    assert got[-1] == pytest.approx(0.6745, abs=0.02)


@given(st.lists(FINITE, min_size=1, max_size=50))
def test_the_knots_of_ranks_increase_and_have_finite_slopes(values):
    x, z = gauss_knots(np.sort(values)).reshape(2, -1)
    assert 1 <= len(x) <= 1000
    assert np.isfinite(np.diff(x)).all()
    assert (np.diff(x) > 0).all()
    assert np.isfinite(np.diff(z) / np.diff(x)).all()
    assert (np.diff(z) >= 0).all()
    assert np.abs(z).max() <= 5.2


@given(st.lists(st.floats(-1e300, 1e300), min_size=1, max_size=30), st.floats(0, 1))
def test_quantiles_are_those_of_numpy(values, level):
    ascending = np.sort(values)
    expected = np.quantile(ascending, level)
    (got,) = quantiles(ascending, np.array([level]))
    assert got == pytest.approx(expected, rel=1e-12, abs=1e-300 + 1e-12 * np.abs(ascending).max())
    assert ascending[0] <= got <= ascending[-1]


@pytest.mark.parametrize("distribution", ["normal", "lognormal", "exponential", "laplace"])
def test_lambda_is_the_one_of_scikit_learn(distribution):
    values = getattr(np.random.default_rng(7), distribution)(size=5000)
    expected = PowerTransformer().fit(values[:, None]).lambdas_[0]
    assert yeo_johnson_lambda(np.sort(values)) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("values", [[2.0, 2.0], [7.0], [-1e300, 1e300], [1e-300, 2e-300], [1e15, 1e15 + 1]])
def test_lambda_of_values_without_a_shape_is_harmless(values):
    lam = yeo_johnson_lambda(np.array(values))
    assert -5 <= lam <= 5
    assert np.isfinite(applied(values, transform="yeo_johnson")).all()


@given(st.lists(FINITE, min_size=1, max_size=30))
def test_mean_and_deviation_are_the_exact_ones_rounded(values):
    exact = [Fraction(value) for value in values]
    mean = sum(exact) / len(exact)
    variance = sum((value - mean) ** 2 for value in exact) / len(exact)
    center, scale = steps(fit_one(values))["affine"]
    assert center == float(mean)
    if variance < Fraction(2.0**-1022) ** 2:
        assert scale == 1.0
    elif scale >= 2.0**-1022:  # below, 1 / deviation has fewer bits
        assert float(Fraction(scale) ** 2 * variance) == pytest.approx(1.0, rel=1e-14)


@pytest.mark.parametrize("transform", ["log1p", "signed_log1p", "sqrt"])
def test_the_mean_of_a_transformed_feature_takes_infinite_values_as_the_fill(transform):
    values = [1.0, 3.0, 8.0, math.inf, -math.inf, math.nan]
    as_filled = [1.0, 3.0, 8.0, 3.0, 3.0, 3.0]
    got, expected = (steps(fit_one(v, transform=transform))["affine"] for v in (values, as_filled))
    assert got == expected


def test_infinite_values_are_imputed_and_count_for_nothing():
    assert steps(fit_one([1.0, 3.0, math.inf, -math.inf])) == {
        "impute": [2.0],
        "affine": [2.0, pytest.approx(math.sqrt(2))],
    }


def test_given_bounds_come_first_and_make_infinite_values_finite():
    program = fit_one([1.0, 3.0, math.inf, -math.inf], clip=(0.0, 5.0), scale="min_max", impute="mean")
    assert steps(program) == {"clip": [0.0, 5.0], "impute": [2.25], "affine": [0.0, 0.2]}


def test_nothing_is_imputed_when_nothing_shall_be():
    got = applied([1.0, math.nan, 3.0], impute="none")
    np.testing.assert_array_equal(got, np.array([-1.0, math.nan, 1.0], np.float32))


@pytest.mark.parametrize("scale", ["standard", "min_max", "robust"])
def test_a_constant_is_centred_and_not_scaled(scale):
    assert steps(fit_one([5.0, 5.0, 5.0], scale=scale))["affine"] == [5.0, 1.0]


@pytest.mark.parametrize("scale", ["standard", "min_max", "robust", "rank_gauss", "none"])
@pytest.mark.parametrize("transform", ["none", "log1p", "yeo_johnson"])
def test_a_column_without_any_value_becomes_zero(scale, transform):
    options = {"scale": scale, "transform": transform, "winsorise": (0.1, 0.9)}
    assert applied(pa.nulls(3, pa.float64()), **options).tolist() == [0.0, 0.0, 0.0]


def test_a_column_without_any_value_takes_the_constant():
    assert steps(fit_one([None, None], impute="constant", constant=9.0))["impute"] == [9.0]


@given(st.lists(FINITE | st.sampled_from([math.inf, -math.inf, math.nan]), min_size=1, max_size=20), st.data())
def test_what_was_fitted_on_any_numbers_gives_finite_numbers(values, data):
    options = {
        "impute": data.draw(st.sampled_from(["median", "mean", "mode", "constant"])),
        "transform": data.draw(st.sampled_from(["none", "log1p", "signed_log1p", "sqrt", "yeo_johnson"])),
        "scale": data.draw(st.sampled_from(["standard", "min_max", "robust", "rank_gauss", "none"])),
        "winsorise": data.draw(st.sampled_from([None, (0.1, 0.9)])),
        "clip": data.draw(st.sampled_from([None, (-1.0, 1e300)])),
    }
    assert np.isfinite(applied(values, **options)).all()


def test_an_indicator_is_added_when_the_data_has_missing_values():
    assert fit_one([1.0, None], indicator="auto").dense_names == ("x", "x:missing")
    assert fit_one([1.0, 2.0], indicator="auto").dense_names == ("x",)
    assert fit_one([1.0, 2.0], indicator=True).dense_names == ("x", "x:missing")


def test_two_columns_are_combined_before_anything_else():
    spec = FeatureSpec.from_yaml(
        "features: [{kind: numeric, combine: {left: a, operation: divide, right: b}, impute: mean, scale: none}]"
    )
    table = pa.table({"a": [1.0, 9.0, 5.0, None], "b": [2.0, 3.0, 0.0, 1.0]})
    program = fit_program(spec, table, Schema((Column("a", "number"), Column("b", "number"))))
    assert program.transform(table).dense.tolist() == [[0.5, 0.0], [3.0, 0.0], [1.75, 0.0], [1.75, 1.0]]
    assert program.dense_names == ("a / b", "a / b:missing")


def test_a_sample_stands_for_more_values_than_it_holds():
    values = np.random.default_rng(2).lognormal(size=400_000)
    program = fit_one(values, winsorise=(0.01, 0.99))
    low, high = steps(program)["clip"]
    assert abs((values <= low).mean() - 0.01) < 0.0064
    assert abs((values <= high).mean() - 0.99) < 0.0064
