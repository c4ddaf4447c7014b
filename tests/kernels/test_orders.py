"""Weighted draws, strata in proportion and subsets against their oracles and what they promise."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from mlops_runtime._native import Order, Permutation, Sequential, StratifiedOrder, Subset, WeightedDraws
from mlops_runtime.kernels.orders.reference import stratified_rows, stratum_places, weighted_rows

KEYS = st.integers(0, 2**64 - 1)
WEIGHTS = st.lists(st.floats(0, 1e300) | st.sampled_from([0.0, 5e-324, 1.0]), min_size=1, max_size=300)


def all_of(order: Order) -> NDArray[np.int64]:
    return order.rows(0, order.size)


# Weighted draws


@given(WEIGHTS.filter(any), KEYS, KEYS, st.integers(0, 2**62))
def test_any_weights_draw_the_oracle_s_rows(weights: list[float], low: int, high: int, start: int) -> None:
    values = np.array(weights)
    rows = WeightedDraws(values, 2**63 - 1, low, high).rows(start, 400)
    assert np.array_equal(rows, weighted_rows(values, low, high, start, 400))
    assert (values[rows] > 0).all()


@pytest.mark.parametrize("rows", [1, 2, 3, 7, 8, 9, 1000, 65_537])
@pytest.mark.parametrize("shape", ["equal", "one heavy", "geometric", "mostly none", "random"])
def test_draws_of_every_shape_of_weights_are_the_oracle_s(rows: int, shape: str) -> None:
    weights = {
        "equal": np.ones(rows),
        "one heavy": np.where(np.arange(rows) == rows // 2, 1e12, 1e-6),
        "geometric": 0.5 ** np.minimum(np.arange(rows), 1074.0),
        "mostly none": np.where(np.arange(rows) % 97 == rows % 97 % rows, 2.0, 0.0),
        "random": np.random.default_rng(rows).random(rows) ** 8,
    }[shape]
    if not weights.any():
        weights[0] = 1
    found = WeightedDraws(weights, 20_000, rows, 3).rows(0, 20_000)
    assert np.array_equal(found, weighted_rows(weights, rows, 3, 0, 20_000))


def test_rows_are_drawn_as_often_as_their_weights_say() -> None:
    weights, draws = np.arange(200.0), 2_000_000
    counts = np.bincount(all_of(WeightedDraws(weights, draws, 1, 2)), minlength=200)
    expected = weights / weights.sum() * draws
    assert counts[0] == 0
    statistic = ((counts[1:] - expected[1:]) ** 2 / expected[1:]).sum()
    assert abs(statistic - 198) / math.sqrt(2 * 198) < 4.5


def test_a_draw_depends_on_its_place_and_key_alone() -> None:
    weights = np.random.default_rng(0).random(1000)
    draws = WeightedDraws(weights, 5000, 8, 9)
    assert (draws.size, draws.bound) == (5000, 1000)
    assert np.array_equal(draws.rows(1234, 77), all_of(draws)[1234:1311])
    assert np.array_equal(all_of(draws.with_key(5)), all_of(WeightedDraws(weights, 5000, 5)))
    assert (all_of(draws.with_key(8, 10)) != all_of(draws)).mean() > 0.99
    assert WeightedDraws(weights, 0, 8).rows(0, 0).tolist() == []


@pytest.mark.parametrize("weights", [[], [0.0], [1.0, -1.0], [np.nan, 1.0], [np.inf], [1e308, 1e308], [-0.5, 2.0]])
def test_weights_that_are_none_are_refused(weights: list[float]) -> None:
    with pytest.raises(ValueError, match="weights: expected finite numbers, none below 0, of a finite sum above 0"):
        WeightedDraws(np.array(weights, np.float64), 1, 0)


def test_draws_below_none_and_matrices_are_refused() -> None:
    with pytest.raises(ValueError, match="size: expected 0 draws or more, got -1"):
        WeightedDraws(np.ones(2), -1, 0)
    with pytest.raises(ValueError, match="weights: expected one dimension, got 2"):
        WeightedDraws(np.ones((2, 2)), 1, 0)


# Strata in proportion


@given(st.lists(st.integers(0, 12), max_size=300), KEYS, KEYS)
def test_any_strata_come_in_the_oracle_s_order(strata: list[int], low: int, high: int) -> None:
    values = np.array([stratum % max(len(strata), 1) for stratum in strata], np.int64)
    order = StratifiedOrder(values, low, high)
    rows = all_of(order)
    assert np.array_equal(rows, stratified_rows(values, low, high))
    assert np.array_equal(np.sort(rows), np.arange(len(values)))


def worst_excess(strata: NDArray[np.int64], rows: NDArray[np.int64]) -> float:
    """How far the beginnings of an epoch stray from a stratum's proportion, at worst, in rows."""
    n, worst = len(strata), 0.0
    for stratum in np.unique(strata):
        held = np.cumsum(strata[rows] == stratum)
        worst = max(worst, float(np.abs(held - np.arange(1, n + 1) * ((strata == stratum).sum() / n)).max()))
    return worst


@pytest.mark.parametrize(
    "members",
    [[1], [5000, 1], [999, 1, 1, 1, 1, 1, 1, 1], [1] * 300, [100] * 37, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512],
     [2**k for k in range(12)] + [4000], [333, 333, 334], [0, 10, 0, 990]],
)  # fmt: skip
def test_every_beginning_holds_each_stratum_to_within_one(members: list[int]) -> None:
    strata = np.random.default_rng(0).permutation(np.repeat(np.arange(len(members)), members))
    rows = all_of(StratifiedOrder(strata, 4, 2))
    assert np.array_equal(np.sort(rows), np.arange(len(strata)))
    assert worst_excess(strata, rows) < 1
    assert strata[rows].tolist() == stratum_places(members)


@given(st.lists(st.integers(1, 60), min_size=1, max_size=12))
def test_the_bound_of_one_holds_for_any_sizes(members: list[int]) -> None:
    strata = np.repeat(np.arange(len(members)), members)
    assert worst_excess(strata, all_of(StratifiedOrder(strata, 0))) < 1


def test_within_a_stratum_another_key_gives_another_order() -> None:
    strata = np.arange(3000) % 3
    order = StratifiedOrder(strata, 1)
    other = order.with_key(2)
    assert np.array_equal(strata[all_of(order)], strata[all_of(other)])
    assert (all_of(order) == all_of(other)).mean() < 0.01
    assert np.array_equal(all_of(other), all_of(StratifiedOrder(strata, 2)))
    assert np.array_equal(order.rows(1111, 600), all_of(order)[1111:1711])
    inner = [all_of(order)[strata[all_of(order)] == stratum] // 3 for stratum in range(3)]
    assert (inner[0] == inner[1]).mean() < 0.01, "strata do not share a permutation"


@pytest.mark.parametrize("strata", [[-1, 0], [0, 2], [0, 0, 2**40]])
def test_numbers_that_are_no_strata_are_refused(strata: list[int]) -> None:
    with pytest.raises(ValueError, match=r"strata: expected numbers of \[0, \d\), got -?\d+ in row"):
        StratifiedOrder(np.array(strata, np.int64), 0)


# Sequential, subsets, and what every order shares


def test_a_subset_takes_its_rows_in_the_inner_order() -> None:
    rows = np.array([9, 3, 3, 7])
    order = Subset(rows, Permutation(4, 1))
    assert (order.size, order.bound) == (4, 10)
    assert np.array_equal(all_of(order), rows[all_of(Permutation(4, 1))])
    drawn = Subset(rows, WeightedDraws(np.array([0.0, 0.0, 1.0, 1.0]), 50, 0))
    assert set(all_of(drawn).tolist()) == {3, 7}
    assert all_of(Subset(rows, Sequential(2))).tolist() == [9, 3]
    empty = Subset(np.empty(0, np.int64), Sequential(0))
    assert (empty.size, empty.bound, all_of(empty).tolist()) == (0, 0, [])


def test_a_subset_that_its_order_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="inner: expected an order over 2 rows or fewer, got one over 3"):
        Subset(np.array([1, 2]), Sequential(3))
    with pytest.raises(ValueError, match="rows: expected ordinals of 0 or more, got -5"):
        Subset(np.array([1, -5]), Sequential(2))


def test_rows_in_sequence_are_their_positions() -> None:
    assert Sequential(2**62).rows(2**61, 3).tolist() == [2**61, 2**61 + 1, 2**61 + 2]
    assert Sequential(5).bound == 5
    with pytest.raises(ValueError, match="size: expected 0 rows or more"):
        Sequential(-1)


@pytest.mark.parametrize(
    "order",
    [Sequential(9), Permutation(9, 1), WeightedDraws(np.ones(3), 9, 1), StratifiedOrder(np.arange(9) % 2, 1),
     Subset(np.arange(9), Sequential(9))],
    ids=lambda order: type(order).__name__,
)  # fmt: skip
def test_positions_outside_are_refused(order: Order) -> None:
    assert order.rows(9, 0).tolist() == []
    for part in ((-1, 2), (0, 10), (9, 1), (10, 0), (5, -1), (2**63 - 1, 2**63 - 1)):
        with pytest.raises(ValueError, match=r"rows: expected positions of \[0, 9\)"):
            order.rows(*part)


def test_no_order_is_made_of_nothing() -> None:
    with pytest.raises(TypeError):
        Order()
    with pytest.raises(TypeError):
        Subset(np.arange(2), None)  # type: ignore[arg-type]
