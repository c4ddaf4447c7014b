"""log1p and expm1: how near to the true values the oracle is, and that the kernels give its float64 bits."""

from __future__ import annotations

import numpy as np
import pytest
from kernel_inputs import column, hard_exponents, hard_logarithms

from mlops_runtime._native import Expression
from mlops_runtime.kernels.dense.elementary import expm1, log1p
from mlops_runtime.kernels.dense.reference import apply_step

LONG_DOUBLE = pytest.mark.skipif(np.finfo(np.longdouble).nmant < 63, reason="long double is no wider than double here")


def errors(got: np.ndarray, true: np.ndarray) -> tuple[float, float]:
    """The worst error relative to the true value, and after rounding to a normal float32 in ulps of that."""
    normal = (np.abs(true) > np.finfo(np.float32).tiny) & (np.abs(true) < np.finfo(np.float32).max)
    ulp = np.spacing(np.abs(true[normal]).astype(np.float32)).astype(np.longdouble)
    rounded = np.abs(got[normal].astype(np.float32) - true[normal]) / ulp
    return float((np.abs(got - true) / np.abs(true)).max()), float(rounded.max())


@LONG_DOUBLE
def test_log1p_keeps_the_bounds_that_it_states() -> None:
    x = hard_logarithms()
    x = x[np.isfinite(x) & (np.abs(x) > 1e-300) & (x >= -1.0 + 2.0**-53)]
    relative, ulps = errors(log1p(x), np.log1p(x.astype(np.longdouble)))
    assert relative < 2.0**-37.5
    assert ulps < 0.5001


@LONG_DOUBLE
def test_expm1_keeps_the_bounds_that_it_states() -> None:
    x = hard_exponents()
    x = x[np.isfinite(x) & (np.abs(x) > 1e-300) & (x > -64.0) & (x < 709.7)]
    relative, ulps = errors(expm1(x), np.expm1(x.astype(np.longdouble)))
    assert relative < 2.0**-43
    assert ulps < 0.5001


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("impute", [False, True])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(
    "step", [("log1p", []), ("signed_log1p", []), ("yeo_johnson", [0.37]), ("yeo_johnson", [-4.0])], ids=str
)
def test_hard_values_give_the_oracles_float64_bits(step: tuple[str, list[float]], dtype: type, impute: bool) -> None:
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        x = hard_logarithms().astype(dtype)
    steps = [("impute", np.array([0.5]))] * impute + [(step[0], np.array(step[1], np.float64))]
    expected = x.astype(np.float64)
    for name, parameters in steps:
        expected = apply_step(name, parameters, expected)
    got = Expression([0], "column", steps).evaluate(column(x))
    assert np.array_equal(np.isnan(got), np.isnan(expected))
    assert (got.view(np.uint64) == expected.view(np.uint64))[~np.isnan(expected)].all()
