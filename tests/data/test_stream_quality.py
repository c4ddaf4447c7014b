"""A stream is as random as its report says, measured over many epochs."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from mlops_runtime.data.loader import Sequential, StreamSampler, Windowed, shuffle_quality
from mlops_runtime.data.loader.stream_plan import StreamPlan

GROUPS, GROUP_ROWS, EPOCHS = 64, 250, 80
ROWS = GROUPS * GROUP_ROWS
SIZES = [GROUP_ROWS] * GROUPS


def _order(sampler: StreamSampler, epoch: int) -> NDArray[np.int64]:
    plan = StreamPlan(SIZES, sampler, (epoch, 1))
    rows = []
    for number in range(plan.windows):
        window = plan.window(number)
        stored = np.concatenate([np.arange(GROUP_ROWS) + group * GROUP_ROWS for group in window.groups])
        rows.append(stored[window.order.rows(0, len(window.positions))])
    return np.concatenate(rows)


def _orders(sampler: StreamSampler) -> NDArray[np.int64]:
    return np.stack([_order(sampler, epoch) for epoch in range(EPOCHS)])


@pytest.mark.parametrize("width", [4, 8, 32, GROUPS])
def test_labels_of_sorted_data_are_correlated_as_much_as_it_says(width: int) -> None:
    """Labels that rise along the file: all but 1/G^2 of their variance lies between row groups."""
    orders = _orders(Windowed(width))
    labels = (orders - (ROWS - 1) / 2) / np.sqrt((ROWS**2 - 1) / 12)
    within = labels.reshape(EPOCHS, GROUPS // width, -1)
    measured = (within[:, :, 1:] * within[:, :, :-1]).mean()
    quality = shuffle_quality(SIZES, Windowed(width), 100)
    assert measured == pytest.approx(quality.correlation * (1 - 1 / GROUPS**2), abs=0.01, rel=0.1)


@pytest.mark.parametrize("width", [4, 8, 32])
def test_batches_of_sorted_data_vary_as_those_of_so_many_free_rows(width: int) -> None:
    batch = 200
    labels = _orders(Windowed(width)) // GROUP_ROWS
    means = labels.reshape(EPOCHS, -1, batch).mean(axis=2)
    quality = shuffle_quality(SIZES, Windowed(width), batch)
    assert np.var(labels[0]) / np.var(means) == pytest.approx(quality.effective_rows, rel=0.2)


@pytest.mark.parametrize("width", [1, 8, GROUPS])
def test_rows_of_a_row_group_are_as_far_apart_as_it_says(width: int) -> None:
    quality = shuffle_quality(SIZES, Windowed(width), 100)
    positions = np.argsort(_orders(Windowed(width)), axis=1).reshape(EPOCHS, GROUPS, GROUP_ROWS)
    apart = np.abs(positions[:, :, 1:] - positions[:, :, :-1])
    assert apart.mean() == pytest.approx(quality.apart, rel=0.03)
    assert np.ptp(positions, axis=2).max() <= quality.apart_worst


def test_a_batch_mixes_as_many_row_groups_as_it_says() -> None:
    for width, batch in ((8, 10), (32, 64), (16, 2000)):
        batches = (_orders(Windowed(width)) // GROUP_ROWS).reshape(-1, batch)
        found = np.mean([len(np.unique(each)) for each in batches[:2000]])
        assert found == pytest.approx(shuffle_quality(SIZES, Windowed(width), batch).groups_in_batch, rel=0.03)


@pytest.mark.parametrize("width", [1, 8])
def test_every_row_can_come_anywhere(width: int) -> None:
    positions = np.argsort(_orders(Windowed(width)), axis=1)
    means = positions.reshape(EPOCHS, GROUPS, GROUP_ROWS).mean(axis=2)  # of each row group, in each epoch
    assert np.abs(means.mean(axis=0) / ROWS - 0.5).max() < 5 * np.sqrt(1 / 12 / EPOCHS)


def test_a_window_of_all_row_groups_is_a_full_shuffle_and_order_is_none() -> None:
    full, none = shuffle_quality(SIZES, Windowed(10**6), 100), shuffle_quality(SIZES, Sequential(), 100)
    assert (full.correlation, full.effective_rows, full.apart) == (0.0, 100.0, full.apart_full)
    assert none.correlation == 1.0
    assert none.effective_rows == pytest.approx(1.0)
    assert none.to_dict()["window_row_groups"] == 1


def test_row_groups_of_any_size_are_reported() -> None:
    quality = shuffle_quality([1000, 10, 10, 10], Windowed(2), 50)
    assert quality.apart_worst == 1009
    assert 1 < quality.groups_in_batch <= 2
    assert shuffle_quality([5], Windowed(2), 50).correlation == 0.0
