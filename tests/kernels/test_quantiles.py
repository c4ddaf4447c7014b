"""QuantileSample against sorting every key."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from kernel_inputs import awkward_floats, column

from mlops_runtime._native import QuantileSample
from mlops_runtime.kernels.quantiles.reference import sample as reference


def native(values: object, *, capacity: int = 500, seed: int = 9, first_row: int = 0) -> QuantileSample:
    state = QuantileSample(capacity, seed)
    state.update(column(values), 0, first_row)
    return state


@pytest.mark.usefixtures("isa")
def test_any_size_gives_the_sample_of_the_reference(size: int) -> None:
    values = awkward_floats(size)
    state = native(values, first_row=12)
    assert state.sorted_values().tobytes() == reference(values, capacity=500, seed=9, first_row=12).tobytes()
    assert state.count == np.isfinite(values).sum()


@pytest.mark.usefixtures("isa", "threads")
def test_parts_in_any_order_merge_to_the_sample_of_the_whole() -> None:
    values = awkward_floats(200_000, seed=6)
    whole = native(pa.chunked_array([values[:10], values[10:]]))
    merged = native(values[150_000:], first_row=150_000)
    merged.merge(native(values[:150_000]))
    assert merged.sorted_values().tobytes() == whole.sorted_values().tobytes()
    assert merged.sorted_values().tobytes() == reference(values, capacity=500, seed=9).tobytes()
    assert merged.count == whole.count


def test_a_sample_that_holds_everything_is_exact() -> None:
    values = np.random.default_rng(0).normal(size=500)
    assert native(values).sorted_values().tolist() == sorted(values.tolist())


def test_values_of_both_signs_and_every_magnitude_come_out_sorted() -> None:
    values = np.random.default_rng(2).integers(0, 2**64 - 1, size=20_000, dtype=np.uint64).view(np.float64)
    values = np.concatenate([values[np.isfinite(values)], [0.0, -0.0, 5e-324, -5e-324, 1.7e308, -1.7e308]])
    expected = np.sort(values + 0.0)
    assert native(values, capacity=2**16).sorted_values().tobytes() == expected.tobytes()


def test_quantiles_of_a_sample_are_near_those_of_the_whole() -> None:
    values = np.random.default_rng(1).random(300_000)
    median = np.median(native(values, capacity=10_000).sorted_values())
    assert abs(median - 0.5) < 5 / (2 * np.sqrt(10_000))


def test_another_seed_gives_another_sample() -> None:
    values = np.arange(10_000.0)
    assert native(values, seed=1).sorted_values().tolist() != native(values, seed=2).sorted_values().tolist()


def test_samples_of_another_shape_do_not_merge() -> None:
    with pytest.raises(ValueError, match="capacity and seed"):
        native([1.0]).merge(native([1.0], seed=8))
    with pytest.raises(ValueError, match="capacity and seed"):
        native([1.0]).merge(native([1.0], capacity=8))


@pytest.mark.parametrize("capacity", [0, -1, 2**33])
def test_a_capacity_out_of_range_is_refused(capacity: int) -> None:
    with pytest.raises(ValueError, match="capacity"):
        QuantileSample(capacity)
