"""The keyed permutation against its oracle: every number once, no key or place preferred."""

from __future__ import annotations

import math
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from mlops_runtime import _native
from mlops_runtime._native import Permutation
from mlops_runtime.kernels.permutation.reference import permutation_positions, permutation_rows

LARGE = [2**16 - 1, 2**16, 2**16 + 1, 10**6, 2**31 + 11, 2**32, 2**40 - 1, 10**15 + 37, 2**62 - 1, 2**62]
KEYS = st.integers(0, 2**64 - 1)
VECTORS = {
    (10, 0, 0): [3, 0, 5, 6, 9, 1, 8, 4, 7, 2],
    (1000, 1, 0): [217, 552, 679, 570, 613, 937, 401, 503],
    (10**6, 0x0123456789ABCDEF, 0xFEDCBA9876543210): [127983, 657764, 855299, 304160, 283428, 715688, 530031, 366897],
    (2**40, 2**64 - 1, 2**64 - 1): [295037319174, 310716190223, 659531098186, 447385823711],
}


def whole(size: int, key_low: int, key_high: int = 0) -> NDArray[np.int64]:
    return Permutation(size, key_low, key_high).rows(0, size)


def surprise(counts: NDArray[np.int64], expected: NDArray[np.float64] | float, degrees: int) -> float:
    """How many standard deviations the chi-squared statistic lies from its mean."""
    statistic = float(((counts - expected) ** 2 / expected).sum())
    return (statistic - degrees) / math.sqrt(2 * degrees)


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("vector", VECTORS.items(), ids=lambda vector: str(vector[0][0]))
def test_the_test_vectors_come_out(vector: tuple[tuple[int, int, int], list[int]]) -> None:
    (size, key_low, key_high), rows = vector
    assert Permutation(size, key_low, key_high).rows(0, len(rows)).tolist() == rows
    assert permutation_rows(size, key_low, key_high, 0, len(rows)).tolist() == rows


@pytest.mark.usefixtures("isa")
def test_every_size_up_to_3000_is_a_bijection() -> None:
    for size in range(3001):
        rows = whole(size, size * 7919, ~size & 2**64 - 1)
        assert np.array_equal(np.sort(rows), np.arange(size)), size


@pytest.mark.usefixtures("isa")
@given(st.integers(1, 2**62), KEYS, KEYS, st.integers(0, 700), st.integers(0, 2**62))
def test_any_part_of_any_permutation_is_the_oracle_s(size: int, low: int, high: int, count: int, start: int) -> None:
    start %= size
    count = min(count, size - start)
    rows = Permutation(size, low, high).rows(start, count)
    assert np.array_equal(rows, permutation_rows(size, low, high, start, count))


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("size", LARGE)
def test_large_permutations_come_back_by_the_inverse_and_repeat_nothing(size: int) -> None:
    for start in (0, size // 3, size - 20_000):
        rows = Permutation(size, 42, size).rows(start, 20_000)
        assert rows.min() >= 0
        assert rows.max() < size
        assert len(np.unique(rows)) == len(rows)
        assert np.array_equal(permutation_positions(size, 42, size, rows), np.arange(start, start + 20_000))


@pytest.mark.usefixtures("isa")
def test_parts_join_to_the_whole() -> None:
    order = Permutation(100_003, 1, 2)
    cuts = [0, 1, 2, 17, 255, 256, 257, 513, 4096, 70_000, 99_999, 100_003]
    parts = [order.rows(a, b - a) for a, b in pairwise(cuts)]
    assert np.array_equal(np.concatenate(parts), order.rows(0, 100_003))


@pytest.mark.parametrize("size", [2, 3, 4, 5, 6, 7])
def test_all_orders_of_a_few_rows_are_equally_likely(size: int) -> None:
    kinds, draws = math.factorial(size), 60_000
    seen = Counter(whole(size, seed, 99).tobytes() for seed in range(draws))
    counts = np.array([*seen.values(), *[0] * (kinds - len(seen))])
    assert abs(surprise(counts, draws / kinds, kinds - 1)) < 4.5


@pytest.mark.parametrize(("size", "keys"), [(50, 20_000), (1000, 2000), (65_535, 60), (65_536, 60), (200_003, 60)])
def test_no_place_prefers_a_row(size: int, keys: int) -> None:
    """Rows and positions, each cut in 16 parts: every pair of parts meets as often as chance has it."""
    parts = np.arange(size) * 16 // size
    counts = sum(np.bincount(parts * 16 + parts[whole(size, key, 5)], minlength=256) for key in range(keys))
    expected = np.outer(np.bincount(parts), np.bincount(parts)).ravel() / size * keys
    assert abs(surprise(np.asarray(counts), expected, 15 * 15)) < 4.5


@pytest.mark.parametrize("size", [40, 1000, 65_536, 300_007])
def test_neighbours_know_nothing_of_each_other(size: int) -> None:
    """The distance from a row to that `lag` places on is uniform, for lags that the two digits could betray."""
    digit = math.isqrt(size - 1) + 1
    for lag in (1, 2, digit - 1, digit, digit + 1):
        counts = np.zeros(20, np.int64)
        for key in range(max(4, 400_000 // size)):
            rows = whole(size, key, lag)
            distance = (rows[lag:] - rows[:-lag]) % size
            counts += np.bincount((distance - 1) * 20 // (size - 1), minlength=20)
        shares = np.bincount(np.arange(size - 1) * 20 // (size - 1), minlength=20) / (size - 1)
        assert abs(surprise(counts, shares * counts.sum(), 19)) < 4.5, lag


def test_keys_one_bit_apart_give_orders_without_relation() -> None:
    size = 10_000
    first = whole(size, 0)
    for bit in range(64):
        for other in (whole(size, 1 << bit), whole(size, 0, 1 << bit)):
            assert (first == other).sum() < 10  # one is expected; ten or more have a chance of 1e-7
            assert abs(np.corrcoef(first, other)[0, 1]) < 5 / math.sqrt(size)


def test_a_permutation_is_an_order_of_its_size() -> None:
    order = Permutation(7, 3)
    assert (order.size, order.bound) == (7, 7)
    assert order.rows(7, 0).tolist() == []
    assert Permutation(0, 3).rows(0, 0).tolist() == []
    assert Permutation(1, 3).rows(0, 1).tolist() == [0]
    assert isinstance(order, _native.Order)


@pytest.mark.parametrize("part", [(-1, 1), (0, 8), (8, 0), (3, 5), (0, -1), (2**62, 2**62)])
def test_positions_outside_are_refused(part: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=r"rows: expected positions of \[0, 7\)"):
        Permutation(7, 3).rows(*part)


@pytest.mark.parametrize("size", [-1, 2**62 + 1])
def test_impossible_sizes_are_refused(size: int) -> None:
    with pytest.raises(ValueError, match="size: expected 0 to 2"):
        Permutation(size, 0)
