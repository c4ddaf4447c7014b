"""The native feed by itself: the buffers it is given, what it refuses, and how its errors reach who takes a batch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from loader_cases import table_of

from mlops_runtime import _native

TABLE = table_of(100)
DENSE = (TABLE.layout.offset("dense"), "float32", 3, 128)
BYTES = 512


def _feed(**change: Any) -> _native.Feed:
    arguments: dict[str, Any] = {
        "rows": TABLE.native,
        "order": _native.Sequential(100),
        "fields": [DENSE],
        "buffer_bytes": BYTES,
        "start": 0,
        "stride": 16,
        "batch_rows": 16,
        "full": 6,
        "tail": (96, 4),
        "ahead": 2,
        "threads": 2,
        "buffers": [],
    }
    return _native.Feed(**(arguments | change))


def test_a_feed_gives_its_batches_in_order_and_then_no_more() -> None:
    feed = _feed()
    dense = TABLE.arrays()["dense"]
    for start in range(0, 100, 16):
        rows, (array,) = feed.take()
        assert rows.tolist() == list(range(start, min(start + 16, 100)))
        np.testing.assert_array_equal(array, dense[rows])
    with pytest.raises(RuntimeError, match="no more batches"):
        feed.take()


def test_positions_beyond_the_order_begin_it_anew() -> None:
    rows, _ = _feed(start=250, full=1, tail=None).take()
    assert rows.tolist() == list(range(50, 66))
    rows, _ = _feed(order=_native.Sequential(5), start=3, full=1, tail=None).take()
    assert rows.tolist() == [3, 4, 0, 1, 2] * 3 + [3]


def test_a_feed_fills_the_buffers_that_it_is_given() -> None:
    buffers = [np.zeros(BYTES, np.uint8) for _ in range(3)]
    feed = _feed(buffers=buffers)
    addresses = {buffer.ctypes.data for buffer in buffers}
    for _ in range(7):
        rows, (array,) = feed.take()
        assert rows.ctypes.data in addresses
        assert array.ctypes.data == rows.ctypes.data + 128
    del feed, buffers
    assert rows.tolist() == [96, 97, 98, 99]  # the last batch keeps the buffer that it is in


def test_a_batch_of_no_rows_is_in_its_buffer_all_the_same() -> None:
    buffer = np.zeros(BYTES, np.uint8)
    rows, (array,) = _feed(full=0, tail=(0, 0), buffers=[buffer]).take()
    assert (rows.shape, array.shape) == ((0,), (0, 3))
    assert rows.ctypes.data == buffer.ctypes.data


def test_a_closed_feed_gives_no_batches_and_takes_none_away() -> None:
    feed = _feed()
    rows, _ = feed.take()
    feed.close()
    feed.close()
    assert rows.tolist() == list(range(16))
    with pytest.raises(RuntimeError, match="was closed"):
        feed.take()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"order": _native.Sequential(101)}, "expected an order of 100 rows, got of 101"),
        ({"order": _native.Sequential(0)}, "expected an order of 100 rows, got of 0"),
        ({"ahead": 0}, "expected 1 batch ahead and 1 thread, or more"),
        ({"threads": 0}, "expected 1 batch ahead and 1 thread, or more"),
        ({"fields": [(0, "float32", 0, 128)]}, "expected a field within"),
        ({"fields": [(TABLE.layout.row_bytes, "float32", 1, 128)]}, "expected a field within"),
        ({"fields": [(0, "float64", TABLE.layout.row_bytes // 8 + 1, 128)]}, "expected a field within"),
        ({"fields": [(0, "float32", 2**62, 128)]}, "expected a field within"),
        ({"fields": [(0, "float32", 3, BYTES - 8)]}, "expected an array within 512 bytes"),
        ({"fields": [(0, "float64", 1, 129)]}, "expected an array within 512 bytes"),
        ({"fields": [(0, "O", 1, 128)]}, "expected fields of numbers, got O"),
        ({"buffer_bytes": 127}, "expected buffers that hold the ordinals, got 127"),
        ({"buffers": [np.zeros(BYTES - 1, np.uint8)]}, "expected buffers of 512 bytes, got 511"),
        ({"buffers": [np.zeros(BYTES + 1, np.uint8)[1:]]}, "expected buffers aligned to 8 bytes, got one that is not"),
        ({"start": -1}, "expected positions of 0 to 2"),
        ({"stride": 2**62}, "expected positions of 0 to 2"),
        ({"batch_rows": -1}, "expected positions of 0 to 2"),
        ({"full": -1}, "expected positions of 0 to 2"),
        ({"tail": (96, 17)}, "a tail of no more rows than a batch"),
    ],
    ids=lambda part: part if isinstance(part, str) else " and ".join(part),
)
def test_a_feed_refuses_what_does_not_fit(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        _feed(**change)


def test_a_feed_refuses_buffers_that_it_may_not_write() -> None:
    buffer = np.zeros(BYTES, np.uint8)
    buffer.flags.writeable = False
    with pytest.raises(ValueError, match="not writeable"):
        _feed(buffers=[buffer])


@pytest.mark.parametrize("change", [{"buffer_bytes": -1}, {"rows": None}, {"order": None}], ids=str)
def test_a_feed_refuses_other_types(change: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match="incompatible constructor arguments"):
        _feed(**change)
