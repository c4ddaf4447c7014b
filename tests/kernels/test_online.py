"""The native parts of an online store, alone: keys as bytes, rows in memory, segments, reads of any number of keys."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from mlops_runtime._native import (
    ArrowTable,
    OnlineBuilder,
    OnlineFormat,
    OnlineSegment,
    OnlineVersion,
    WatchedFile,
    merge_online_segments,
)

OLDEST, NEWEST = -(2**63), 2**63 - 1
GROUP = 32  # keys whose memory is fetched together


def built(form: OnlineFormat, keys: list[list[Any]], texts: list[list[Any]], numbers: Any, moment: int = 1) -> Any:
    types = [pa.int64() if isinstance(column[0], int) else pa.large_utf8() for column in keys]
    columns = [pa.array(values, kind) for values, kind in zip(keys, types, strict=True)]
    columns += [pa.array(values, pa.large_utf8()) for values in texts]
    table = pa.Table.from_arrays(columns, names=[f"c{i}" for i in range(len(columns))])
    times = np.full(table.num_rows, moment)
    builder = OnlineBuilder(form)
    builder.add(ArrowTable(table), np.ascontiguousarray(numbers, np.float64), times, times, OnlineVersion(form, []))
    return builder


def segment(form: OnlineFormat, path: Path, write: Any) -> OnlineSegment:
    with path.open("wb") as stream:
        _, size, digest = write(stream.fileno())
    assert path.stat().st_size == size
    return OnlineSegment(form, str(path), size, digest)


@pytest.mark.parametrize("rows", [1, 7, 8, 300])
@pytest.mark.parametrize(("numbers", "texts"), [(0, 0), (1, 0), (0, 1), (3, 2), (9, 1)])
def test_every_row_comes_back_from_a_segment(tmp_path: Path, rows: int, numbers: int, texts: int) -> None:
    form = OnlineFormat("i", numbers, texts, 5)
    keys = [key * key - 7 for key in range(rows)]
    words = [[f"{'é' * (key % 5)}{text}" for key in range(rows)] for text in range(texts)]
    values = np.random.default_rng(rows).normal(size=(rows, numbers))
    builder = built(form, [keys], words, values)
    version = OnlineVersion(form, [segment(form, tmp_path / "s", lambda to: builder.write(form, to))])
    for n in {0, 1, GROUP - 1, GROUP, GROUP + 1, rows}:
        asked = [keys[place % rows] for place in range(n)]
        found, event, got, offsets, letters = version.read(asked, OLDEST, NEWEST)
        assert found.all()
        assert (event == 1).all()
        assert np.array_equal(got, values[np.arange(n) % rows])
        assert offsets.shape == (texts, n + 1)
        for text in range(texts):
            parts = [letters[a:b].tobytes().decode() for a, b in zip(offsets[text], offsets[text, 1:], strict=False)]
            assert parts == [words[text][place % rows] for place in range(n)]
    found, event, got, *_ = version.read([-8, None], OLDEST, NEWEST)
    assert not found.any()
    assert (event == OLDEST).all()
    assert np.isnan(got).all()


def test_newer_segments_replace_older_ones_before_and_after_a_merge(tmp_path: Path) -> None:
    form = OnlineFormat("t", 1, 0, 9)
    long = "k" * 5000
    names = [[f"{long}{key}" for key in range(start, stop)] for start, stop in ((0, 200), (100, 150), (120, 300))]
    segments = []
    for age, keys in enumerate(names):
        builder = built(form, [keys], [], np.full((len(keys), 1), age))
        segments.insert(0, segment(form, tmp_path / f"{age}", lambda to, b=builder: b.write(form, to)))
    merged = segment(form, tmp_path / "all", lambda to: merge_online_segments(form, segments, to))
    assert merged.rows == 300
    wanted = [0.0] * 100 + [1.0] * 20 + [2.0] * 180
    for live in (segments, [merged]):
        found, _, got, *_ = OnlineVersion(form, live).read([f"{long}{key}" for key in range(300)], OLDEST, NEWEST)
        assert found.all()
        assert got.ravel().tolist() == wanted
    assert merged.count(form, names[1] + ["x"]) == 50
    rest = segment(form, tmp_path / "rest", lambda to: merged.write_without(form, names[1], to))
    assert rest.rows == 250
    assert rest.count(form, names[1]) == 0


def test_keys_of_several_parts_are_the_same_from_a_list_and_from_columns() -> None:
    form = OnlineFormat("tit", 0, 0, 0)
    rows = [("a", 1, "b"), ("", 1, "b"), ("ab", -1, "é"), ("a", 2**63 - 1, None), None]
    columns = list(zip(*(row or (None, None, None) for row in rows), strict=True))
    types = (pa.utf8(), pa.int64(), pa.string_view())
    table = pa.table({str(i): pa.array(c, t) for i, (c, t) in enumerate(zip(columns, types, strict=True))})
    expected = [b"\1\0\0\0a" + (1).to_bytes(8, "little") + b"b", None]
    expected += [b"\2\0\0\0ab" + b"\xff" * 8 + "é".encode(), None, None]
    assert form.encode(rows) == form.encode(ArrowTable(table)) == expected
    assert form.encode(ArrowTable(table.slice(2, 2))) == expected[2:4]


@pytest.mark.parametrize(
    "keys", [["a"], [1.0], [(1,), (1, 2)], [2**63], "1", b"1", 7, [("x",)]], ids=lambda keys: repr(keys)[:20]
)
def test_keys_of_another_kind_are_a_type_error(keys: Any) -> None:
    with pytest.raises(TypeError):
        OnlineFormat("i", 0, 0, 0).encode(keys)


def test_what_does_not_fit_is_a_value_error(tmp_path: Path) -> None:
    form = OnlineFormat("t", 1, 1, 0)
    with pytest.raises(ValueError, match="65536 bytes"):
        form.encode(["x" * 65_537])
    with pytest.raises(ValueError, match="OnlineFormat"):
        OnlineFormat("x", 0, 0, 0)
    builder, table = OnlineBuilder(form), ArrowTable(pa.table({"k": ["a"], "t": ["b"]}))
    empty, one, number = OnlineVersion(form, []), np.array([1]), np.zeros((1, 1))
    for numbers, event in ((np.zeros((1, 2)), one), (np.zeros((2, 1)), one), (number, np.array([1, 2]))):
        with pytest.raises(ValueError, match="numbers and times of 1 rows"):
            builder.add(table, numbers, event, one, empty)
    for wrong in ({"k": ["a"]}, {"k": [1], "t": ["b"]}, {"k": ["a"], "t": [1]}):
        with pytest.raises(ValueError, match="expected"):
            builder.add(ArrowTable(pa.table(wrong)), number, one, one, empty)
    with pytest.raises(ValueError, match="a moment for each of 2 keys"):
        empty.read(["a", "b"], one, one)
    builder.add(table, number, one, one, empty)
    whole = segment(form, tmp_path / "s", lambda to: builder.write(form, to))
    size = (tmp_path / "s").stat().st_size
    with pytest.raises(ValueError, match="bytes that were written"):
        OnlineSegment(form, str(tmp_path / "s"), size, 1)
    with pytest.raises(FileNotFoundError):
        OnlineSegment(form, str(tmp_path / "none"), size, 1)
    assert whole.rows == 1


def test_a_full_device_is_an_os_error() -> None:
    form = OnlineFormat("i", 1, 0, 0)
    builder = built(form, [[1]], [], [[1.0]])
    with open("/dev/full", "wb", buffering=0) as full, pytest.raises(OSError, match="No space left"):  # noqa: PTH123
        builder.write(form, full.fileno())


def test_a_watched_file_is_current_until_it_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"one")
    with path.open("rb") as stream:
        watch = WatchedFile(stream.fileno(), str(path))
        assert watch.is_current
        (tmp_path / "next").write_bytes(b"two")
        os.link(path, tmp_path / "backup")  # which keeps the old content a name
        (tmp_path / "next").replace(path)
        assert not watch.is_current
        assert not WatchedFile(stream.fileno(), str(path)).is_current
    with pytest.raises(OSError, match="Bad file descriptor"):
        WatchedFile(10**6, str(path))
