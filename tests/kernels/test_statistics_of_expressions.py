"""Statistics of an expression are those of a column that holds its values."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from kernel_inputs import awkward_floats, column

from mlops_runtime._native import ArrowTable, Expression, Histogram, Moments, QuantileSample

STEPS = [("clip", np.array([-1e6, 1e6])), ("signed_log1p", np.array([]))]


def table_of(size: int) -> ArrowTable:
    left = pa.array(awkward_floats(size), mask=np.arange(size) % 11 == 3)
    right = pa.array(np.arange(size) - 2000, pa.int32())
    return ArrowTable(pa.table({"left": left, "right": right}))


EXPRESSIONS = {
    "column": Expression([0], "column", []),
    "steps": Expression([0], "column", STEPS),
    "product": Expression([0, 1], "multiply", STEPS),
}


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("name", EXPRESSIONS)
def test_moments_of_an_expression_are_those_of_its_values(name: str, size: int) -> None:
    table, expression = table_of(size), EXPRESSIONS[name]
    of_expression, of_values = Moments(), Moments()
    of_expression.update(table, expression)
    of_values.update(column(expression.evaluate(table)), 0)
    assert of_expression.to_bytes() == of_values.to_bytes()


@pytest.mark.usefixtures("isa", "threads")
@pytest.mark.parametrize("name", EXPRESSIONS)
def test_samples_and_histograms_of_an_expression_are_those_of_its_values(name: str) -> None:
    table, expression = table_of(150_001), EXPRESSIONS[name]
    values = column(expression.evaluate(table))
    samples = [QuantileSample(1000, 5), QuantileSample(1000, 5)]
    samples[0].update(table, expression, 77)
    samples[1].update(values, 0, 77)
    histograms = [Histogram(np.linspace(-9, 9, 40)), Histogram(np.linspace(-9, 9, 40))]
    histograms[0].update(table, expression)
    histograms[1].update(values, 0)
    assert samples[0].sorted_values().tobytes() == samples[1].sorted_values().tobytes()
    assert histograms[0].to_bytes() == histograms[1].to_bytes()


def test_integers_of_an_expression_are_rounded_to_float64() -> None:
    table = column(pa.array([2**53 + 1, 3], pa.int64()))
    exact, rounded = Moments(), Moments()
    exact.update(table, 0)
    rounded.update(table, Expression([0], "column", []))
    assert exact.sums()[0] == (2**53 + 4) << 1074
    assert rounded.sums()[0] == (2**53 + 3) << 1074


def test_an_expression_that_the_table_does_not_suit_is_refused() -> None:
    with pytest.raises(ValueError, match="column"):
        Moments().update(column(["text"]), Expression([0], "column", []))
    with pytest.raises(ValueError, match="column"):
        Moments().update(column([1.0]), Expression([1], "column", []))
    with pytest.raises(TypeError):
        Moments().update(column([1.0]), "x")  # type: ignore[arg-type]
