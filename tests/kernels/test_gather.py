"""Gathered rows against the oracle: every field, wherever the rows lie and however many threads there are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from mlops_runtime._native import Rows, gather, hash_bytes
from mlops_runtime.kernels.gather.reference import gather_fields

Fields = dict[str, tuple[int, np.dtype[Any], int]]
TYPICAL: Fields = {
    "sparse": (0, np.dtype(np.int64), 26),
    "dense": (208, np.dtype(np.float32), 13),
    "target": (260, np.dtype(np.float32), 1),
}
BLOCK_ROWS = 64


def in_memory(data: NDArray[np.uint8], _folder: Path) -> Rows:
    rows = Rows.allocate(*data.shape)
    rows.write(0, [0], [data])
    return rows


def mapped(data: NDArray[np.uint8], folder: Path) -> Rows:
    """Blocks with gaps between them, in a file."""
    gap, path = bytes(24), folder / "rows"
    blocks = [data[i : i + BLOCK_ROWS].tobytes() for i in range(0, len(data), BLOCK_ROWS)]
    path.write_bytes(b"".join(gap + block for block in blocks) + gap)
    offsets = np.cumsum([0, *(len(block) + len(gap) for block in blocks)])[: len(blocks)] + len(gap)
    hashes = [*map(hash_bytes, blocks), hash_bytes(gap * (len(blocks) + 1))]
    rows, row_bytes = data.shape
    size = path.stat().st_size
    return Rows.map(str(path), size, row_bytes, rows, BLOCK_ROWS, offsets.astype(np.int64), np.array(hashes, np.uint64))


@pytest.fixture(params=[in_memory, mapped])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[NDArray[np.uint8]], Rows]:
    return lambda data: request.param(data, tmp_path)


def some_rows(count: int, row_bytes: int) -> NDArray[np.uint8]:
    return np.random.default_rng(count).integers(0, 256, (count, row_bytes), np.uint8)


def gathered(rows: Rows, ordinals: NDArray[np.int64], fields: Fields) -> dict[str, NDArray[Any]]:
    outputs = {name: np.empty((len(ordinals), width), dtype) for name, (_, dtype, width) in fields.items()}
    gather(rows, ordinals, [offset for offset, _, _ in fields.values()], list(outputs.values()))
    return outputs


def assert_gathered(rows: Rows, data: NDArray[np.uint8], ordinals: NDArray[np.int64], fields: Fields) -> None:
    expected = gather_fields(data, ordinals, fields)
    for name, output in gathered(rows, ordinals, fields).items():
        assert output.tobytes() == expected[name].tobytes(), name


@pytest.mark.usefixtures("isa")
def test_any_number_of_rows_gives_the_oracle_s_arrays(place: Callable[..., Rows], size: int) -> None:
    data = some_rows(1000, 264)
    ordinals = np.random.default_rng(size).integers(0, 1000, size)
    assert_gathered(place(data), data, ordinals, TYPICAL)


@pytest.mark.usefixtures("isa", "threads")
def test_threads_share_a_large_gather(place: Callable[..., Rows]) -> None:
    data = some_rows(777, 264)
    assert_gathered(place(data), data, np.random.default_rng(0).integers(0, 777, 5000), TYPICAL)


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("width", [*range(1, 140), 255, 256, 257, 1000])
def test_fields_of_every_width_and_place_are_moved_whole(width: int) -> None:
    row_bytes = -(-(width + 5) // 8) * 8
    data = some_rows(50, row_bytes)
    fields = {"x": (5, np.dtype(np.uint8), width), "all": (0, np.dtype(np.uint8), row_bytes)}
    assert_gathered(in_memory(data, Path()), data, np.random.default_rng(0).integers(0, 50, 99), fields)


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("count", [1, 2, 4095])
def test_bytes_around_the_outputs_stay(count: int) -> None:
    data = some_rows(100, 264)
    rows = in_memory(data, Path())
    ordinals = np.random.default_rng(1).integers(0, 100, count)
    whole = {name: np.full((count + 2, width), 77, dtype) for name, (_, dtype, width) in TYPICAL.items()}
    gather(rows, ordinals, [0, 208, 260], [array[1:-1] for array in whole.values()])
    for array in whole.values():
        assert (array[[0, -1]] == 77).all()


@given(st.lists(st.integers(0, 299)), st.data())
def test_any_ordinals_and_fields_agree_with_the_oracle(ordinals: list[int], draw: st.DataObject) -> None:
    row_bytes = draw.draw(st.integers(1, 40)) * 8
    fields: Fields = {}
    for name in "abc":
        dtype = np.dtype(draw.draw(st.sampled_from(["f4", "f8", "i4", "i8", "u1"])))
        width = draw.draw(st.integers(1, max(1, row_bytes // dtype.itemsize)))
        fields[name] = (draw.draw(st.integers(0, row_bytes - width * dtype.itemsize)), dtype, width)
    data = some_rows(300, row_bytes)
    assert_gathered(in_memory(data, Path()), data, np.array(ordinals, np.int64), fields)


def test_an_array_of_one_dimension_takes_a_field_of_one() -> None:
    data = some_rows(9, 16)
    output = np.empty(3, np.int64)
    gather(in_memory(data, Path()), np.array([8, 0, 8]), [8], [output])
    assert output.tolist() == data.view(np.int64)[[8, 0, 8], 1].tolist()


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("bad", [-1, 300, 2**62, -(2**63)])
@pytest.mark.parametrize("at", [0, 1500, 2999])
def test_an_ordinal_of_no_row_is_refused_before_anything_is_written(bad: int, at: int) -> None:
    ordinals = np.zeros(3000, np.int64)
    ordinals[at] = bad
    output = np.full((3000, 8), 7, np.uint8)
    with pytest.raises(ValueError, match=rf"gather: expected ordinals of \[0, 300\), got {bad} "):
        gather(in_memory(some_rows(300, 8), Path()), ordinals, [0], [output])
    assert (output == 7).all()


def test_of_no_rows_nothing_can_be_gathered() -> None:
    none = Rows.allocate(0, 8)
    gather(none, np.empty(0, np.int64), [0], [np.empty((0, 8), np.uint8)])
    with pytest.raises(ValueError, match="gather: expected ordinals"):
        gather(none, np.zeros(1, np.int64), [0], [np.empty((1, 8), np.uint8)])


def test_outputs_that_do_not_fit_are_refused() -> None:
    rows, two = Rows.allocate(5, 16), np.zeros(2, np.int64)
    good = np.empty((2, 2), np.int64)
    for offset, output in ((8, good), (-1, good), (2**40, good), (0, np.empty((2, 0), np.int64))):
        with pytest.raises(ValueError, match="outputs: expected fields of 1 byte or more within 16"):
            gather(rows, two, [offset], [output])
    for output in (good.T, good[:1], np.empty((4, 2), np.int64)[::2], np.array(1)):
        with pytest.raises(ValueError, match="outputs: expected C-contiguous arrays of 2 rows"):
            gather(rows, two, [0], [output])
    with pytest.raises(ValueError, match="outputs: expected an offset for each"):
        gather(rows, two, [0, 8], [good])
    good.flags.writeable = False
    with pytest.raises(ValueError, match="not writeable"):
        gather(rows, two, [0], [good])
    with pytest.raises(ValueError, match="ordinals: expected one dimension"):
        gather(rows, np.zeros((1, 1), np.int64), [], [])
    with pytest.raises(TypeError):
        gather(rows, np.zeros(1, np.int32), [], [])  # type: ignore[arg-type]
