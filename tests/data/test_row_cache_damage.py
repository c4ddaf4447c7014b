"""Damaged caches are refused before a row of them is used: by bit, by length, by swap, by kind of file, by lie."""

from __future__ import annotations

import json
import logging
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from row_cases import ROWS, batches_of, cached, parts_of

from mlops_runtime.core.digest import canonical_json, sha256_bytes
from mlops_runtime.core.errors import IntegrityError
from mlops_runtime.data.rows import RowCache, RowLayout
from mlops_runtime.data.rows.manifest import RowManifest

HUGE = [-1, -(2**63), 2**31, 2**53 - 1, 2**53, 2**63 - 8, 2**64]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three blocks of rows, which no test changes."""
    return cached(tmp_path_factory.mktemp("cache"))[0]


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    """A copy of them, which may be damaged."""
    copy = tmp_path / whole.name
    shutil.copytree(whole, copy)
    (copy / "rows.arrow").chmod(0o644)
    return copy


def _refused(folder: Path) -> str:
    with pytest.raises(IntegrityError) as caught:
        RowCache(folder.parent).open(folder.name)
    assert "expected" in str(caught.value) or "Errno" in str(caught.value)
    return str(caught.value)


def _flip(path: Path, place: int, bit: int) -> None:
    with path.open("r+b") as stream:
        stream.seek(place)
        byte = stream.read(1)[0]
        stream.seek(place)
        stream.write(bytes([byte ^ 1 << bit]))


def _reseal(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change a manifest, and make its own hash fit."""
    values = json.loads(path.read_bytes())
    del values["sha256"]
    change(values)
    body = json.dumps(values, sort_keys=True, separators=(",", ":")).encode()
    path.write_bytes(body[:-1] + b',"sha256":"' + sha256_bytes(body).encode() + b'"}')


def test_an_undamaged_copy_is_read(folder):
    assert RowCache(folder.parent).open(folder.name).rows == ROWS


def test_a_flipped_bit_in_any_block_or_around_any_is_found(folder):
    rows, manifest = folder / "rows.arrow", RowManifest.read(folder / "manifest.json")
    row_bytes, chosen = manifest.row_layout.row_bytes, random.Random(1)
    edges, end = [], 0
    for number, (begin, _) in enumerate(manifest.blocks):
        size = min(manifest.block_rows, manifest.rows - number * manifest.block_rows) * row_bytes
        around = range(end, begin)
        edges += [around[0], around[-1], chosen.choice(around)]
        edges += [begin, begin + size - 1, *(begin + chosen.randrange(size) for _ in range(8))]
        end = begin + size
    for place in [*edges, end, manifest.file_bytes - 1, chosen.randrange(end, manifest.file_bytes)]:
        bit = chosen.randrange(8)
        _flip(rows, place, bit)
        _refused(folder)
        _flip(rows, place, bit)
    assert RowCache(folder.parent).open(folder.name).rows == ROWS


def test_a_flipped_bit_in_any_byte_of_the_manifest_is_found(folder):
    manifest = folder / "manifest.json"
    for place in range(manifest.stat().st_size):
        _flip(manifest, place, place % 8)
        _refused(folder)
        _flip(manifest, place, place % 8)


@pytest.mark.parametrize("name", ["rows.arrow", "manifest.json"])
def test_a_file_cut_short_or_made_longer_is_found(folder, name):
    path = folder / name
    size, chosen = path.stat().st_size, random.Random(2)
    whole = path.read_bytes()
    for more in (b"\0", b"\n", b" " * 4096, whole):
        path.write_bytes(whole + more)
        _refused(folder)
    lengths = {0, 1, 7, 8, 64, 4095, 4096, 4097, size // 2, size - 4096, size - 8, size - 1}
    lengths |= {chosen.randrange(size) for _ in range(40)}
    for length in sorted((length for length in lengths if 0 <= length < size), reverse=True):
        os.truncate(path, length)
        _refused(folder)


def test_files_swapped_between_caches_are_found(folder, tmp_path):
    other, _ = cached(tmp_path / "others", seed=1, name="b")
    assert (other / "rows.arrow").stat().st_size == (folder / "rows.arrow").stat().st_size
    mine = tmp_path / "mine"
    for names in (["rows.arrow"], ["manifest.json"], ["rows.arrow", "manifest.json"]):
        shutil.copytree(folder, mine / folder.name)
        for name in names:
            (mine / folder.name / name).unlink()
            shutil.copy(other / name, mine / folder.name / name)
        _refused(mine / folder.name)
        shutil.rmtree(mine)


def test_what_is_no_regular_file_is_refused(folder, tmp_path):
    away = tmp_path / "away"
    for name in ("rows.arrow", "manifest.json"):
        (folder / name).rename(away)
        for place in (
            lambda path: path.symlink_to(away),
            os.mkfifo,
            lambda path: path.mkdir(),
            lambda path: path.symlink_to("/dev/zero"),
        ):
            place(folder / name)
            _refused(folder)
            (folder / name).rmdir() if (folder / name).is_dir() else (folder / name).unlink()
        _refused(folder)  # none at all
        away.rename(folder / name)
    folder.rename(away)
    folder.symlink_to(away)
    assert "symbolic link" in _refused(folder)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda values: values.update(rows=values["rows"] - 1), "as it was written"),
        (lambda values: values.update(rows=values["rows"] + 1), "as it was written|within"),
        (lambda values: values.update(rows=values["block_rows"]), "1 offsets"),
        (lambda values: values.update(block_rows=32_767), "power of two"),
        (lambda values: values.update(block_rows=65_536), "2 offsets"),
        (lambda values: values.update(block_rows=2**52), "1 offsets"),
        (lambda values: values.update(file_bytes=values["file_bytes"] + 8), "bytes, got"),
        (lambda values: values.update(file_bytes=0), "within"),
        (lambda values: values["blocks"].pop(), "3 offsets"),
        (lambda values: values["blocks"].append(values["blocks"][0]), "3 offsets"),
        (lambda values: values["blocks"].reverse(), "block 0 at"),
        (lambda values: values["blocks"][0].__setitem__(0, 705), "block 0 at"),
        (lambda values: values["blocks"][0].__setitem__(0, 712), "as it was written|within"),
        (lambda values: values["blocks"][2].__setitem__(0, values["file_bytes"]), "block 2 at"),
        (lambda values: values["blocks"][0].__setitem__(1, "0" * 16), "block 0 as"),
        (lambda values: values["blocks"][0].__setitem__(1, "0" * 17), "format 1"),
        (lambda values: values.update(frame="0" * 16), "around the blocks"),
        (lambda values: values["parts"].update(dataset="b"), "expected the manifest of"),
        (lambda values: values["parts"].update(dataset=1), "format 1"),
        (lambda values: values.update(format_version=2), "format 1"),
        (lambda values: values.update(format_version=True), "format 1"),
        (lambda values: values.update(format="other"), "format 1"),
        (lambda values: values.update(extra=1), "format 1"),
        (lambda values: values.pop("frame"), "format 1"),
        (lambda values: values["layout"].update(row_bytes=256), "offsets"),
        (lambda values: values["layout"]["fields"].pop(), "expected the manifest of"),
        (lambda values: values.update(blocks="none"), "format 1"),
    ],
)
def test_a_manifest_that_lies_under_a_hash_that_fits_is_refused(folder, change, words):
    _reseal(folder / "manifest.json", change)
    with pytest.raises(IntegrityError, match=words):
        RowCache(folder.parent).open(folder.name)


@pytest.mark.parametrize("number", HUGE)
def test_numbers_that_overflow_are_refused(folder, number):
    before = (folder / "manifest.json").read_bytes()
    for change in (
        lambda values: values.update(rows=number),
        lambda values: values.update(block_rows=number),
        lambda values: values.update(file_bytes=number),
        lambda values: values["blocks"][0].__setitem__(0, number),
        lambda values: values["blocks"][1].__setitem__(0, number),
        lambda values: values["layout"]["fields"][0].update(width=number),
    ):
        _reseal(folder / "manifest.json", change)
        _refused(folder)
        (folder / "manifest.json").write_bytes(before)


def _mutated(values: Any, chosen: random.Random) -> Any:
    """Another value: an entry dropped, doubled or swapped, a number moved, a character changed, somewhere inside."""
    if isinstance(values, dict) and values:
        name = chosen.choice(sorted(values))
        return values | {name: _mutated(values[name], chosen)} if chosen.random() < 0.9 else {}
    if isinstance(values, list) and values:
        place, action = chosen.randrange(len(values)), chosen.random()
        if action < 0.7:
            return [*values[:place], _mutated(values[place], chosen), *values[place + 1 :]]
        return values[:place] + values[place + 1 :] if action < 0.85 else [*values, values[place]]
    if isinstance(values, int):
        return chosen.choice([values + chosen.randrange(-9, 10), values ^ 1 << chosen.randrange(53), *HUGE, None, 0.5])
    if isinstance(values, str) and values:
        place = chosen.randrange(len(values))
        return values[:place] + chosen.choice("0f9az\0é") + values[place + 1 :]
    return chosen.choice([None, [], {}, "x", 1, [[1, "x"]]])


def test_any_mutation_is_refused_or_changes_nothing(folder, soak_factor):
    """Seeded: bits of both files, and members of a manifest whose own hash fits."""
    chosen, manifest, rows = random.Random(7), folder / "manifest.json", folder / "rows.arrow"
    before = manifest.read_bytes()
    expected = RowCache(folder.parent).open(folder.name).arrays()
    refused = 0
    for _ in range(400 * soak_factor):
        _reseal(manifest, lambda values: values.update(_mutated(values, chosen)))
        flipped = chosen.randrange(rows.stat().st_size) if chosen.random() < 0.3 else None
        if flipped is not None:
            _flip(rows, flipped, 3)
        try:
            found = RowCache(folder.parent).open(folder.name).arrays()
            assert flipped is None
            assert all(np.array_equal(found[name], array) for name, array in expected.items())
        except IntegrityError:
            refused += 1
        if flipped is not None:
            _flip(rows, flipped, 3)
        manifest.write_bytes(before)
    assert refused > 300 * soak_factor


def test_damaged_rows_are_written_anew_and_said_so(tmp_path, caplog):
    folder, arrays = cached(tmp_path)
    (folder / "rows.arrow").chmod(0o644)
    _flip(folder / "rows.arrow", 100_000, 0)
    with caplog.at_level(logging.WARNING):
        table = RowCache(tmp_path).build(RowLayout.of(arrays), parts_of(), batches_of(arrays, 5000))
    assert "cached rows are damaged" in caplog.text
    assert np.array_equal(table.arrays()["sparse"], arrays["sparse"])
    assert RowCache(tmp_path).open(folder.name).rows == ROWS
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]


def test_a_manifest_is_canonical(whole):
    data = (whole / "manifest.json").read_bytes()
    assert data == canonical_json(json.loads(data))
