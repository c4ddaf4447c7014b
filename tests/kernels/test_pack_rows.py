"""Rows.write against structured arrays; and what Rows refuses."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_runtime._native import Rows
from mlops_runtime.kernels.pack_rows.reference import pack_rows

WIDTHS = [1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 130]
DTYPES = [np.uint8, np.int32, np.int64, np.float32, np.float64]


def _arrays(rows: int, shapes: list[tuple[type, int]], seed: int = 0) -> list[np.ndarray]:
    random = np.random.default_rng(seed)
    return [
        random.integers(0, 256, rows * width * np.dtype(dtype).itemsize, np.uint8).view(dtype).reshape(rows, width)
        for dtype, width in shapes
    ]


def _offsets(arrays: list[np.ndarray], gap: int = 0) -> tuple[list[int], int]:
    ends = np.cumsum([array.shape[1] * array.itemsize + gap for array in arrays])
    return [gap, *(int(end) + gap for end in ends[:-1])], -(-(int(ends[-1]) + gap) // 8) * 8


def _written(rows: int, offsets: list[int], arrays: list[np.ndarray], row_bytes: int) -> np.ndarray:
    native = Rows.allocate(rows, row_bytes)
    native.write(0, offsets, arrays)
    return native.blocks[0] if rows else np.empty((0, row_bytes), np.uint8)


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_width_of_a_field_is_packed_as_numpy_packs_it(dtype):
    for width in WIDTHS:
        arrays = _arrays(19, [(dtype, width), (np.uint8, 3)], seed=width)
        offsets, row_bytes = _offsets(arrays, gap=5)
        assert np.array_equal(_written(19, offsets, arrays, row_bytes), pack_rows(offsets, arrays, row_bytes))


def test_the_usual_record_is_packed_at_every_size(size):
    arrays = _arrays(size, [(np.int64, 26), (np.float32, 13), (np.float32, 1)])
    assert np.array_equal(_written(size, [0, 208, 260], arrays, 264), pack_rows([0, 208, 260], arrays, 264))


@pytest.mark.parametrize("row_bytes", [264, 512, 4096])  # 4,096 bytes are too wide for the tile that is streamed
def test_rows_that_go_past_the_caches_are_the_same(threads, row_bytes):
    rows = (17 << 20) // row_bytes + 5
    arrays = _arrays(rows, [(np.int64, 26), (np.float32, 13)])
    assert np.array_equal(_written(rows, [0, 208], arrays, row_bytes), pack_rows([0, 208], arrays, row_bytes))


@given(
    st.integers(0, 40),
    st.lists(st.tuples(st.sampled_from(DTYPES), st.integers(1, 20)), min_size=1, max_size=5),
    st.integers(0, 9),
    st.randoms(use_true_random=False),
)
def test_any_fields_in_any_order_are_packed_as_numpy_packs_them(rows, shapes, gap, random):
    arrays = _arrays(rows, shapes)
    offsets, row_bytes = _offsets(arrays, gap)
    order = random.sample(range(len(arrays)), len(arrays))
    given_offsets, given_arrays = [offsets[i] for i in order], [arrays[i] for i in order]
    expected = pack_rows(offsets, arrays, row_bytes)
    assert np.array_equal(_written(rows, given_offsets, given_arrays, row_bytes), expected)


def test_rows_around_those_written_keep_their_bytes():
    native = Rows.allocate(10, 16)
    native.write(0, [0], [np.full((10, 16), 7, np.uint8)])
    native.write(4, [8], [np.arange(2)])
    expected = np.full((10, 16), 7, np.uint8)
    expected[4:6] = 0
    expected[5, 8] = 1
    assert np.array_equal(native.blocks[0], expected)


def test_rows_that_nobody_wrote_are_zeros():
    for rows in (3, 1 << 17):  # of the heap, and mapped
        assert not Rows.allocate(rows, 64).blocks[0].any()


def test_rows_are_seen_but_not_written_through_their_blocks():
    native = Rows.allocate(4, 8)
    block = native.blocks[0]
    with pytest.raises(ValueError, match="read-only"):
        block[0] = 1
    assert block.ctypes.data == native.blocks[0].ctypes.data
    del native
    assert not block.any()  # the view keeps them


@pytest.mark.parametrize(
    ("start", "offsets", "arrays", "words"),
    [
        (0, [], [], "an offset for each array"),
        (0, [0, 8], [np.zeros(3)], "an offset for each array"),
        (-1, [0], [np.zeros(3)], r"rows of \[0, 4\)"),
        (2, [0], [np.zeros(3)], r"rows of \[0, 4\)"),
        (5, [0], [np.zeros(0)], r"rows of \[0, 4\)"),
        (2**63 - 1, [0], [np.zeros(3)], r"rows of \[0, 4\)"),
        (0, [-8], [np.zeros(3)], "0 or more, got -8"),
        (0, [9], [np.zeros(3)], "8 bytes at 9"),
        (0, [2**62], [np.zeros(3)], "8 bytes at"),
        (0, [0], [np.zeros((3, 0))], "1 byte or more"),
        (0, [0, 4], [np.zeros(3), np.zeros(3)], "do not overlap"),
        (0, [0, 8], [np.zeros(3), np.zeros(2)], "as many rows"),
        (0, [0], [np.zeros((3, 2))[:, 0]], "C-contiguous"),
        (0, [0], [np.float64(1.0)], "C-contiguous"),
    ],
)
def test_what_does_not_fit_is_refused(start, offsets, arrays, words):
    with pytest.raises(ValueError, match=words):
        Rows.allocate(4, 16).write(start, offsets, [np.asarray(array) for array in arrays])


@pytest.mark.parametrize(("rows", "row_bytes"), [(-1, 8), (1, 0), (1, 7), (1, -8), (1, 2**31), (2**62, 8), (2**54, 8)])
def test_impossible_sizes_are_refused(rows, row_bytes):
    with pytest.raises(ValueError, match=r"rows|row_bytes"):
        Rows.allocate(rows, row_bytes)


def test_more_rows_than_there_is_memory_are_a_memory_error():
    with pytest.raises(MemoryError):
        Rows.allocate(2**50, 64)
