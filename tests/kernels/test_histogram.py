"""Histogram against numpy.searchsorted."""

from __future__ import annotations

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
    "most": np.linspace(-1, 1, 65_535),
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
    "edges", [[], [np.nan], [0.0, np.inf], [1.0, 1.0], [2.0, 1.0], [-0.0, 0.0], list(range(65_536))]
)
def test_edges_must_be_finite_and_increasing(edges: list[float]) -> None:
    with pytest.raises(ValueError, match="strictly increasing"):
        Histogram(np.array(edges, np.float64))


def test_edges_of_another_type_are_refused() -> None:
    with pytest.raises(TypeError):
        Histogram(np.array([1.0], np.float32))  # type: ignore[arg-type]
