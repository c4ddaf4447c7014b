"""Exact distances of two samples against SciPy, the oracle, and hand-made ties."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_inputs import awkward_floats, column
from scipy import stats

from mlops_runtime._native import SortedSample
from mlops_runtime.kernels.sample_distances.reference import Distances
from mlops_runtime.kernels.sample_distances.reference import sample_distances as reference

TYPES = ["bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]
TYPES += ["float16", "float32", "float64"]
finite_floats = st.lists(st.floats(-1e300, 1e300), min_size=1, max_size=60)
SEEN: dict[str, tuple[float, ...]] = {}  # the first level's and thread count's, for the others to equal
small_integers = st.lists(st.integers(-4, 4), min_size=1, max_size=60)


def native(values: object) -> SortedSample:
    return SortedSample(column(values), 0)


def between(a: object, b: object) -> Distances:
    return Distances(*native(a).distances(native(b)))


def finite(values: np.ndarray) -> np.ndarray:
    return values[np.isfinite(values)]


@pytest.mark.usefixtures("isa")
def test_a_sample_of_any_size_is_sorted_and_its_special_values_counted(size: int) -> None:
    values = awkward_floats(size)
    sample = native(values)
    assert sample.sorted_values().tobytes() == (np.sort(finite(values)) + 0.0).tobytes()
    assert (sample.count, sample.missing) == (len(finite(values)), np.isnan(values).sum())
    assert sample.positive_infinite == np.isposinf(values).sum()
    assert sample.negative_infinite == np.isneginf(values).sum()


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("name", TYPES)
def test_every_type_is_sorted_without_loss(name: str) -> None:
    rng = np.random.default_rng(1)
    dtype = np.dtype(name)
    values = rng.integers(0, 256, (5000, dtype.itemsize), np.uint8).view(dtype).ravel()
    values = values % 2 == 1 if name == "bool" else values
    with np.errstate(invalid="ignore"):  # bytes at random are signalling NaN too
        kept = finite(values)
    found = native(values).sorted_values()
    assert np.array_equal(found, np.sort(kept))


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize(
    "shape", ["normal", "one outlier", "few values", "clustered", "all bits", "sorted", "reversed", "equal"]
)
def test_every_shape_is_sorted_by_any_number_of_threads(shape: str) -> None:
    rng, n = np.random.default_rng(2), 300_001
    values = {
        "normal": lambda: rng.normal(size=n),
        "one outlier": lambda: np.append(rng.normal(size=n - 1) * 1e-9 + 1.0, -1e300),
        "few values": lambda: rng.integers(0, 7, n) * 0.1,
        "clustered": lambda: rng.choice([-1.0, 1e-300, 1.0, 1e9], n) * (1 + rng.integers(0, 1 << 20, n) * 2.0**-52),
        "all bits": lambda: finite(rng.integers(0, 2**64, n, np.uint64).view(np.float64)),
        "sorted": lambda: np.arange(n, dtype=np.float64),
        "reversed": lambda: -np.arange(n, dtype=np.float64),
        "equal": lambda: np.full(n, 0.1),
    }[shape]()
    assert np.array_equal(native(values).sorted_values(), np.sort(values))


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize(("n", "m"), [(1, 1), (1, 1000), (1000, 1), (7, 9), (999, 1001), (200_000, 131_072)])
@pytest.mark.parametrize("digits", [None, 1])
def test_distances_are_those_of_scipy(n: int, m: int, digits: int | None) -> None:
    rng = np.random.default_rng(n + m)
    a, b = rng.normal(size=n), rng.normal(0.1, 1.2, size=m)
    if digits is not None:
        a, b = a.round(digits), b.round(digits)
    found = between(a, b)
    method = "exact" if n * m < 1000 else "asymp"  # of the p-value, which is not looked at
    assert found.ks == pytest.approx(stats.ks_2samp(a, b, method=method).statistic, rel=1e-12, abs=1e-15)
    assert found.wasserstein == pytest.approx(stats.wasserstein_distance(a, b), rel=1e-12, abs=1e-15)
    assert found == pytest.approx(reference(a, b), rel=1e-10, abs=1e-15)
    if digits is None and min(n, m) > 1:
        expected = stats.cramervonmises_2samp(a, b, method="asymptotic").statistic
        assert found.cramer_von_mises == pytest.approx(expected, rel=1e-9)


@pytest.mark.filterwarnings("ignore:p-value")
def test_anderson_darling_is_scipy_s_before_its_normalisation() -> None:
    rng = np.random.default_rng(4)
    pairs = [(rng.normal(shift, 1, 80).round(1), rng.normal(0, 1, 50).round(1)) for shift in (0.0, 0.2, 0.5)]
    ours = [between(a, b).anderson_darling for a, b in pairs]
    theirs = [stats.anderson_ksamp([a, b], variant="right").statistic for a, b in pairs]
    slopes = np.diff(theirs) / np.diff(ours)  # SciPy's is (A² - 1) / σ, where σ depends on n and m alone
    assert slopes[0] == pytest.approx(slopes[1], rel=1e-9)
    assert theirs[0] == pytest.approx((ours[0] - 1.0) * slopes[0], rel=1e-9)


@given(finite_floats, finite_floats)
def test_any_two_samples_agree_with_the_oracle(a: list[float], b: list[float]) -> None:
    x, y = np.array(a), np.array(b)
    assert between(x, y) == pytest.approx(reference(x, y), rel=1e-9, abs=1e-12)


@given(small_integers, small_integers)
def test_ties_of_whole_numbers_agree_with_the_oracle(a: list[int], b: list[int]) -> None:
    x, y = np.array(a), np.array(b)
    expected = reference(x.astype(np.float64), y.astype(np.float64))
    assert between(x, y) == pytest.approx(expected, rel=1e-12, abs=1e-15)
    assert between(y, x) == pytest.approx(expected, rel=1e-12, abs=1e-15)
    assert between(x.astype(np.int8), y.astype(np.float64)) == between(x, y)


@pytest.mark.usefixtures("isa", "threads")
def test_the_bits_depend_neither_on_threads_nor_levels_nor_chunks() -> None:
    rng = np.random.default_rng(6)
    a, b = rng.normal(size=400_000).round(4), rng.standard_t(3, size=300_000)
    chunked = native(pa.chunked_array([a[:9], a[9:70_000], a[70_000:]])).distances(native(b))
    SEEN.setdefault("distances", chunked)
    assert chunked == native(a).distances(native(b)) == SEEN["distances"]


def test_missing_and_infinite_values_are_left_out() -> None:
    values = [1.0, None, math.inf, 2.0, math.nan, -math.inf]
    assert between(values, [1.0, 2.0]) == (0.0, 0.0, 0.0, 0.0)
    assert between(pa.array([5, None, 2**53 + 1]), pa.array([2**53 + 1, 5])) == (0.0, 0.0, 0.0, 0.0)


def test_slices_start_where_they_start() -> None:
    whole = pa.array([9.0, None, *range(100)], pa.float32())
    assert np.array_equal(native(whole.slice(5, 20)).sorted_values(), np.arange(3, 23))


def test_integers_above_two_to_the_53_keep_their_differences() -> None:
    a, b = np.array([2**62, 2**62 + 2]), np.array([2**62 + 1, 2**62 + 3])
    assert between(a, b).wasserstein == 1.0
    assert between(a.astype(np.uint64), b.astype(np.uint64)).wasserstein == 1.0
    with pytest.raises(ValueError, match="below 2\\^53 beside another type, got 46116860"):
        between(a, [1.0])


def test_disjoint_and_extreme_samples() -> None:
    assert between([0.0, 1.0], [2.0, 5.0])[:2] == (1.0, 3.0)
    assert between([-1.7e308], [1.7e308])[:2] == (1.0, math.inf)
    assert between([5e-324], [-5e-324]).wasserstein == 1e-323
    assert between([0.0], [-0.0]) == (0.0, 0.0, 0.0, 0.0)


@pytest.mark.parametrize("values", [[], [math.nan], [math.inf, None]])
def test_a_sample_without_a_value_has_no_distance(values: list[float]) -> None:
    empty = native(pa.array(values, pa.float64()))
    assert empty.count == 0
    with pytest.raises(ValueError, match="a finite value in each sample"):
        empty.distances(native([1.0]))


def test_strings_are_no_sample() -> None:
    with pytest.raises(ValueError, match="x"):
        native(["a"])
