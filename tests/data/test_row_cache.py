"""The cache of rows: what goes in comes out, is plain Arrow, is written once, and is evicted when it is not used."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from row_cases import BLOCK_ROWS, ROWS, arrays_of, batches_of, cached, digest_of, parts_of

from mlops_runtime.core.errors import CapacityError, ConfigError, RegistryError, SchemaError
from mlops_runtime.core.settings import settings
from mlops_runtime.data.rows import Field, RowCache, RowLayout, RowTable, rows_digest
from mlops_runtime.data.rows.manifest import RowManifest


def _same(table: RowTable, arrays: dict[str, np.ndarray]) -> bool:
    found = table.arrays()
    return all(np.array_equal(found[name], array.reshape(found[name].shape)) for name, array in arrays.items())


@pytest.mark.parametrize("rows", [0, 1, BLOCK_ROWS - 1, BLOCK_ROWS, BLOCK_ROWS + 1, 2 * BLOCK_ROWS, ROWS])
@pytest.mark.parametrize("batch_rows", [1000, BLOCK_ROWS, 50_000])
def test_cached_rows_are_those_written_however_they_came(tmp_path, rows, batch_rows):
    arrays = arrays_of(rows)
    digest, layout = digest_of(arrays), RowLayout.of(arrays)
    built = RowCache(tmp_path).build(layout, parts_of(), batches_of(arrays, batch_rows))
    opened = RowCache(tmp_path).open(digest)
    assert built.rows == opened.rows == rows
    assert opened.layout == layout
    assert opened.digest == digest
    assert _same(built, arrays)
    assert _same(opened, arrays)


def test_a_slice_across_blocks_is_that_of_the_arrays(tmp_path):
    folder, arrays = cached(tmp_path)
    table = RowCache(tmp_path).open(folder.name)
    for start, stop in [
        (0, 1),
        (32_766, 32_771),
        (100, 70_000),
        (32_768, 65_536),
        (69_999, 70_005),
        (-3, None),
        (5, 5),
    ]:
        found = table.arrays(start, stop)
        assert np.array_equal(found["sparse"], arrays["sparse"][start:stop])
        assert np.array_equal(found["target"][:, 0], arrays["target"][start:stop])


def test_the_file_is_plain_arrow(tmp_path):
    folder, arrays = cached(tmp_path)
    with pa.memory_map(str(folder / "rows.arrow")) as source:
        column = pa.ipc.open_file(source).read_all().column("row")
        assert column.type == pa.binary(264)
        assert column.null_count == 0
        record = np.dtype(
            {"names": ["sparse", "target"], "formats": [("i8", 26), "f4"], "offsets": [0, 260], "itemsize": 264}
        )
        rows = np.concatenate([np.frombuffer(c.buffers()[1], record, len(c), c.offset * 264) for c in column.chunks])
    assert np.array_equal(rows["sparse"], arrays["sparse"])
    assert np.array_equal(rows["target"], arrays["target"])


@pytest.mark.parametrize("width", [1, 3, 8, 16, 33])
def test_every_block_begins_at_a_line_of_the_cache(tmp_path, width):
    layout = RowLayout((Field("x", "float64", width),))
    digest = rows_digest(layout, {})
    batches = ({"x": np.zeros((5000, width))} for _ in range(int(45e6) // (5000 * width * 8)))
    RowCache(tmp_path).build(layout, {}, batches)
    manifest = RowManifest.read(tmp_path / digest / "manifest.json")
    assert len(manifest.blocks) >= 3
    assert {place % 64 for place, _ in manifest.blocks} == {0}


def test_rows_that_are_there_are_not_made_again(tmp_path):
    folder, arrays = cached(tmp_path)
    before = (folder / "rows.arrow").stat().st_ino

    def untouched():
        pytest.fail("the batches must not be drawn from")
        yield {}

    assert _same(RowCache(tmp_path).build(RowLayout.of(arrays), parts_of(), untouched()), arrays)
    assert (folder / "rows.arrow").stat().st_ino == before


def test_the_identity_is_that_of_everything_the_rows_are_made_of():
    layout, other = RowLayout((Field("x", "int32"),)), RowLayout((Field("x", "int64"),))
    digests = [
        rows_digest(layout, {"dataset": "a"}),
        rows_digest(layout, {"dataset": "b"}),
        rows_digest(layout, {"dataset": "a", "program": "p"}),
        rows_digest(other, {"dataset": "a"}),
    ]
    assert len(set(digests)) == 4
    assert rows_digest(layout, {"dataset": "a"}) == digests[0]


def test_an_error_among_the_batches_leaves_nothing(tmp_path):
    arrays = arrays_of(ROWS)

    def interrupted():
        yield from batches_of(arrays, 9000)
        raise KeyError("on purpose")

    with pytest.raises(KeyError, match="on purpose"):
        RowCache(tmp_path).build(RowLayout.of(arrays), parts_of(), interrupted())
    assert list(tmp_path.iterdir()) == []


def test_a_batch_of_another_layout_is_refused(tmp_path):
    arrays = arrays_of(10)
    layout = RowLayout.of(arrays)
    for wrong in ({"dense": arrays["dense"]}, arrays | {"target": arrays["target"].astype(np.float64)}):
        with pytest.raises(SchemaError):
            RowCache(tmp_path).build(layout, parts_of(), [wrong])
    assert list(tmp_path.iterdir()) == []


def test_rows_beyond_the_limit_are_refused_and_leave_nothing(tmp_path):
    arrays = arrays_of(ROWS)
    with pytest.raises(CapacityError, match="raise MLRT_CACHE_GIB"):
        RowCache(tmp_path, limit_bytes=10_000_000).build(RowLayout.of(arrays), parts_of(), [arrays])
    assert list(tmp_path.iterdir()) == []


def test_the_place_and_the_limit_are_settings(home: Path, monkeypatch):
    assert RowCache().root == home / "cache" / "rows"
    assert RowCache().limit_bytes == 20 << 30
    monkeypatch.setenv("MLRT_CACHE_GIB", "0.5")
    settings.cache_clear()
    assert RowCache().limit_bytes == 1 << 29
    monkeypatch.setenv("MLRT_CACHE_GIB", "0")
    settings.cache_clear()
    with pytest.raises(ConfigError, match="MLRT_CACHE_GIB"):
        RowCache()


def test_rows_that_nobody_cached_are_unknown(tmp_path):
    with pytest.raises(RegistryError, match="no such rows are cached"):
        RowCache(tmp_path).open("0" * 64)
    for name in ("..", "a/b", "0" * 63, "0" * 64 + "\n", "A" * 64):
        with pytest.raises(ConfigError, match="64 hex digits"):
            RowCache(tmp_path).open(name)


def test_the_longest_unused_rows_are_evicted_first(tmp_path):
    folders = [cached(tmp_path, 1000, name=name)[0] for name in "abcd"]
    for age, folder in enumerate(folders):
        os.utime(folder / "manifest.json", (1e9 - age, 1e9 - age))
    RowCache(tmp_path).open(folders[3].name)  # now the last used
    size = sum(path.stat().st_size for path in folders[0].iterdir())
    collected = RowCache(tmp_path, limit_bytes=2 * size + 10).collect()
    assert [entry.digest for entry in collected.evicted] == [folders[2].name, folders[1].name]
    assert [entry.digest for entry in collected.kept] == [folders[0].name, folders[3].name]
    assert collected.kept_bytes == 2 * size
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(entry.digest for entry in collected.kept)


def test_a_build_evicts_what_passes_the_limit(tmp_path):
    first, _ = cached(tmp_path, 1000, name="a")
    size = sum(path.stat().st_size for path in first.iterdir())
    arrays = arrays_of(1000)
    RowCache(tmp_path, limit_bytes=size + 100).build(RowLayout.of(arrays), parts_of("b"), [arrays])
    assert [entry.digest for entry in RowCache(tmp_path).entries()] == [digest_of(arrays, "b")]


def test_rows_that_are_open_are_never_evicted(tmp_path):
    folder, arrays = cached(tmp_path)
    table = RowCache(tmp_path).open(folder.name)
    collected = RowCache(tmp_path, limit_bytes=0).collect()
    assert collected.evicted == ()
    assert collected.kept[0].in_use
    assert _same(table, arrays)
    del table
    assert [entry.in_use for entry in RowCache(tmp_path).entries()] == [False]
    assert [entry.digest for entry in RowCache(tmp_path, limit_bytes=0).collect().evicted] == [folder.name]


def test_a_view_of_a_block_keeps_the_rows_open(tmp_path):
    folder, arrays = cached(tmp_path)
    blocks = RowCache(tmp_path).open(folder.name).native.blocks
    assert RowCache(tmp_path, limit_bytes=0).collect().evicted == ()
    assert np.array_equal(blocks[1][:, :208].view(np.int64), arrays["sparse"][BLOCK_ROWS : 2 * BLOCK_ROWS])


def test_threads_that_build_the_same_rows_end_with_one(tmp_path):
    arrays = arrays_of(ROWS)
    digest, layout, drawn, tables = digest_of(arrays), RowLayout.of(arrays), [], []

    def counted():
        drawn.append(1)
        yield from batches_of(arrays, 999)

    threads = [
        threading.Thread(target=lambda: tables.append(RowCache(tmp_path).build(layout, parts_of(), counted())))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(drawn) == 1
    assert all(_same(table, arrays) for table in tables)
    assert [path.name for path in tmp_path.iterdir()] == [digest]


def test_what_others_keep_beside_the_rows_is_left_alone(tmp_path):
    cached(tmp_path, 100)
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "folder").mkdir()
    RowCache(tmp_path, limit_bytes=0).collect()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "notes.txt"]


def test_a_cache_that_may_not_be_written_can_be_read(tmp_path):
    folder, arrays = cached(tmp_path, 100)
    os.utime(folder / "manifest.json", (1e9, 1e9))
    for path in (folder / "manifest.json", folder, tmp_path):
        path.chmod(0o555)
    try:
        assert _same(RowCache(tmp_path).open(folder.name), arrays)
    finally:
        for path in (tmp_path, folder):
            path.chmod(0o755)
