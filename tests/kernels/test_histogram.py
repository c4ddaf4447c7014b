"""Histogram against numpy.searchsorted."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_inputs import awkward_floats, column

from mlops_runtime._native import Histogram
from mlops_runtime.kernels.histogram.reference import histogram as reference

finite_floats = st.floats(allow_nan=False, allow_infinity=False)


def native(values: object, edges: np.ndarray) -> Histogram:
    state = Histogram(edges)
    state.update(column(values), 0)
    return state


EDGES = {
    "one": np.array([0.0]),
    "few": np.array([-1.0, 0.0, 0.5, 1e9]),
    "quantiles": np.quantile(np.random.default_rng(0).normal(size=10_000), np.linspace(0, 1, 257)[1:-1]),
    "logarithmic": np.logspace(-10, 10, 255),
    "both signs": np.concatenate([-np.logspace(10, -10, 60), np.logspace(-10, 10, 60)]),
    "clustered": np.concatenate([[-1e300], np.linspace(1, 1 + 1e-9, 50), [1e300]]),
    "whole range": np.array([-1.7e308, 0.0, 1.7e308]),
    "subnormal": np.array([0.0, 5e-324, 1e-323]),
    "most": np.linspace(-1, 1, 65_532),
}


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("name", EDGES)
def test_counts_agree_with_searchsorted(name: str) -> None:
    edges = EDGES[name]
    near = np.concatenate([edges, np.nextafter(edges, -np.inf), np.nextafter(edges, np.inf)])[:6000]
    values = np.concatenate([awkward_floats(10_000), near, np.random.default_rng(5).normal(size=10_000)])
    state = native(values, edges)
    assert state.counts.tolist() == reference(values, edges).tolist()
    assert state.missing == np.isnan(values).sum()
    assert state.positive_infinite == np.isposinf(values).sum()
    assert state.negative_infinite == np.isneginf(values).sum()


@pytest.mark.usefixtures("isa")
def test_any_size_is_counted_whole(size: int) -> None:
    values = awkward_floats(size)
    assert native(values, EDGES["quantiles"]).counts.tolist() == reference(values, EDGES["quantiles"]).tolist()


@given(st.lists(finite_floats, min_size=1, unique=True), st.lists(st.floats(width=64)))
def test_any_edges_and_values_agree_with_searchsorted(edges: list[float], values: list[float]) -> None:
    ordered = np.unique(np.array(edges) + 0.0)
    numbers = np.array([*values, *edges], np.float64)
    assert native(numbers, ordered).counts.tolist() == reference(numbers, ordered).tolist()


def test_zeros_of_both_signs_share_a_slot() -> None:
    assert native([-0.0, 0.0], np.array([0.0, 1.0])).counts.tolist() == [2, 0, 0]
    assert native([-0.0, 0.0], np.array([-0.0])).counts.tolist() == [2, 0]


@pytest.mark.usefixtures("isa", "threads")
def test_parts_merge_to_the_whole() -> None:
    values = awkward_floats(150_000, seed=2)
    edges = EDGES["logarithmic"]
    merged = native(values[:77_777], edges)
    merged.merge(native(values[77_777:], edges))
    whole = native(pa.chunked_array([values[:9], values[9:]]), edges)
    assert merged.counts.tolist() == whole.counts.tolist()
    assert (merged.missing, merged.positive_infinite) == (whole.missing, whole.positive_infinite)


def test_other_edges_do_not_merge() -> None:
    with pytest.raises(ValueError, match="the same edges"):
        native([1.0], EDGES["one"]).merge(native([1.0], EDGES["few"]))


@pytest.mark.parametrize(
    "edges", [[], [np.nan], [0.0, np.inf], [1.0, 1.0], [2.0, 1.0], [-0.0, 0.0], list(range(65_533))]
)
def test_edges_must_be_finite_and_increasing(edges: list[float]) -> None:
    with pytest.raises(ValueError, match="strictly increasing"):
        Histogram(np.array(edges, np.float64))


def test_edges_of_another_type_are_refused() -> None:
    with pytest.raises(TypeError):
        Histogram(np.array([1.0], np.float32))


def slots_of(values: Sequence[float], edges: Sequence[int]) -> list[int]:
    counts = [0] * (len(edges) + 1)
    for value in values:
        counts[sum(edge < value for edge in edges)] += 1
    return counts


@pytest.mark.usefixtures("isa", "threads")
@pytest.mark.parametrize("base", [0, 2**53 - 2, 2**60, 2**63 - 600, -(2**63), -(2**62) - 300])
def test_integers_over_integer_edges_are_compared_without_rounding(base: int) -> None:
    edges = [base + step for step in (0, 1, 2, 7, 300, 301, 512)]
    values = [base + step for step in range(520)]
    state = native(pa.array([*values, None], pa.int64()), np.array(edges))
    assert (state.counts.tolist(), state.missing) == (slots_of(values, edges), 1)


@pytest.mark.usefixtures("isa")
def test_integers_over_float_edges_are_compared_without_rounding() -> None:
    edges = [-(2.0**53), 2.0**53, 2.0**60, 2.0**63]
    values = [int(edge) + step for edge in edges for step in (-3, -2, -1, 0, 1, 2, 3) if int(edge) + step > 0]
    state = native(pa.array(values, pa.uint64()), np.array(edges))
    assert state.counts.tolist() == slots_of(values, [int(edge) for edge in edges])


def test_integer_edges_take_values_of_every_type() -> None:
    edges = np.array([0, 2**63, 2**64 - 1], np.uint64)
    floats = [-math.inf, -1e300, -0.5, 0.0, 0.5, 2.0**63, math.nextafter(2.0**63, math.inf), 2.0**64, 1e300, math.nan]
    state = native(floats, edges)
    finite = [value for value in floats if math.isfinite(value)]
    assert state.counts.tolist() == slots_of(finite, edges.tolist())
    assert (state.missing, state.negative_infinite) == (1, 1)
    assert native(pa.array([-5, 0, 7], pa.int8()), edges).counts.tolist() == [2, 1, 0, 0]


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, unique=True), st.lists(st.integers(-(2**63), 2**63 - 1)))
def test_any_integers_agree_with_counting_one_by_one(edges: list[int], values: list[int]) -> None:
    numbers = [*values, *edges]
    state = native(pa.array(numbers, pa.int64()), np.array(sorted(edges), np.int64))
    assert state.counts.tolist() == slots_of(numbers, sorted(edges))
